//! Carries out the actions of an operation: on nodes through their admin ports, on processes through the
//! supervisor. Every action is safe to repeat.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chat_admin::{AdminError, DrainRequest, NodeHealth, NodeState};
use chat_proto::{Cluster, Generation, Incarnation, MemberState, NodeName};
use tokio::time::Instant;

use super::machine::{Outcome, Step};
use crate::health::Targets;
use crate::membership::registry::Registry;
use crate::supervisor::wire::{Process, SupervisorError};

/// Between two looks while something is waited for.
const LOOK: Duration = Duration::from_millis(50);
/// Others of the cluster may take this long to be well again before the next node's turn.
const OTHERS_LIMIT: Duration = Duration::from_secs(30);
/// A node that should hand over may be silent this long before it counts as ill.
const SILENT_LIMIT: Duration = Duration::from_secs(5);
/// A drain may take this long unless the operation says otherwise.
pub(crate) const DRAIN_LIMIT: Duration = Duration::from_secs(30);
/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(10);
/// The supervisor may be silent this long.
const SUPERVISOR_LIMIT: Duration = Duration::from_secs(10);
/// A new life must be ready within this.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// All other nodes must have seen it within this.
const SETTLE_LIMIT: Duration = Duration::from_secs(15);
/// A new life is watched for this long.
const BAKE: Duration = Duration::from_secs(1);

/// Who must have seen a node that is back, before the next one goes.
const WITNESSES: [Cluster; 5] = [
    Cluster::Guilds,
    Cluster::Presence,
    Cluster::Sessions,
    Cluster::Gateway,
    Cluster::Api,
];

/// The hands of all operations. Cheap to share.
#[derive(Debug, Clone)]
pub(crate) struct Hands {
    pub(crate) targets: Arc<Targets>,
    pub(crate) registry: Registry,
}

/// Who asks, for a drain.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) operation: String,
    pub(crate) fence: u64,
    pub(crate) drain_limit: Duration,
}

// === impl Hands ===

impl Hands {
    /// Waits until the others of its cluster are ready, and sees which life of `node` there is.
    pub(crate) async fn look(&self, node: &str, wait_for_others: bool) -> Outcome {
        let cluster = chat_cluster(node);
        let nodes: Vec<String> = cluster
            .map(|cluster| self.targets.topology.nodes(cluster).collect())
            .unwrap_or_default();
        if wait_for_others {
            let ready = |membership: &Arc<chat_proto::Membership>| {
                nodes.iter().filter(|other| *other != node).all(|other| {
                    let member = membership.member(&NodeName::from(other.as_str()));
                    member.is_some_and(|member| member.state == MemberState::Ready)
                })
            };
            if self.registry.wait_for(OTHERS_LIMIT, ready).await.is_none() {
                return failed(format!(
                    "another node of its cluster was not ready within {OTHERS_LIMIT:?}"
                ));
            }
        }
        let process = match self.process(node).await {
            Ok(process) => process,
            Err(reason) => return Outcome::Failed(reason),
        };
        // A single node has nobody to hand over to, a process of the platform nothing to hand over.
        let health = if nodes.is_empty() {
            None
        } else {
            self.health_of_ready(node).await
        };
        let ready = health
            .as_ref()
            .is_some_and(|health| health.state == NodeState::Ready);
        Outcome::Seen {
            process: process.incarnation,
            life: health.map_or(0, |health| health.incarnation.0),
            drains: ready && nodes.len() > 1,
        }
    }

