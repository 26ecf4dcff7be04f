//! TLS in front of HTTP: a listener whose connections are decrypted, with certificate and key from PEM files.
//!
//! Handshakes run beside one another: a client that is slow to shake hands holds up nobody else.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;
use tracing::debug;

/// How long a client may take to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Handshakes under way; beyond it new connections wait in the socket's queue.
const MAX_HANDSHAKES: usize = 256;

/// How long to wait after a failed accept, such as for want of file descriptors.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Reads certificate chain and key.
pub fn config(certificate: &Path, key: &Path) -> anyhow::Result<Arc<ServerConfig>> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("reading the certificates in {}", certificate.display()))?;
    if chain.is_empty() {
        return Err(anyhow!("there is no certificate in {}", certificate.display()));
    }
    let secret = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("reading the private key in {}", key.display()))?;
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("choosing TLS versions")?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .context("the private key does not fit the certificate")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A listener whose connections speak TLS.
pub struct TlsListener {
    socket: TcpListener,
    acceptor: TlsAcceptor,
    handshakes: JoinSet<io::Result<(TlsStream<TcpStream>, SocketAddr)>>,
}

// === impl TlsListener ===

impl TlsListener {
    /// Puts TLS in front of a socket.
    pub fn new(socket: TcpListener, config: Arc<ServerConfig>) -> Self {
        Self {
            socket,
            acceptor: TlsAcceptor::from(config),
            handshakes: JoinSet::new(),
        }
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                Some(done) = self.handshakes.join_next() => match done {
                    Ok(Ok(connection)) => return connection,
                    Ok(Err(error)) => debug!(%error, "a TLS handshake failed"),
                    Err(error) => debug!(%error, "a TLS handshake ended"),
                },
                accepted = self.socket.accept(), if self.handshakes.len() < MAX_HANDSHAKES => match accepted {
                    Ok((stream, address)) => {
                        let acceptor = self.acceptor.clone();
                        self.handshakes.spawn(async move {
                            let stream = timeout(HANDSHAKE, acceptor.accept(stream)).await??;
                            Ok((stream, address))
                        });
                    }
                    Err(error) => {
                        debug!(%error, "a connection was not accepted");
                        tokio::time::sleep(BACK_OFF).await;
                    }
                },
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}
