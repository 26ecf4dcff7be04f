//! A lease server: the part of the control plane that a node needs. Leases end when the test says so.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use chat_admin::{LeaseGrant, LeaseRequest};
use chat_proto::{Generation, Membership, NodeName};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The lease server.
pub(crate) struct LeaseServer {
    url: String,
    leases: Arc<Leases>,
    /// Aborted with the server.
    _serving: JoinSet<()>,
}

struct Leases {
    membership: watch::Sender<Membership>,
    /// Nodes that cannot reach the control plane.
    cut_off: Mutex<HashSet<NodeName>>,
}

impl LeaseServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let leases = Arc::new(Leases {
            membership: watch::Sender::new(Membership::default()),
            cut_off: Mutex::new(HashSet::new()),
        });
        let router = Router::new()
            .route("/v1/lease", post(lease))
            .with_state(leases.clone());
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self {
            url,
            leases,
            _serving: serving,
        }
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// The newest generation.
    pub(crate) fn generation(&self) -> Generation {
        self.leases.membership.borrow().generation
    }

    /// The lease of a node ends.
    pub(crate) fn expire(&self, node: &NodeName) {
        self.leases.change(|membership| {
            let before = membership.members.len();
            membership.members.retain(|member| member.node != *node);
            membership.members.len() != before
        });
    }

    /// From now on the node cannot reach the control plane; its lease ends.
    pub(crate) fn cut_off(&self, node: &NodeName) {
        self.leases
            .cut_off
            .lock()
            .expect("no test panics in there")
            .insert(node.clone());
        self.expire(node);
    }

    /// A generation that changes nothing.
    pub(crate) fn bump(&self) {
        self.leases.change(|_| true);
    }

    pub(crate) async fn wait_until(&self, condition: impl FnMut(&Membership) -> bool) {
        let mut changes = self.leases.membership.subscribe();
        let waiting = tokio::time::timeout(super::PATIENCE, changes.wait_for(condition));
        waiting
            .await
            .expect("the membership becomes so in time")
            .expect("the server is there");
    }
}

impl Leases {
    fn change(&self, change: impl FnOnce(&mut Membership) -> bool) {
        self.membership.send_if_modified(|membership| {
            let changed = change(membership);
            if changed {
                membership.generation = Generation(membership.generation.0 + 1);
            }
            changed
        });
    }

    fn is_cut_off(&self, node: &NodeName) -> bool {
        self.cut_off
            .lock()
            .expect("no test panics in there")
            .contains(node)
    }
}

async fn lease(State(leases): State<Arc<Leases>>, Json(request): Json<LeaseRequest>) -> Json<LeaseGrant> {
    let node = request.member.node.clone();
    if leases.is_cut_off(&node) {
        std::future::pending::<()>().await;
    }
    leases.change(|membership| {
        let place = membership
            .members
            .binary_search_by(|member| member.node.cmp(&node));
        match (place, request.leave) {
            (Ok(place), true) => {
                membership.members.remove(place);
                true
            }
            (Ok(place), false) if membership.members[place] == request.member => false,
            (Ok(place), false) => {
                membership.members[place] = request.member;
                true
            }
            (Err(place), false) => {
                membership.members.insert(place, request.member);
                true
            }
            (Err(_), true) => false,
        }
    });
    let mut changes = leases.membership.subscribe();
    let newer = changes.wait_for(|membership| membership.generation > request.known);
    // The poll's own wait, cut short by news.
    drop(tokio::time::timeout(Duration::from_millis(request.wait_ms), newer).await);
    if leases.is_cut_off(&node) {
        std::future::pending::<()>().await;
    }
    let membership = leases.membership.borrow().clone();
    Json(LeaseGrant {
        membership,
        ttl_ms: 5000,
    })
}
