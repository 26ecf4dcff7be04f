//! Sockets over real WebSockets, with a sessions cluster of one process that can be killed, moved and revived.

mod client;
mod cluster;
mod handshake;
mod survival;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::limits::Limits;
use crate::server;
use crate::socket::Shared;
use crate::sockets::Sockets;

use client::Client;
use cluster::Cluster;

/// A gateway node without its shell.
struct Gateway {
    address: SocketAddr,
    cluster: Cluster,
    drain: watch::Sender<bool>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

fn quick() -> Limits {
    Limits {
        goodbye_time: Duration::from_millis(300),
        wave_pause: Duration::from_millis(10),
        ..Limits::default()
    }
}

impl Gateway {
    async fn start(limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sockets = Arc::new(Sockets::default());
        let cluster = Cluster::new(sockets.clone());
        let shared = Arc::new(Shared {
            backend: cluster.clone(),
            limits,
            public_url: "ws://edge".to_owned(),
            observe: Box::new(|_, _| {}),
            observe_written: Box::new(|_| {}),
        });
        let (drain, draining) = watch::channel(false);
        let stop = CancellationToken::new();
        let task = tokio::spawn(server::serve(listener, shared, sockets, draining, stop.clone()));
        Self {
            address,
            cluster,
            drain,
            stop,
            task,
        }
    }

    async fn connect(&self) -> Client {
        Client::connect(self.address, "?v=10&encoding=json").await
    }

    /// A client that has READY and its guild.
    async fn ready(&self) -> Client {
        let mut client = self.connect().await;
        client.identify().await;
        let ready = client.dispatch().await;
        assert_eq!(ready["t"], "READY");
        let guild = client.dispatch().await;
        assert_eq!(guild["t"], "GUILD_CREATE");
        client
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}
