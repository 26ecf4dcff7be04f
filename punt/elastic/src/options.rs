//! How to talk to a server: who we are, whom we trust, how bodies are packed, how long we wait.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::address::basic;

/// How long a request may take when nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Everything about a connection that is not its address.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a request may take, from its start to the last byte of the answer.
    pub timeout: Duration,
    /// Who we are.
    pub auth: Auth,
    /// Whom we trust; only for `https` addresses.
    pub tls: Tls,
    /// How request bodies are packed.
    pub compression: Compression,
    /// Further headers of every request.
    pub headers: Vec<(String, String)>,
}

/// Who we are. Its `Debug` shows no secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Auth {
    /// Nobody, or whom the address names.
    #[default]
    None,
    /// A user and a password.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// An API key of Elasticsearch: `id:key`, or that in base 64 as the engine shows it.
    ApiKey(String),
    /// A bearer token.
    Bearer(String),
}

/// Whom we trust, and how we show who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Certificates (PEM) of the authorities that are trusted; without it, those of the system.
    pub ca_file: Option<PathBuf>,
    /// Our certificate chain (PEM), for servers that want one.
    pub certificate_file: Option<PathBuf>,
    /// Its private key (PEM).
    pub key_file: Option<PathBuf>,
    /// Whether the server's certificate is checked. Without that, anybody can read what is sent.
    pub verify: bool,
}

/// How request bodies are packed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compression {
    /// As they are.
    #[default]
    None,
    /// gzip, which every engine reads.
    Gzip,
    /// Zstandard: half the work, for what reads it. (Elasticsearch and OpenSearch do not; proxies may.)
    Zstd,
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: TIMEOUT,
            auth: Auth::None,
            tls: Tls::default(),
            compression: Compression::None,
            headers: Vec::new(),
        }
    }
}

// === impl Tls ===

impl Default for Tls {
    fn default() -> Self {
        Self {
            ca_file: None,
            certificate_file: None,
            key_file: None,
            verify: true,
        }
    }
}

// === impl Auth ===

impl Auth {
    /// The value of the `Authorization` header.
    pub(crate) fn header(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Basic { user, password } => Some(basic(user, password)),
            // base 64 has no colon.
            Self::ApiKey(key) if key.contains(':') => Some(format!("ApiKey {}", BASE64_STANDARD.encode(key))),
            Self::ApiKey(key) => Some(format!("ApiKey {key}")),
            Self::Bearer(token) => Some(format!("Bearer {token}")),
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Basic { user, .. } => write!(f, "Basic({user}:***)"),
            Self::ApiKey(_) => f.write_str("ApiKey(***)"),
            Self::Bearer(_) => f.write_str("Bearer(***)"),
        }
    }
}

// === impl Compression ===

impl Compression {
    /// The `Content-Encoding`.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_in_the_header_and_never_in_debug() {
        for (auth, header) in [
            (Auth::ApiKey("id:key".into()), "ApiKey aWQ6a2V5"),
            (Auth::ApiKey("aWQ6a2V5".into()), "ApiKey aWQ6a2V5"),
            (Auth::Bearer("key".into()), "Bearer key"),
            (
                Auth::Basic {
                    user: "me".into(),
                    password: "key".into(),
                },
                "Basic bWU6a2V5",
            ),
        ] {
            assert_eq!(auth.header().unwrap(), header);
            assert!(!format!("{auth:?}").contains("key"), "{auth:?}");
        }
    }
}
