//! A server that echoes, for the tests of this folder; some payloads make it do something else.
#![allow(dead_code, reason = "each test binary uses its part of it")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use loqui::{CancellationToken, Handler, Options, Peer, Rejection};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

pub(crate) struct Echo {
    /// `wait` requests take one permit each.
    pub(crate) gate: Semaphore,
    pub(crate) begun: AtomicUsize,
    pub(crate) connected: AtomicUsize,
    pub(crate) closed: AtomicUsize,
    pub(crate) pushed: Mutex<Vec<Bytes>>,
    pub(crate) peers: Mutex<Vec<Peer>>,
}

impl Default for Echo {
    fn default() -> Self {
        Self {
            gate: Semaphore::new(0),
            begun: AtomicUsize::new(0),
            connected: AtomicUsize::new(0),
            closed: AtomicUsize::new(0),
            pushed: Mutex::default(),
            peers: Mutex::default(),
        }
    }
}

impl Handler for Echo {
    fn upgrade(&self, headers: &[(String, String)]) -> Result<(), Rejection> {
        match headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("x-token"))
        {
            Some((_, token)) if token != "right" => Err(Rejection {
                status: 401,
                reason: "wrong token".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    fn connected(&self, peer: &Peer) {
        self.peers.lock().unwrap().push(peer.clone());
        self.connected.fetch_add(1, Ordering::SeqCst);
    }

    async fn request(&self, peer: Peer, payload: Bytes) -> Result<Bytes, (u16, String)> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        match &payload[..] {
            b"wait" => self.gate.acquire().await.unwrap().forget(),
            b"fail" => return Err((1444, "errrror!".to_owned())),
            b"panic" => panic!("a handler that breaks"),
            b"push back" => {
                for number in 0..100_u8 {
                    peer.push(Bytes::from(vec![number]))
                        .map_err(|error| (1, error.to_string()))?;
                }
            }
            b"who" => {
                return Ok(Bytes::copy_from_slice(
                    peer.header("X-Name").unwrap_or("").as_bytes(),
                ));
            }
            _ => {}
        }
        Ok(payload)
    }

    async fn push(&self, _peer: &Peer, payload: Bytes) {
        tokio::task::yield_now().await;
        self.pushed.lock().unwrap().push(payload);
    }

    fn closed(&self, _peer: &Peer) {
        self.closed.fetch_add(1, Ordering::SeqCst);
    }
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) handler: Arc<Echo>,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// Stops the server and waits for it.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
        let counts =
            [&self.handler.connected, &self.handler.closed].map(|count| count.load(Ordering::SeqCst));
        assert_eq!(counts[0], counts[1], "whoever was connected is closed");
    }
}

pub(crate) fn options() -> Options {
    Options::default()
}

pub(crate) async fn start(handler: Echo, options: Options) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let handler = Arc::new(handler);
    let stop = CancellationToken::new();
    let task = tokio::spawn(loqui::serve(listener, handler.clone(), options, stop.clone()));
    Running {
        address,
        handler,
        stop,
        task,
    }
}

/// Waits for a condition, within bounds.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(
        tokio::time::timeout(Duration::from_secs(20), waiting)
            .await
            .is_ok(),
        "never: {what}"
    );
}
