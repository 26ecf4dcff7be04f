//! The server's side of TLS from PEM files (rustls, TLS 1.2 and 1.3).

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::config::TlsConfig;

/// Reads the files and checks that they fit together. `protocols`: what ALPN offers.
pub(in crate::source) fn acceptor(config: &TlsConfig, protocols: &[&[u8]]) -> anyhow::Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::from_pem_file(&config.key)
        .with_context(|| format!("reading the private key {}", config.key.display()))?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .context("setting up TLS")?;
    let builder = match &config.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots
                    .add(certificate)
                    .with_context(|| format!("{} holds no authority's certificate", path.display()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = match config.client_certificate_optional {
                true => verifier.allow_unauthenticated(),
                false => verifier,
            };
            builder.with_client_cert_verifier(verifier.build().context("setting up client certificates")?)
        }
    };
    let mut server = builder
        .with_single_cert(certificates(&config.certificate)?, key)
        .with_context(|| {
            format!(
                "the certificate {} and the key {} do not fit together",
                config.certificate.display(),
                config.key.display()
            )
        })?;
    server.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(TlsAcceptor::from(Arc::new(server)))
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let reading = || format!("reading the certificates {}", path.display());
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .with_context(reading)?
        .collect::<Result<_, _>>()
        .with_context(reading)?;
    if found.is_empty() {
        bail!("{} holds no certificate in PEM form", path.display());
    }
    Ok(found)
}
