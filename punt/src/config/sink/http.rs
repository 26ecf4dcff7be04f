//! `type = "http"`: events as the body of a POST.

use serde::Deserialize;

use super::connection::{AuthConfig, CompressionConfig, ConnectionConfig, TlsConfig, Urls, headers};

/// A server that takes documents by POST.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpSinkConfig {
    /// The whole address that is posted to; several share the load.
    #[serde(alias = "urls")]
    pub(crate) url: Urls,
    /// The form of the body.
    #[serde(default)]
    pub(crate) encoding: HttpEncoding,
    /// Further headers. `${NAME}` is a variable of the environment.
    #[serde(default, deserialize_with = "headers")]
    pub(crate) headers: Vec<(String, String)>,
    #[serde(default)]
    pub(crate) auth: Option<AuthConfig>,
    #[serde(default)]
    pub(crate) tls: Option<TlsConfig>,
    #[serde(default)]
    pub(crate) compression: CompressionConfig,
}

/// The form of a body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HttpEncoding {
    /// A document a line.
    #[default]
    Ndjson,
    /// One JSON array.
    Json,
}

// === impl HttpSinkConfig ===

impl HttpSinkConfig {
    pub(crate) fn connection(&self) -> ConnectionConfig<'_> {
        ConnectionConfig {
            auth: &self.auth,
            tls: &self.tls,
            compression: self.compression,
        }
    }

    pub(super) fn faults(&self) -> Vec<String> {
        self.connection().faults(&self.url)
    }
}
