//! Secrets at rest: salted hashes, compared in constant time.
//!
//! Passwords are chosen by people, so their hash is Argon2id, which is slow on purpose. API keys are 256 random
//! bits, for which one SHA-256 is enough.

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::error::{ApiError, ApiResult};

/// How a secret was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Method {
    /// A password.
    Argon2,
    /// A random key.
    Sha256,
}

/// A secret as it is kept.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hashed {
    method: Method,
    salt: [u8; 16],
    hash: [u8; 32],
}

impl std::fmt::Debug for Hashed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hashed(***)")
    }
}

// === impl Hashed ===

impl Hashed {
    /// Hashes a password. Takes tens of milliseconds.
    pub fn password(password: &str) -> ApiResult<Self> {
        Self::new(Method::Argon2, password)
    }

    /// Hashes a random key.
    pub fn key(key: &str) -> ApiResult<Self> {
        Self::new(Method::Sha256, key)
    }

    fn new(method: Method, secret: &str) -> ApiResult<Self> {
        let salt: [u8; 16] = rand::random();
        let hash = digest(method, &salt, secret)?;
        Ok(Self { method, salt, hash })
    }

    /// Whether a secret is the one that was hashed.
    pub fn is(&self, secret: &str) -> bool {
        digest(self.method, &self.salt, secret).is_ok_and(|hash| hash.ct_eq(&self.hash).into())
    }
}

fn digest(method: Method, salt: &[u8; 16], secret: &str) -> ApiResult<[u8; 32]> {
    match method {
        Method::Argon2 => {
            let mut hash = [0; 32];
            argon2::Argon2::default()
                .hash_password_into(secret.as_bytes(), salt, &mut hash)
                .map_err(|error| ApiError::internal(format!("cannot hash a password: {error}")))?;
            Ok(hash)
        }
        Method::Sha256 => Ok(Sha256::new()
            .chain_update(salt)
            .chain_update(secret.as_bytes())
            .finalize()
            .into()),
    }
}

/// A secret of 256 random bits, in letters that need no escaping.
pub fn random() -> String {
    let bits: [u8; 32] = rand::random();
    bits.iter().fold(String::with_capacity(64), |mut text, byte| {
        use std::fmt::Write as _;
        let _never_fails = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_again_and_never_shown() {
        for hashed in [
            Hashed::password("s3cret").unwrap(),
            Hashed::key("s3cret").unwrap(),
        ] {
            assert!(hashed.is("s3cret"));
            assert!(!hashed.is("s3cret2"));
            assert!(!format!("{hashed:?}").contains("s3cret"));
        }
        assert_ne!(random(), random());
    }
}
