//! Certificates for tests: an authority, a server and a client that it signed.

use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// Writes `ca.pem`, `server.pem`, `server.key`, `client.pem` and `client.key` into the folder.
pub(crate) fn write(folder: &Path) {
    let ca_key = KeyPair::generate().expect("a key");
    let mut ca = CertificateParams::new(Vec::<String>::new()).expect("parameters");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = ca.self_signed(&ca_key).expect("a certificate");
    let put = |name: &str, text: String| std::fs::write(folder.join(name), text).expect("written");
    put("ca.pem", certificate.pem());
    let issuer = Issuer::new(ca, ca_key);
    for name in ["server", "client"] {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        let certificate = params.signed_by(&key, &issuer).expect("a certificate");
        put(&format!("{name}.pem"), certificate.pem());
        put(&format!("{name}.key"), key.serialize_pem());
    }
}

/// A client that trusts the authority, with or without its own certificate.
pub(crate) fn client(folder: &Path, with_certificate: bool) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificate = |name: &str| CertificateDer::from_pem_file(folder.join(name)).expect("a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(certificate("ca.pem")).expect("an authority");
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    Arc::new(match with_certificate {
        false => builder.with_no_client_auth(),
        true => {
            let key = PrivateKeyDer::from_pem_file(folder.join("client.key")).expect("a key");
            builder
                .with_client_auth_cert(vec![certificate("client.pem")], key)
                .expect("they fit together")
        }
    })
}
