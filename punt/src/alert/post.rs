//! One `POST` to a URL of HTTP or HTTPS. The URL may hold a secret and is never part of an error.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Who sends.
const AGENT: &str = concat!("punt/", env!("CARGO_PKG_VERSION"));

/// A client of one URL.
pub(super) struct Post {
    url: Uri,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// Why a try failed.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) reason: String,
    /// Trying again may help, after so long if the other side said so.
    pub(super) again: bool,
    pub(super) after: Option<Duration>,
}

// === impl Post ===

impl Post {
    /// A client of this URL. Reads the system's certificates if it is one of HTTPS.
    pub(super) fn new(url: &str) -> Result<Self, String> {
        let url: Uri = url
            .parse()
            .map_err(|error| format!("its url is no URL: {error}"))?;
        let https = match url.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("its url must begin with http:// or https://".to_owned()),
        };
        let mut roots = rustls::RootCertStore::empty();
        if https {
            // Of certificates that cannot be read the others are used; without any, nobody is trusted.
            let system = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(system.certs);
            if roots.is_empty() {
                return Err("this machine has no certificates to trust; install ca-certificates".to_owned());
            }
        }
        let provider = rustls::crypto::ring::default_provider();
        let tls = rustls::ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("no TLS: {error}"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            url,
            client: Client::builder(TokioExecutor::new()).build(connector),
        })
    }

    /// Sends it once. What the answer says beyond its status is of no interest.
    pub(super) async fn send(&self, body: String) -> Result<(), Failed> {
        let mut request = Request::post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, AGENT);
        if let Some(authority) = self.url.authority()
            && let Some((user, _)) = authority.as_str().rsplit_once('@')
        {
            use base64::Engine as _;
            let credentials = base64::engine::general_purpose::STANDARD.encode(user);
            request = request.header(hyper::header::AUTHORIZATION, format!("Basic {credentials}"));
        }
        let request = request.body(Full::from(body)).map_err(|error| Failed {
            reason: format!("no request: {error}"),
            again: false,
            after: None,
        })?;
        let answer = self.client.request(request).await.map_err(|error| Failed {
            reason: with_causes(&error),
            again: true,
            after: None,
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let after = answer
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse::<f64>().ok())
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        Err(Failed {
            reason: format!("the answer is {status}"),
            again: status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429),
            after,
        })
    }
}

/// An error with its causes, which hyper keeps to itself.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
