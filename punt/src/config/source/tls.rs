//! TLS on a listening socket of a source.

use std::path::PathBuf;

use serde::Deserialize;

/// What a source shows to those who connect, and what it asks of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsConfig {
    /// The certificate chain, PEM, our own certificate first.
    pub(crate) certificate: PathBuf,
    /// Its private key, PEM.
    pub(crate) key: PathBuf,
    /// The authorities (PEM) that client certificates must come from. Without it, none is asked for.
    pub(crate) client_ca: Option<PathBuf>,
    /// Whether who has no client certificate is let in all the same, with `client_ca`.
    #[serde(default)]
    pub(crate) client_certificate_optional: bool,
}

// === impl TlsConfig ===

impl TlsConfig {
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (key, path) in [
            ("certificate", Some(&self.certificate)),
            ("key", Some(&self.key)),
            ("client_ca", self.client_ca.as_ref()),
        ] {
            if let Some(path) = path
                && let Err(error) = std::fs::File::open(path)
            {
                faults.push(format!("tls.{key}: cannot open {}: {error}", path.display()));
            }
        }
        if self.client_certificate_optional && self.client_ca.is_none() {
            faults.push("tls.client_certificate_optional has no meaning without tls.client_ca".to_owned());
        }
        faults
    }
}
