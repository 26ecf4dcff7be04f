//! Who may send. Secrets are compared in constant time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use subtle::ConstantTimeEq as _;

use super::refusal::Refusal;
use crate::config::HttpAuth;

/// The `Authorization` values that are let in.
pub(super) struct Auth {
    /// Scheme in lower case, and what must follow it.
    accepted: Vec<(&'static str, String)>,
}

// === impl Auth ===

impl Auth {
    pub(super) fn new(ways: &[HttpAuth]) -> Self {
        let accepted = ways.iter().map(|way| match way {
            HttpAuth::Basic { user, password } => ("basic", STANDARD.encode(format!("{user}:{password}"))),
            HttpAuth::Bearer { token } => ("bearer", token.clone()),
            // Clients take `id:key` and send it encoded.
            HttpAuth::ApiKey { key } if key.contains(':') => ("apikey", STANDARD.encode(key)),
            HttpAuth::ApiKey { key } => ("apikey", key.clone()),
        });
        Self {
            accepted: accepted.collect(),
        }
    }

    /// Refuses a request that may not send.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if self.accepted.is_empty() {
            return Ok(());
        }
        let refuse = |reason: &str| Err(Refusal::new(401, "security_exception", reason));
        let Some(given) = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
            return refuse("missing authentication credentials for REST request");
        };
        let (scheme, secret) = given.split_once(' ').unwrap_or((given, ""));
        let known = self.accepted.iter().any(|(accepted, expected)| {
            scheme.eq_ignore_ascii_case(accepted)
                && bool::from(secret.trim().as_bytes().ct_eq(expected.as_bytes()))
        });
        match known {
            true => Ok(()),
            false => refuse("unable to authenticate with the given credentials"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(auth: &Auth, header: &str) -> Option<u16> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, header.parse().unwrap());
        auth.check(&headers).err().map(|refusal| refusal.status)
    }

    #[test]
    fn each_way_lets_in_who_knows_its_secret_and_nobody_else() {
        let auth = Auth::new(&[
            HttpAuth::Basic {
                user: "beats".into(),
                password: "s:cret".into(),
            },
            HttpAuth::Bearer { token: "t0k".into() },
            HttpAuth::ApiKey { key: "id:key".into() },
        ]);
        for good in ["Basic YmVhdHM6czpjcmV0", "bearer t0k", "ApiKey aWQ6a2V5"] {
            assert_eq!(status(&auth, good), None, "{good}");
        }
        for bad in [
            "Basic YmVhdHM6eA==",
            "Bearer aWQ6a2V5",
            "t0k",
            "Bearer ",
            "ApiKey id:key",
        ] {
            assert_eq!(status(&auth, bad), Some(401), "{bad}");
        }
        assert!(auth.check(&HeaderMap::new()).is_err());
        assert!(Auth::new(&[]).check(&HeaderMap::new()).is_ok());
    }
}
