//! A server against a raw socket: the bytes that the published peers rely on.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a broken expectation in a helper is a failed test"
)]

mod echo;

use std::time::Duration;

use bytes::BytesMut;
use echo::{Echo, options, start};
use loqui::{Frame, Kind, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const UPGRADE: &[u8] =
    b"GET /_rpc HTTP/1.1\r\nHost: 127.0.0.1 \r\nUpgrade: loqui\r\nConnection: upgrade\r\n\r\n";
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: loqui\r\nConnection: Upgrade\r\n\r\n";

struct Raw {
    socket: TcpStream,
    buffer: BytesMut,
}

impl Raw {
    async fn connect(server: &echo::Running) -> Self {
        Self {
            socket: TcpStream::connect(server.address).await.unwrap(),
            buffer: BytesMut::new(),
        }
    }

    async fn upgraded(server: &echo::Running) -> Self {
        let mut raw = Self::connect(server).await;
        raw.socket.write_all(UPGRADE).await.unwrap();
        let mut answer = vec![0; SWITCHING.len()];
        raw.socket.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, SWITCHING, "byte for byte");
        raw
    }

    async fn ready(server: &echo::Running) -> Self {
        let mut raw = Self::upgraded(server).await;
        raw.send(Kind::Hello {
            version: 1,
            offer: "msgpack,json|".into(),
        })
        .await;
        let ack = raw.frame().await.unwrap();
        assert!(matches!(ack.kind, Kind::HelloAck { .. }), "{ack:?}");
        raw
    }

    async fn send(&mut self, kind: Kind) {
        let mut out = BytesMut::new();
        Frame::from(kind).encode(&mut out);
        self.socket.write_all(&out).await.unwrap();
    }

    /// The next frame; `None` at the end of the connection.
    async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = Frame::decode(&mut self.buffer, 1 << 20).unwrap() {
                return Some(frame);
            }
            if self.socket.read_buf(&mut self.buffer).await.unwrap() == 0 {
                return None;
            }
        }
    }

    /// The next frame that is no ping.
    async fn answer(&mut self) -> Option<Kind> {
        loop {
            let kind = self.frame().await?.kind;
            if !matches!(kind, Kind::Ping { .. }) {
                return Some(kind);
            }
        }
    }

    async fn expect_goaway(&mut self, expected: u16) {
        match self.answer().await {
            Some(Kind::GoAway { code, .. }) => assert_eq!(code, expected),
            other => panic!("expected GOAWAY {expected}, got {other:?}"),
        }
        assert_eq!(self.answer().await, None, "and then the connection ends");
    }
}

#[tokio::test]
async fn the_hello_ack_has_the_published_bytes() {
    let server = start(
        Echo::default(),
        Options {
            ping_interval: Duration::from_secs(5),
            ..options()
        },
    )
    .await;
    let mut raw = Raw::upgraded(&server).await;
    raw.send(Kind::Hello {
        version: 1,
        offer: "msgpack,json|".into(),
    })
    .await;
    let mut ack = [0; 18];
    raw.socket.read_exact(&mut ack).await.unwrap();
    assert_eq!(
        hex::encode(ack),
        "02000000138800000008".to_owned() + "6d73677061636b7c"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_request_and_a_ping_are_answered_under_their_numbers() {
    let server = start(Echo::default(), options()).await;
    let mut raw = Raw::ready(&server).await;
    raw.send(Kind::Ping { seq: 41 }).await;
    assert_eq!(raw.answer().await, Some(Kind::Pong { seq: 41 }));
    raw.send(Kind::Request {
        seq: 7,
        payload: "hello".into(),
    })
    .await;
    assert_eq!(
        raw.answer().await,
        Some(Kind::Response {
            seq: 7,
            payload: "hello".into()
        })
    );
    server.stop().await;
}

#[tokio::test]
async fn bad_hellos_are_told_what_was_wrong() {
    let server = start(Echo::default(), options()).await;
    let hello = |version, offer: &'static str| Kind::Hello {
        version,
        offer: offer.into(),
    };
    for (first, code) in [
        (hello(2, "msgpack|"), 2),
        (hello(1, "erlpack|"), 3),
        (Kind::Ping { seq: 1 }, 1),
    ] {
        let mut raw = Raw::upgraded(&server).await;
        raw.send(first).await;
        raw.expect_goaway(code).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn frames_that_do_not_belong_end_the_connection() {
    let server = start(
        Echo::default(),
        Options {
            max_payload_bytes: 64,
            ..options()
        },
    )
    .await;
    for (bytes, code) in [
        ("63", 1),                      // no such opcode
        ("0600000000010000000161", 1),  // RESPONSE from a client
        ("070000000041", 1),            // PUSH of 65 bytes, over the limit
        ("05010000000100000001 61", 5), // compressed without agreement
        ("0100010000000161", 1),        // a second HELLO
    ] {
        let mut raw = Raw::ready(&server).await;
        raw.socket
            .write_all(&hex::decode(bytes.replace(' ', "")).unwrap())
            .await
            .unwrap();
        raw.expect_goaway(code).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_peer_that_answers_no_ping_is_told_goodbye() {
    let server = start(
        Echo::default(),
        Options {
            ping_interval: Duration::from_millis(20),
            ..options()
        },
    )
    .await;
    let mut raw = Raw::ready(&server).await;
    raw.expect_goaway(6).await;
    server.stop().await;
}

#[tokio::test]
async fn a_request_for_another_protocol_gets_an_http_answer() {
    let server = start(Echo::default(), options()).await;
    for (request, status) in [
        (&b"GET /other HTTP/1.1\r\nUpgrade: loqui\r\n\r\n"[..], "404"),
        (b"GET /_rpc HTTP/1.1\r\n\r\n", "426"),
        (b"nonsense\r\n\r\n", "400"),
    ] {
        let mut raw = Raw::connect(&server).await;
        raw.socket.write_all(request).await.unwrap();
        raw.socket.shutdown().await.unwrap();
        let mut answer = String::new();
        raw.socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    server.stop().await;
}
