//! REST requests: to one api node after another, until one answers or it is no longer safe to ask again.

use bytes::Bytes;
use chat_proto::Cluster;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::answer::{self, Body};
use crate::limits::Limits;
use crate::upstreams::Upstreams;

/// Headers that speak of one connection only (RFC 9110, 7.6.1) and stop here.
static HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Idle connections kept to each api node.
const IDLE_CONNECTIONS: usize = 64;

/// Sends requests on.
#[derive(Debug)]
pub(crate) struct Forward {
    client: Client<HttpConnector, Full<Bytes>>,
}

// === impl Forward ===

impl Forward {
    pub(crate) fn new(limits: &Limits) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(limits.connect_time));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Self { client }
    }

    /// Answers `request`, whatever happens.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        upstreams: &Upstreams,
        limits: &Limits,
    ) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        let reading = Limited::new(body, limits.body_bytes).collect();
        // The body is read whole before a node is asked, so that it can be sent to another one.
        let body = match tokio::time::timeout(limits.client_time, reading).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                return answer::error(StatusCode::PAYLOAD_TOO_LARGE);
            }
            Ok(Err(_)) => return answer::error(StatusCode::BAD_REQUEST),
            Err(_) => return answer::error(StatusCode::REQUEST_TIMEOUT),
        };
        strip(&mut parts.headers);
        let mut search = upstreams.search(Cluster::Api, limits.hold);
        let asking = async {
            while let Some(target) = search.next().await {
                let Ok(uri) = uri_at(&parts.uri, &target.address.to_string()) else {
                    return answer::error(StatusCode::BAD_REQUEST);
                };
                let mut outgoing = Request::new(Full::new(body.clone()));
                *outgoing.method_mut() = parts.method.clone();
                *outgoing.uri_mut() = uri;
                *outgoing.headers_mut() = parts.headers.clone();
                match self.client.request(outgoing).await {
                    Ok(response) => return pass_back(response),
                    Err(error) => {
                        let unsent = error.is_connect();
                        tracing::debug!(%error, labels.peer = target.node, unsent, "an api node failed");
                        if !unsent && !repeatable(&parts.method) {
                            return answer::error(StatusCode::BAD_GATEWAY);
                        }
                    }
                }
            }
            answer::error(StatusCode::SERVICE_UNAVAILABLE)
        };
        tokio::time::timeout(limits.request_time, asking)
            .await
            .unwrap_or_else(|_| answer::error(StatusCode::GATEWAY_TIMEOUT))
    }
}

/// Whether doing it twice is the same as doing it once (RFC 9110, 9.2.2).
fn repeatable(method: &Method) -> bool {
    method.is_idempotent()
}

fn uri_at(uri: &Uri, authority: &str) -> Result<Uri, http::Error> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Uri::builder()
        .scheme("http")
        .authority(authority)
        .path_and_query(path)
        .build()
}

fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
    // The body was read whole; the client writes its length.
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::EXPECT);
}

fn pass_back(response: Response<Incoming>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let length: Option<HeaderValue> = parts.headers.get(header::CONTENT_LENGTH).cloned();
    strip(&mut parts.headers);
    if let Some(length) = length {
        parts.headers.insert(header::CONTENT_LENGTH, length);
    }
    Response::from_parts(parts, body.boxed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_the_connection_stop_here() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, x-private"),
            ("x-private", "1"),
            ("te", "trailers"),
            ("authorization", "Bot token"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        strip(&mut headers);
        let left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["authorization"]);
    }

    #[test]
    fn path_and_query_stay_as_they_are() {
        let uri: Uri = "/api/v10/channels/1/messages?limit=5&before=%31".parse().unwrap();
        assert_eq!(
            uri_at(&uri, "127.0.0.1:9").unwrap(),
            "http://127.0.0.1:9/api/v10/channels/1/messages?limit=5&before=%31"
        );
    }
}