    /// Drains a life and waits until nothing is left; `progress` hears what it held and what is left.
    pub(crate) async fn drain(
        &self,
        step: &Step,
        order: &Order,
        mut progress: impl FnMut(u64, u64),
    ) -> Outcome {
        let request = DrainRequest {
            operation: order.operation.clone(),
            fence: order.fence,
            incarnation: Incarnation(step.life),
        };
        let deadline = Instant::now() + order.drain_limit;
        let (mut left, mut unit) = (None, String::new());
        loop {
            let health = match self.admin(&step.node) {
                // The request is repeated rather than only its outcome looked at: it is what says whether this
                // life is still ours to drain.
                Ok(admin) => admin.drain(&request).await,
                Err(reason) => return Outcome::Failed(reason),
            };
            match health {
                Ok(health) => {
                    if let Some(drain) = &health.drain {
                        progress(drain.total, drain.left);
                        if drain.left == 0 {
                            return Outcome::Done;
                        }
                        left = Some(drain.left);
                    }
                    unit = health.holds_unit;
                }
                Err(AdminError::Refused { reason, .. }) => {
                    return match self.health(&step.node).await {
                        Some(health) if health.incarnation.0 != step.life => Outcome::Replaced,
                        _ => failed(format!("refuses to drain: {}", reason.trim())),
                    };
                }
                // Perhaps it is just being replaced; the next life's refusal will tell.
                Err(AdminError::Unreachable { .. }) => {}
            }
            if Instant::now() >= deadline {
                let limit = order.drain_limit;
                return failed(match left {
                    Some(left) => format!("{left} {unit} left after {limit:?} of draining"),
                    None => format!("did not answer its drain within {limit:?}"),
                });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Sees that the process runs, and takes its drain back.
    pub(crate) async fn undrain(&self, step: &Step) -> Outcome {
        if let Outcome::Failed(reason) = self.start(step).await {
            return Outcome::Failed(reason);
        }
        if step.life == 0 || chat_cluster(&step.node).is_none() {
            return Outcome::Done;
        }
        let deadline = Instant::now() + SUPERVISOR_LIMIT;
        loop {
            let reason = match self.admin(&step.node) {
                Ok(admin) => match admin.undrain().await {
                    Ok(_) => return Outcome::Done,
                    Err(error) => error.to_string(),
                },
                Err(reason) => reason,
            };
            if Instant::now() >= deadline {
                return failed(format!("its drain could not be taken back: {reason}"));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Stops the life that the step names. The control plane itself hears no answer: its next life asks again,
    /// and then there is nothing to stop.
    pub(crate) async fn stop(&self, step: &Step) -> Outcome {
        let supervisor = &self.targets.supervisor;
        if step.node == "control-0" {
            return patiently(|| supervisor.restart(&step.node, step.process, GRACE)).await;
        }
        patiently(|| supervisor.stop(&step.node, step.process, GRACE)).await
    }

    /// Starts the process.
    pub(crate) async fn start(&self, step: &Step) -> Outcome {
        let supervisor = &self.targets.supervisor;
        patiently(|| supervisor.start(&step.node)).await
    }

    /// Waits until another life than the step's is ready.
    pub(crate) async fn await_ready(&self, step: &Step) -> Outcome {
        let deadline = Instant::now() + READY_LIMIT;
        loop {
            let seen = self.ready_again(step).await;
            match seen {
                Ok(_) => return Outcome::Done,
                Err(reason) if Instant::now() >= deadline => {
                    return failed(format!("not ready again within {READY_LIMIT:?}: {reason}"));
                }
                Err(_) => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// Waits until every node that routes has seen the generation in which the node is back.
    pub(crate) async fn await_settled(&self, step: &Step) -> Outcome {
        if chat_cluster(&step.node).is_none() {
            return Outcome::Done;
        }
        let generation = self.registry.membership().generation;
        let deadline = Instant::now() + SETTLE_LIMIT;
        loop {
            let Some(behind) = self.behind(generation).await else {
                return Outcome::Done;
            };
            if Instant::now() >= deadline {
                return failed(format!(
                    "{behind} has not seen generation {generation} within {SETTLE_LIMIT:?}"
                ));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Watches a new life for a moment.
    pub(crate) async fn bake(&self, step: &Step) -> Outcome {
        let before = self.ready_again(step).await;
        tokio::time::sleep(BAKE).await;
        match (before, self.ready_again(step).await) {
            (Ok(before), Ok(after)) if before == after => Outcome::Done,
            (_, Err(reason)) => failed(format!("not well after its restart: {reason}")),
            (_, Ok(_)) => failed("ended by itself right after its restart".to_owned()),
        }
    }

    /// The process's life that is ready and is not the step's.
    async fn ready_again(&self, step: &Step) -> Result<u64, String> {
        let process = self.process(&step.node).await?;
        if process.incarnation == step.process || !process.ready {
            let exit = process.last_exit.unwrap_or_else(|| "nothing".to_owned());
            return Err(format!("its process is not ready (last exit: {exit})"));
        }
        if chat_cluster(&step.node).is_some() {
            let membership = self.registry.membership();
            let member = membership.member(&NodeName::from(step.node.as_str()));
            let member = member.ok_or("it holds no lease")?;
            if member.state != MemberState::Ready || member.incarnation.0 == step.life {
                return Err("its new life holds no lease as ready".to_owned());
            }
        }
        Ok(process.incarnation)
    }

    /// A node that has not seen the generation, if there is one.
    async fn behind(&self, generation: Generation) -> Option<NodeName> {
        let membership = self.registry.membership();
        for cluster in WITNESSES {
            for member in membership.ready(cluster) {
                let seen = self
                    .health(member.node.as_str())
                    .await
                    .map(|health| health.generation);
                if seen < Some(generation) {
                    return Some(member.node.clone());
                }
            }
        }
        None
    }

    /// The health of a node; one that the membership calls ready gets a moment to answer.
    async fn health_of_ready(&self, node: &str) -> Option<NodeHealth> {
        let deadline = Instant::now() + SILENT_LIMIT;
        loop {
            let health = self.health(node).await;
            let membership = self.registry.membership();
            let member = membership.member(&NodeName::from(node));
            let listed = member.is_some_and(|member| member.state == MemberState::Ready);
            if health.is_some() || !listed || Instant::now() >= deadline {
                return health;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn health(&self, node: &str) -> Option<NodeHealth> {
        self.admin(node).ok()?.health().await.ok()
    }

    fn admin(&self, node: &str) -> Result<chat_admin::AdminClient, String> {
        let membership = self.registry.membership();
        self.targets
            .admin(node, &membership)
            .ok_or_else(|| "its admin port is not known".to_owned())
    }

    async fn process(&self, node: &str) -> Result<Process, String> {
        let listing = self
            .targets
            .supervisor
            .list()
            .await
            .map_err(|error| error.to_string())?;
        let process = listing.process(node).cloned();
        process.ok_or_else(|| "the supervisor has no such process".to_owned())
    }
}

fn failed(reason: String) -> Outcome {
    Outcome::Failed(reason)
}

/// The chat cluster that a node's name names.
fn chat_cluster(node: &str) -> Option<Cluster> {
    node.rsplit_once('-')?.0.parse().ok()
}

/// Asks the supervisor, which may be silent for a while.
async fn patiently<T, F: Future<Output = Result<T, SupervisorError>>>(ask: impl Fn() -> F) -> Outcome {
    let deadline = Instant::now() + SUPERVISOR_LIMIT;
    loop {
        match ask().await {
            Ok(_) => return Outcome::Done,
            Err(SupervisorError::Unreachable { .. }) if Instant::now() < deadline => {
                tokio::time::sleep(LOOK).await;
            }
            Err(error) => return failed(error.to_string()),
        }
    }
}
