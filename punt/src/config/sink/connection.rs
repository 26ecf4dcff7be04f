//! How a sink reaches its servers: addresses, secrets, trust, packing.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use punt_elastic::{Auth, Compression, Options, Tls};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// The parts of a connection that sinks over HTTP share, gathered from their tables.
pub(crate) struct ConnectionConfig<'a> {
    pub(crate) auth: &'a Option<AuthConfig>,
    pub(crate) tls: &'a Option<TlsConfig>,
    pub(crate) compression: CompressionConfig,
}

/// One address, or several that take the same events.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "OneOrMany")]
pub(crate) struct Urls(pub(crate) Vec<String>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "url is neither an address nor a list of addresses")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// Who we are to the servers.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum AuthConfig {
    Basic { user: Secret, password: Secret },
    ApiKey { key: Secret },
    Bearer { token: Secret },
}

/// A text that is nobody's business: written out, `${NAME}` from the environment, or `{ file = "PATH" }`.
/// It is read when the configuration is.
#[derive(Clone, Deserialize)]
#[serde(try_from = "SecretSource")]
pub(crate) struct Secret(String);

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a secret is a text, \"${NAME}\", or { file = \"PATH\" }"
)]
enum SecretSource {
    Text(String),
    File(SecretFile),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretFile {
    file: PathBuf,
}

/// Whom we trust.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsConfig {
    /// Certificates (PEM) of the authorities that are trusted; without it, those of the system.
    ca_file: Option<PathBuf>,
    /// Our certificate chain (PEM).
    certificate_file: Option<PathBuf>,
    /// Its private key (PEM).
    key_file: Option<PathBuf>,
    /// Whether the server's certificate is checked.
    #[serde(default = "yes")]
    verify: bool,
}

/// How request bodies are packed.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CompressionConfig {
    #[default]
    None,
    Gzip,
    Zstd,
}

fn yes() -> bool {
    true
}

// === impl ConnectionConfig ===

impl ConnectionConfig<'_> {
    /// The options of a client.
    pub(crate) fn options(&self, timeout: Duration) -> Options {
        let auth = match self.auth {
            None => Auth::None,
            Some(AuthConfig::Basic { user, password }) => Auth::Basic {
                user: user.0.clone(),
                password: password.0.clone(),
            },
            Some(AuthConfig::ApiKey { key }) => Auth::ApiKey(key.0.clone()),
            Some(AuthConfig::Bearer { token }) => Auth::Bearer(token.0.clone()),
        };
        let tls = self.tls.as_ref().map_or_else(Tls::default, |tls| Tls {
            ca_file: tls.ca_file.clone(),
            certificate_file: tls.certificate_file.clone(),
            key_file: tls.key_file.clone(),
            verify: tls.verify,
        });
        let compression = match self.compression {
            CompressionConfig::None => Compression::None,
            CompressionConfig::Gzip => Compression::Gzip,
            CompressionConfig::Zstd => Compression::Zstd,
        };
        Options {
            timeout,
            auth,
            tls,
            compression,
            headers: Vec::new(),
        }
    }

    /// What is wrong with the addresses, seen with everything else.
    pub(super) fn faults(&self, urls: &Urls) -> Vec<String> {
        if urls.0.is_empty() {
            return vec!["url names no address, and nothing could be sent".to_owned()];
        }
        let options = self.options(Duration::from_secs(1));
        let faults = urls
            .0
            .iter()
            .map(|url| punt_elastic::Transport::new(url, &options));
        faults
            .filter_map(|made| made.err().map(|error| error.to_string()))
            .collect()
    }
}

// === impl Urls ===

impl From<OneOrMany> for Urls {
    fn from(urls: OneOrMany) -> Self {
        match urls {
            OneOrMany::One(url) => Self(vec![url]),
            OneOrMany::Many(urls) => Self(urls),
        }
    }
}

// === impl Secret ===

impl TryFrom<SecretSource> for Secret {
    type Error = String;

    fn try_from(source: SecretSource) -> Result<Self, String> {
        match source {
            SecretSource::File(SecretFile { file }) => match std::fs::read_to_string(&file) {
                Ok(text) => Ok(Self(text.trim_end_matches(['\r', '\n']).to_owned())),
                Err(error) => Err(format!("cannot read the secret in {}: {error}", file.display())),
            },
            SecretSource::Text(text) => {
                let Some(name) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) else {
                    return Ok(Self(text));
                };
                std::env::var(name)
                    .map(Self)
                    .map_err(|_| format!("the environment has no {name}, which is to hold a secret"))
            }
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

// === impl CompressionConfig ===

/// Header names and values, as a table.
pub(super) fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, String)>, D::Error> {
    let table = toml::Table::deserialize(deserializer)?;
    let text = |(name, value): (String, toml::Value)| match value {
        toml::Value::String(text) => Secret::try_from(SecretSource::Text(text))
            .map(|secret| (name, secret.0))
            .map_err(D::Error::custom),
        _ => Err(D::Error::custom(format!("the header {name:?} is no text"))),
    };
    table.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Table {
        auth: AuthConfig,
    }

    #[test]
    fn a_secret_comes_from_the_text_the_environment_or_a_file_and_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "from-file\n").unwrap();
        let path = path.display().to_string();
        for (token, expected) in [
            ("\"plain\"".to_owned(), "plain".to_owned()),
            (
                "\"${CARGO_PKG_NAME}\"".to_owned(),
                env!("CARGO_PKG_NAME").to_owned(),
            ),
            (format!("{{ file = \"{path}\" }}"), "from-file".to_owned()),
        ] {
            if std::env::var("CARGO_PKG_NAME").is_err() && token.contains('$') {
                continue;
            }
            let table: Table =
                toml::from_str(&format!("auth = {{ type = \"bearer\", token = {token} }}")).unwrap();
            assert!(!format!("{table:?}").contains(&expected));
            let connection = ConnectionConfig {
                auth: &Some(table.auth),
                tls: &None,
                compression: CompressionConfig::None,
            };
            assert_eq!(
                connection.options(Duration::from_secs(1)).auth,
                Auth::Bearer(expected)
            );
        }
        let missing = "auth = { type = \"bearer\", token = \"${NO_SUCH_VARIABLE_OF_PUNT}\" }";
        let error = toml::from_str::<Table>(missing).unwrap_err().to_string();
        assert!(
            error.contains("NO_SUCH_VARIABLE_OF_PUNT") || error.contains("secret"),
            "{error}"
        );
    }
}
