//! HTTP to one server: a request goes out, its whole answer comes back, or an [`Error`] that says whether another
//! try can help. What is in the bodies is not known here; `Elastic` stands on it, and so do other HTTP sinks.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use hyper::{Method, Request};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::address::Address;
use crate::{Compression, Error, Options, tls};

/// JSON.
pub const JSON: &str = "application/json";
/// Newline-delimited JSON.
pub const NDJSON: &str = "application/x-ndjson";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections that nobody needs are closed after so long, before load balancers forget them (60 s is usual).
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// No answer is read beyond this: an answer to a bulk request of 100 MB is not a tenth of it.
const ANSWER_BYTES: usize = 256 << 20;

/// Small bodies are sent as they are: packing them costs more than it saves.
const WORTH_PACKING: usize = 1024;

/// A server. Cheap to clone; clones share the connections.
#[derive(Debug, Clone)]
pub struct Transport {
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    address: Arc<Address>,
    headers: HeaderMap,
    compression: Compression,
    timeout: Duration,
}

// === impl Transport ===

impl Transport {
    /// A client of the server at `url`, such as `https://engine:9200`. It connects with the first request.
    pub fn new(url: &str, options: &Options) -> Result<Self, Error> {
        let address = Address::parse(url)?;
        let refuse = |reason: String| Error::Address {
            url: address.shown().to_owned(),
            reason,
        };
        let mut headers = HeaderMap::new();
        for (name, value) in &options.headers {
            let name =
                HeaderName::try_from(name).map_err(|_| refuse(format!("{name:?} is no header name")))?;
            let value = HeaderValue::try_from(value).map_err(|_| {
                refuse(format!(
                    "the value of the header {name} has bytes that no header may have"
                ))
            })?;
            headers.append(name, value);
        }
        if let Some(value) = options.auth.header().or_else(|| address.authorization.clone()) {
            let mut value = HeaderValue::try_from(value)
                .map_err(|_| refuse("the secret has bytes that no header may have".to_owned()))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        // A plain address needs no trust, and reads no certificates.
        let config = if address.https {
            tls::config(&options.tls).map_err(|reason| refuse(format!("TLS: {reason}")))?
        } else {
            let trusting = crate::Tls {
                verify: false,
                ..crate::Tls::default()
            };
            tls::config(&trusting).map_err(refuse)?
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector);
        Ok(Self {
            http,
            address: Arc::new(address),
            headers,
            compression: options.compression,
            timeout: options.timeout,
        })
    }

    /// The same client with another limit for how long a request may take.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The address, without user and password.
    pub fn address(&self) -> &str {
        self.address.shown()
    }

    /// Sends one request and reads its answer. `path` has no leading slash; its parts are encoded already, as
    /// far as they could be taken for something else.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Option<Bytes>,
    ) -> Result<Bytes, Error> {
        let operation = format!("{method} /{}", path.split('?').next().unwrap_or(path));
        let mut request = Request::new(Full::default());
        *request.method_mut() = method;
        *request.uri_mut() = self.address.join(path)?;
        request.headers_mut().clone_from(&self.headers);
        if let Some(body) = body {
            let (body, encoding) = self.packed(body).await;
            let content_type = HeaderValue::try_from(content_type).unwrap_or(HeaderValue::from_static(JSON));
            request.headers_mut().insert(CONTENT_TYPE, content_type);
            if let Some(encoding) = encoding {
                request
                    .headers_mut()
                    .insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
            }
            *request.body_mut() = Full::new(body);
        }
        let exchange = self.exchange(&operation, request);
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::Unreachable {
                operation,
                reason: format!(
                    "it took longer than the {} ms a request may take",
                    self.timeout.as_millis()
                ),
                timed_out: true,
            }),
        }
    }

    async fn exchange(&self, operation: &str, request: Request<Full<Bytes>>) -> Result<Bytes, Error> {
        let response = self
            .http
            .request(request)
            .await
            .map_err(|error| Error::unreachable(operation, &error))?;
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(seconds);
        let body = Limited::new(response.into_body(), ANSWER_BYTES)
            .collect()
            .await
            .map_err(|error| Error::unreachable(operation, error.as_ref()))?
            .to_bytes();
        if status.is_success() {
            Ok(body)
        } else {
            Err(Error::refused(operation, status, retry_after, &body))
        }
    }

    /// The body as it is sent. Packing is the work of a thread that may be busy.
    async fn packed(&self, body: Bytes) -> (Bytes, Option<&'static str>) {
        let compression = self.compression;
        if compression == Compression::None || body.len() < WORTH_PACKING {
            return (body, None);
        }
        let plain = body.clone();
        match tokio::task::spawn_blocking(move || pack(&body, compression)).await {
            Ok(Ok(packed)) => (packed.into(), compression.name()),
            // Out of memory, or at the end of the runtime: it can be sent as it is.
            _ => (plain, None),
        }
    }
}

fn pack(body: &[u8], compression: Compression) -> io::Result<Vec<u8>> {
    let room = body.len() / 6;
    match compression {
        Compression::None => Ok(body.to_vec()),
        Compression::Gzip => {
            let mut packer =
                flate2::write::GzEncoder::new(Vec::with_capacity(room), flate2::Compression::fast());
            packer.write_all(body)?;
            packer.finish()
        }
        Compression::Zstd => zstd::bulk::compress(body, 1),
    }
}

/// `Retry-After` in seconds. (Its other form, a date, is answered with our own back-off.)
fn seconds(value: &HeaderValue) -> Option<Duration> {
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
