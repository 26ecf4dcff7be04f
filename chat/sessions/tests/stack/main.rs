//! A small stack in one process: a lease server, nodes of the chat clusters over real sockets, and a gateway.
//!
//! Each node has a runtime of its own, so that it can be killed: its tasks stop where they are, its connections
//! break, and nothing is handed over.

mod delivery;
mod gateway;
mod lease_server;
mod membership;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_admin::{AdminClient, DrainRequest, NodeHealth};
use chat_node::{Node, NodeOptions, Shell};
use chat_proto::{Cluster, NodeName};
use lifecycle::{CancellationToken, Sockets};

pub(crate) use gateway::Gateway;
pub(crate) use lease_server::LeaseServer;

const TOKEN: &str = "the fabric token of a test";

/// How long anything may take. Nothing does unless the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// The stack.
pub(crate) struct Stack {
    pub(crate) lease: LeaseServer,
    folder: tempfile::TempDir,
}

/// A running node.
pub(crate) struct Running {
    pub(crate) node: Node,
    stop: CancellationToken,
    runtime: Option<tokio::runtime::Runtime>,
    service: Option<tokio::task::JoinHandle<anyhow::Result<()>>>,
}

impl Stack {
    pub(crate) async fn start() -> Self {
        Self {
            lease: LeaseServer::start().await,
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts a node and waits until it is in its ring.
    pub(crate) async fn node(&self, cluster: Cluster, name: &str) -> Running {
        let running = self.node_that_starts(cluster, name).await;
        let incarnation = running.node.incarnation();
        self.lease
            .wait_until(|membership| {
                membership
                    .ready(cluster)
                    .any(|member| member.node.as_str() == name && member.incarnation == incarnation)
            })
            .await;
        running
    }

    async fn node_that_starts(&self, cluster: Cluster, name: &str) -> Running {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let stop = CancellationToken::new();
        let options = options(cluster, name, self);
        let (ready, started) = tokio::sync::oneshot::channel();
        let token = stop.clone();
        let service = runtime.spawn(async move {
            let shell = Shell::start(options, &mut Sockets::default(), token).await?;
            // The test may have ended already.
            drop(ready.send(shell.node.clone()));
            match cluster {
                Cluster::Data => chat_data::run(shell).await,
                Cluster::Guilds => chat_guilds::run(shell).await,
                Cluster::Presence => chat_presence::run(shell).await,
                Cluster::Sessions => chat_sessions::run(shell).await,
                other => unreachable!("no test starts {other}"),
            }
        });
        Running {
            node: started.await.expect("the node starts"),
            stop,
            runtime: Some(runtime),
            service: Some(service),
        }
    }

    /// A gateway, which also sends as the api does.
    pub(crate) async fn gateway(&self) -> Arc<Gateway> {
        self.gateway_called("gateway-0").await
    }

    pub(crate) async fn gateway_called(&self, name: &str) -> Arc<Gateway> {
        let shell = Shell::start(
            options(Cluster::Gateway, name, self),
            &mut Sockets::default(),
            CancellationToken::new(),
        )
        .await
        .expect("the gateway starts");
        Gateway::start(shell)
    }
}

impl Running {
    pub(crate) fn name(&self) -> &NodeName {
        self.node.name()
    }

    /// As `kill -9` would.
    pub(crate) fn kill(mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// As SIGTERM would.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        if let Some(service) = self.service.take() {
            let ended = tokio::time::timeout(PATIENCE, service).await;
            ended
                .expect("it stops in time")
                .expect("it does not panic")
                .expect("it stops without an error");
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// As the control plane drains a node: returns when it holds nothing.
    pub(crate) async fn drain(&self) {
        let admin = self.admin();
        let request = DrainRequest {
            operation: "a test".into(),
            fence: 1,
            incarnation: self.node.incarnation(),
        };
        admin.drain(&request).await.expect("it may be drained");
        until("the node is drained", async || {
            let health: NodeHealth = admin.health().await.expect("it answers");
            health.drain.is_some_and(|drain| drain.left == 0)
        })
        .await;
    }

    pub(crate) async fn health(&self) -> NodeHealth {
        self.admin().health().await.expect("it answers")
    }

    fn admin(&self) -> AdminClient {
        let view = self.node.view();
        let member = view.membership().member(self.name()).expect("it knows itself");
        AdminClient::new(reqwest::Client::new(), member.admin, TOKEN)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "still waiting: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn options(cluster: Cluster, name: &str, stack: &Stack) -> NodeOptions {
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    NodeOptions {
        cluster,
        node: NodeName::from(name),
        data: stack.folder().to_owned(),
        control: stack.lease.url(),
        token: TOKEN.to_owned(),
        listen: free,
        admin: free,
        public_url: "ws://127.0.0.1:8080".to_owned(),
    }
}
