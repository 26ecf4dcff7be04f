//! WebSockets: the upgrade goes to a gateway node, and then both sides' bytes pass unread.

use std::time::Duration;

use bytes::Bytes;
use chat_proto::Cluster;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::answer::{self, Body};
use crate::limits::Limits;
use crate::upstreams::{Target, Upstreams};

/// How long one direction may outlive the other: enough for the last bytes, too short to pile up.
const LINGER: Duration = Duration::from_secs(5);

/// The open tunnels.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tunnels {
    open: TaskTracker,
    /// The connections that carry them, and those that carried a refusal.
    connections: TaskTracker,
}

/// Whether a request asks for a WebSocket.
pub(crate) fn is_upgrade<B>(request: &Request<B>) -> bool {
    request
        .headers()
        .get(header::UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

// === impl Tunnels ===

impl Tunnels {
    /// How many there are.
    pub(crate) fn len(&self) -> u64 {
        self.open.len() as u64
    }

    /// Waits until all are closed; they close when `stop` is cancelled.
    pub(crate) async fn finish(&self) {
        self.open.close();
        self.open.wait().await;
        self.connections.close();
        self.connections.wait().await;
    }

    /// Answers an upgrade request with what a gateway node says to it.
    pub(crate) async fn answer(
        &self,
        mut request: Request<Incoming>,
        upstreams: &Upstreams,
        limits: &Limits,
        stop: &CancellationToken,
    ) -> Response<Body> {
        if self.open.len() >= limits.connections {
            return answer::error(StatusCode::SERVICE_UNAVAILABLE);
        }
        let client_side = hyper::upgrade::on(&mut request);
        let mut search = upstreams.search(Cluster::Gateway, limits.hold_upgrade);
        while let Some(target) = search.next().await {
            let asking = self.ask(&request, &target, stop);
            match tokio::time::timeout(limits.connect_time * 2, asking).await {
                Ok(Ok(response)) => return self.pass_back(response, client_side, stop),
                Ok(Err(error)) => {
                    tracing::debug!(error = %format!("{error:#}"), labels.peer = target.node, "a gateway node failed");
                }
                Err(_) => tracing::debug!(labels.peer = target.node, "a gateway node does not answer"),
            }
        }
        answer::error(StatusCode::SERVICE_UNAVAILABLE)
    }

    async fn ask(
        &self,
        request: &Request<Incoming>,
        target: &Target,
        stop: &CancellationToken,
    ) -> anyhow::Result<Response<Incoming>> {
        let stream = TcpStream::connect(target.address).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await?;
        let stop = stop.clone();
        self.connections.spawn(async move {
            // Its errors are seen where the response or the upgraded side is used.
            drop(stop.run_until_cancelled(connection.with_upgrades()).await);
        });
        let mut outgoing = Request::new(Empty::new());
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *outgoing.uri_mut() = path.parse()?;
        *outgoing.headers_mut() = request.headers().clone();
        Ok(sender.send_request(outgoing).await?)
    }

    fn pass_back(
        &self,
        mut response: Response<Incoming>,
        client_side: OnUpgrade,
        stop: &CancellationToken,
    ) -> Response<Body> {
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return response.map(BodyExt::boxed);
        }
        let node_side = hyper::upgrade::on(&mut response);
        let stop = stop.clone();
        self.open.spawn(async move {
            let tunnel = async {
                match tokio::try_join!(client_side, node_side) {
                    Ok((client, node)) => carry(client, node).await,
                    Err(error) => tracing::debug!(%error, "an upgrade was not completed"),
                }
            };
            // A stop cuts the tunnels: their clients resume through the next process.
            stop.run_until_cancelled(tunnel).await;
        });
        let (parts, _) = response.into_parts();
        Response::from_parts(parts, answer::full(Bytes::new()))
    }
}

/// Copies both ways until both sides have closed, or one has and the other does not follow.
async fn carry(client: Upgraded, node: Upgraded) {
    let (client_read, client_write) = tokio::io::split(TokioIo::new(client));
    let (node_read, node_write) = tokio::io::split(TokioIo::new(node));
    let mut up = std::pin::pin!(copy(client_read, node_write));
    let mut down = std::pin::pin!(copy(node_read, client_write));
    let late = tokio::select! {
        () = &mut up => tokio::time::timeout(LINGER, down).await,
        () = &mut down => tokio::time::timeout(LINGER, up).await,
    };
    if late.is_err() {
        tracing::debug!("one side of a tunnel was cut off: the other had closed");
    }
}

/// Copies one way and passes the end on. An error is an end: the reader on the other side sees it.
async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
    drop(tokio::io::copy(&mut from, &mut to).await);
    drop(to.shutdown().await);
}
