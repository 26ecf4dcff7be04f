//! The proxy between real sockets: clients on one side, nodes that misbehave on the other.

#![allow(
    clippy::unwrap_used,
    reason = "a broken expectation in a helper is a failed test"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chat_edge::{Edge, Limits, Target, Targets, Upstreams};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

struct Proxy {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// A node that reads one request per connection and answers with `reply`; none: it hangs up.
struct FakeNode {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    async fn start(api: &[SocketAddr], gateway: &[SocketAddr]) -> Self {
        let targets = |addresses: &[SocketAddr]| {
            let target = |address: &SocketAddr| Target {
                node: format!("node-{}", address.port()),
                address: *address,
            };
            addresses.iter().map(target).collect()
        };
        let (sender, upstreams) = Upstreams::new();
        sender.send_replace(Targets {
            api: targets(api),
            gateway: targets(gateway),
        });
        let limits = Limits {
            body_bytes: 1000,
            hold: Duration::from_millis(300),
            hold_upgrade: Duration::from_millis(300),
            ..Limits::default()
        };
        let edge = Edge::new(upstreams, limits, |_, _| {});
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let stopped = stop.clone();
        tasks.spawn(async move {
            edge.serve(listener, stopped).await;
            drop(sender);
        });
        Self { address, stop, tasks }
    }

