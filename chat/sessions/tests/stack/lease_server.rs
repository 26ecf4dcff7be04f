//! A lease server: the part of the control plane that a node needs. Leases end when the test says so.

use std::sync::Arc;
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
}

impl LeaseServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let leases = Arc::new(Leases {
            membership: watch::Sender::new(Membership::default()),
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

    /// The lease of a node ends.
    pub(crate) fn expire(&self, node: &NodeName) {
        self.leases.change(|membership| {
            let before = membership.members.len();
            membership.members.retain(|member| member.node != *node);
            membership.members.len() != before
        });
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
}

async fn lease(State(leases): State<Arc<Leases>>, Json(request): Json<LeaseRequest>) -> Json<LeaseGrant> {
    let node = request.member.node.clone();
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
    let membership = leases.membership.borrow().clone();
    Json(LeaseGrant {
        membership,
        ttl_ms: 5000,
    })
}
