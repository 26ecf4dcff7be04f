//! A client that checks what every client relies on: `s` goes up by one.

use std::net::SocketAddr;
use std::time::Duration;

use flate2::{Decompress, FlushDecompress};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// Far longer than anything takes, so that a test that fails ends.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Client {
    stream: WebSocketStream<TcpStream>,
    zlib: Decompress,
    pub(super) seq: u64,
    pub(super) session: String,
    /// The numbers of the events seen, in the order in which they came.
    pub(super) events: Vec<u64>,
}

/// What a client hears.
#[derive(Debug)]
pub(super) enum Heard {
    Payload(Value),
    Closed(Option<u16>, String),
}

impl Client {
    /// Connects and hears Hello.
    pub(super) async fn connect(address: SocketAddr, query: &str) -> Self {
        let mut client = Self::open(address, query).await;
        match client.hear().await {
            Heard::Payload(hello) => assert_eq!(
                (&hello["op"], &hello["d"]["heartbeat_interval"]),
                (&json!(10), &json!(41_250))
            ),
            other => panic!("{other:?}"),
        }
        client
    }

    pub(super) async fn open(address: SocketAddr, query: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let url = format!("ws://gateway/{query}");
        let (stream, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        Self {
            stream,
            zlib: Decompress::new(true),
            seq: 0,
            session: String::new(),
            events: Vec::new(),
        }
    }

    pub(super) async fn say(&mut self, payload: &str) {
        self.stream.send(Message::text(payload)).await.unwrap();
    }

    pub(super) async fn op(&mut self, op: u8, d: Value) {
        self.say(&json!({"op": op, "d": d}).to_string()).await;
    }

    pub(super) async fn identify(&mut self) {
        let identify = json!({"token": "right", "intents": 513, "properties": {}, "compress": true});
        self.op(2, identify).await;
    }

    pub(super) async fn close(&mut self, code: u16) {
        let frame = CloseFrame {
            code: code.into(),
            reason: "".into(),
        };
        self.stream.close(Some(frame)).await.unwrap();
    }

    pub(super) async fn hear(&mut self) -> Heard {
        let next = tokio::time::timeout(PATIENCE, self.stream.next())
            .await
            .expect("something is heard");
        match next {
            Some(Ok(Message::Text(text))) => Heard::Payload(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Binary(bytes))) => {
                assert!(bytes.ends_with(&[0, 0, 0xff, 0xff]));
                let mut text = Vec::with_capacity(1 << 16);
                self.zlib
                    .decompress_vec(&bytes, &mut text, FlushDecompress::Sync)
                    .unwrap();
                Heard::Payload(serde_json::from_slice(&text).unwrap())
            }
            Some(Ok(Message::Close(frame))) => {
                let reason = frame.as_ref().map(|frame| frame.reason.to_string());
                Heard::Closed(frame.map(|frame| frame.code.into()), reason.unwrap_or_default())
            }
            Some(Ok(other)) => panic!("{other:?}"),
            Some(Err(_)) | None => Heard::Closed(None, String::new()),
        }
    }

    /// The next payload.
    pub(super) async fn payload(&mut self) -> Value {
        match self.hear().await {
            Heard::Payload(payload) => payload,
            other => panic!("{other:?}"),
        }
    }

    /// The next dispatch; nothing else may come before it.
    pub(super) async fn dispatch(&mut self) -> Value {
        let payload = self.payload().await;
        assert_eq!(payload["op"], 0, "{payload}");
        let seq = payload["s"].as_u64().unwrap();
        assert_eq!(seq, self.seq + 1, "s goes up by one: {payload}");
        self.seq = seq;
        if payload["t"] == "READY" {
            self.session = payload["d"]["session_id"].as_str().unwrap().to_owned();
        }
        if let Some(event) = payload["d"]["event"].as_u64() {
            self.events.push(event);
        }
        payload
    }

    /// Hears dispatches until it has seen event `last`.
    pub(super) async fn until_event(&mut self, last: u64) {
        while self.events.last() != Some(&last) {
            self.dispatch().await;
        }
    }

    pub(super) async fn expect_close(&mut self, code: u16) {
        match self.hear().await {
            Heard::Closed(Some(heard), reason) => assert_eq!(heard, code, "{reason}"),
            other => panic!("expected close {code}, heard {other:?}"),
        }
    }
}
