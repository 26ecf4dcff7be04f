//! Keeping the lease: the node's heartbeat to the control plane, and its long poll for the membership.
//!
//! While the control plane is away a node keeps serving with the view it has, and asks again.

use std::time::Duration;

use chat_admin::{LeaseGrant, LeaseRequest, NodeState};
use tracing::{info, warn};

use crate::Node;

/// How long the control plane may hold the answer: also the time between heartbeats.
const WAIT: Duration = Duration::from_secs(1);

/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_millis(200);

/// Heartbeats until `node.stop()`; then one last one that gives the lease back is up to [`leave`].
pub(crate) async fn keep(node: Node, http: reqwest::Client) {
    let mut states = node.states();
    let mut reachable = true;
    let stop = node.stop().clone();
    loop {
        let state = *states.borrow_and_update();
        let answer = tokio::select! {
            answer = ask(&node, &http, false, WAIT) => answer,
            // A new state is told at once.
            _ = states.changed() => continue,
            () = stop.cancelled() => return,
        };
        match answer {
            Ok(grant) => {
                if !reachable {
                    info!(event.action = "control-found", "the control plane answers again");
                    reachable = true;
                }
                node.set_check("lease", true, format!("{} ms", grant.ttl_ms));
                node.update(grant.membership);
            }
            Err(error) => {
                // Children start beside the control plane: its first second is no news.
                if reachable && state != NodeState::Starting {
                    warn!(event.action = "control-lost", %error, "the control plane does not answer, serving on");
                    reachable = false;
                }
                node.set_check("lease", false, error);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Gives the lease back, so that peers need not wait for its end.
pub(crate) async fn leave(node: &Node, http: &reqwest::Client) {
    if let Err(error) = ask(node, http, true, Duration::ZERO).await {
        warn!(%error, "cannot give the lease back");
    }
}

async fn ask(node: &Node, http: &reqwest::Client, leave: bool, wait: Duration) -> Result<LeaseGrant, String> {
    let request = LeaseRequest {
        member: node.member(),
        known: node.view().generation(),
        wait_ms: u64::try_from(wait.as_millis()).unwrap_or(0),
        leave,
    };
    let response = http
        .post(format!(
            "{}/v1/lease",
            node.options().control.trim_end_matches('/')
        ))
        .bearer_auth(&node.options().token)
        .timeout(wait + Duration::from_secs(1))
        .json(&request)
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .map_err(|error| error.to_string())?;
    response.json().await.map_err(|error| error.to_string())
}