    /// Sends `request` and reads the answer to its end.
    async fn ask(&self, request: &str) -> String {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }
}

impl FakeNode {
    async fn start(reply: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let head = read_head(&mut socket).await;
                counted.fetch_add(1, Ordering::SeqCst);
                if let Some(reply) = reply {
                    let length = head.len() + reply.len();
                    let text = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{head}{reply}"
                    );
                    socket.write_all(text.as_bytes()).await.unwrap();
                }
            }
        });
        Self {
            address,
            asked,
            _tasks: tasks,
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn read_head(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// An address where nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: edge\r\nauthorization: Bot x\r\nconnection: close\r\n\r\n")
}

fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: edge\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn a_request_reaches_a_node_with_its_headers_and_an_id() {
    let node = FakeNode::start(Some("answer")).await;
    let proxy = Proxy::start(&[node.address], &[]).await;
    let answer = proxy.ask(&get("/api/v10/users/@me?x=1")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let (head, echoed) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        echoed.starts_with("GET /api/v10/users/@me?x=1 HTTP/1.1\r\n"),
        "{echoed}"
    );
    assert!(echoed.contains("authorization: Bot x"), "{echoed}");
    assert!(!echoed.contains("connection: close"), "{echoed}");
    let id = head
        .lines()
        .find(|line| line.starts_with("x-request-id: "))
        .unwrap();
    assert!(echoed.contains(id), "the client's and the node's id are the same");
    proxy.stop().await;
}

#[tokio::test]
async fn a_node_that_cannot_be_reached_is_passed_over_even_for_a_post() {
    let node = FakeNode::start(Some("answer")).await;
    let proxy = Proxy::start(&[nobody().await, node.address], &[]).await;
    for _ in 0..4 {
        let answer = proxy.ask(&post("/api/v10/channels/1/messages", "{}")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    assert_eq!(node.asked(), 4);
    proxy.stop().await;
}

#[tokio::test]
async fn only_what_is_safe_to_repeat_is_asked_again_after_a_broken_connection() {
    let (broken, node) = (FakeNode::start(None).await, FakeNode::start(Some("answer")).await);
    let proxy = Proxy::start(&[broken.address, node.address], &[]).await;
    for _ in 0..4 {
        let answer = proxy.ask(&get("/api/v10/gateway")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    assert!(broken.asked() > 0, "it was its turn, too");
    proxy.stop().await;
    let proxy = Proxy::start(&[broken.address], &[]).await;
    let before = broken.asked();
    let answer = proxy.ask(&post("/api/v10/guilds", "{}")).await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert_eq!(broken.asked(), before + 1, "a POST goes out once");
    proxy.stop().await;
}

#[tokio::test]
async fn without_a_ready_node_the_client_is_told_when_to_come_back() {
    let proxy = Proxy::start(&[], &[]).await;
    let answer = proxy.ask(&get("/api/v10/gateway")).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
    assert!(
        answer.ends_with(r#"{"message":"503: Service Unavailable","code":0,"retry_after":1.0}"#),
        "{answer}"
    );
    proxy.stop().await;
}

#[tokio::test]
async fn too_much_is_refused() {
    let node = FakeNode::start(Some("answer")).await;
    let proxy = Proxy::start(&[node.address], &[]).await;
    let answer = proxy.ask(&post("/api/v10/guilds", &"x".repeat(1001))).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let long = format!(
        "GET /api/v10/gateway HTTP/1.1\r\nx: {}\r\n\r\n",
        "y".repeat(64 << 10)
    );
    let mut socket = TcpStream::connect(proxy.address).await.unwrap();
    // The edge may hang up before the head has been written whole.
    drop(socket.write_all(long.as_bytes()).await);
    let mut answer = [0; 12];
    if socket.read_exact(&mut answer).await.is_ok() {
        assert_eq!(&answer, b"HTTP/1.1 431");
    }
    assert_eq!(node.asked(), 0);
    proxy.stop().await;
}

#[tokio::test]
async fn other_paths_say_what_this_is() {
    let proxy = Proxy::start(&[], &[]).await;
    let answer = proxy.ask(&get("/")).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.contains("Guildwatch"),
        "{answer}"
    );
    let answer = proxy.ask(&get("/favicon.ico")).await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    proxy.stop().await;
}

#[tokio::test]
async fn a_websocket_passes_byte_for_byte_and_ends_with_either_side() {
    const UPGRADE: &str = "GET /?v=10&encoding=json HTTP/1.1\r\nhost: edge\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: abc\r\n\r\n";
    let gateway = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::start(&[], &[nobody().await, gateway.local_addr().unwrap()]).await;
    for client_ends in [true, false] {
        let mut client = TcpStream::connect(proxy.address).await.unwrap();
        client.write_all(UPGRADE.as_bytes()).await.unwrap();
        let (mut node, _) = gateway.accept().await.unwrap();
        let head = read_head(&mut node).await;
        assert!(
            head.starts_with("GET /?v=10&encoding=json HTTP/1.1\r\n"),
            "{head}"
        );
        assert!(head.contains("sec-websocket-key: abc"), "{head}");
        let switching = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: def\r\n\r\n";
        node.write_all(switching.as_bytes()).await.unwrap();
        node.write_all(b"\x81\x02hi").await.unwrap();
        let head = read_head(&mut client).await;
        assert!(
            head.starts_with("HTTP/1.1 101 ") && head.contains("sec-websocket-accept: def"),
            "{head}"
        );
        let mut bytes = [0; 4];
        client.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"\x81\x02hi");
        client.write_all(b"\x00\xff\x81\x85").await.unwrap();
        node.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"\x00\xff\x81\x85");
        let (ending, mut other) = if client_ends {
            (client, node)
        } else {
            (node, client)
        };
        drop(ending);
        let mut rest = Vec::new();
        // A reset is an end as well.
        drop(other.read_to_end(&mut rest).await);
        assert!(rest.is_empty());
    }
    proxy.stop().await;
}

#[tokio::test]
async fn a_stop_cuts_tunnels_and_returns() {
    let gateway = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::start(&[], &[gateway.local_addr().unwrap()]).await;
    let mut client = TcpStream::connect(proxy.address).await.unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nhost: edge\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n")
        .await
        .unwrap();
    let (mut node, _) = gateway.accept().await.unwrap();
    read_head(&mut node).await;
    node.write_all(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        .await
        .unwrap();
    read_head(&mut client).await;
    proxy.stop().await;
    let mut rest = Vec::new();
    drop(client.read_to_end(&mut rest).await);
    assert!(rest.is_empty());
}
