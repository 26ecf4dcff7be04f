//! The processes of a stack in their order: stage after stage up, and down in reverse.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use super::keeper::{Keeper, Kept, Order};
use super::spec::ProcessSpec;
use super::wire::{Listing, Phase, Process, Reply};

/// A stop may not ask for more grace than this.
const MAX_GRACE: Duration = Duration::from_secs(120);

/// Everything that runs. Cheap to share.
#[derive(Debug)]
pub(crate) struct Stack {
    stages: Vec<Vec<Member>>,
    keepers: TaskTracker,
    phase: watch::Sender<Phase>,
}

#[derive(Debug)]
struct Member {
    spec: Arc<ProcessSpec>,
    kept: Kept,
}

// === impl Stack ===

impl Stack {
    /// A stack whose processes rest. The stages start one after another.
    pub(crate) fn new(stages: Vec<Vec<ProcessSpec>>, http: &reqwest::Client) -> Self {
        let keepers = TaskTracker::new();
        let member = |spec: ProcessSpec| {
            let spec = Arc::new(spec);
            let (keeper, kept) = Keeper::new(spec.clone(), http.clone());
            keepers.spawn(keeper.run());
            Member { spec, kept }
        };
        let stages = stages
            .into_iter()
            .map(|stage| stage.into_iter().map(member).collect())
            .collect();
        keepers.close();
        Self {
            stages,
            keepers,
            phase: watch::Sender::new(Phase::Starting),
        }
    }

    /// Starts everything; ends when each process has been ready once, or early when `stop` is cancelled.
    pub(crate) async fn start(&self, stop: &CancellationToken) {
        for stage in &self.stages {
            for member in stage {
                let (started, _) = oneshot::channel();
                // A closed keeper means that the stop overtook us; it is seen below.
                drop(member.kept.orders.send(Order::Start(started)).await);
            }
            let gates = stage.iter().filter(|member| member.spec.gate);
            if !wait_ready(gates, stop).await {
                return;
            }
        }
        if wait_ready(self.stages.iter().flatten(), stop).await {
            self.phase.send_replace(Phase::Up);
            info!(event.action = "stack-up", "every process is ready");
        }
    }

    /// Stops everything in reverse order and waits until it is gone.
    pub(crate) async fn stop(&self) {
        self.phase.send_replace(Phase::Stopping);
        for stage in self.stages.iter().rev() {
            for member in stage {
                let grace = member.spec.grace;
                drop(member.kept.orders.send(Order::Close { grace }).await);
            }
            for member in stage {
                // Ends when its keeper has ended.
                let mut process = member.kept.process.clone();
                while process.changed().await.is_ok() {}
            }
        }
        self.keepers.wait().await;
    }

    /// What runs.
    pub(crate) fn listing(&self) -> Listing {
        Listing {
            supervisor: std::process::id(),
            phase: *self.phase.borrow(),
            processes: self
                .stages
                .iter()
                .flatten()
                .map(|member| member.kept.process.borrow().clone())
                .collect(),
        }
    }

    /// Stops one life of a process, and may start the next.
    pub(crate) async fn end_one(&self, node: &str, incarnation: u64, grace: Duration, again: bool) -> Reply {
        let grace = grace.min(MAX_GRACE);
        let order = |done| Order::Stop {
            incarnation,
            grace,
            again,
            done,
        };
        match self.tell(node, order).await {
            Ok(did) => Reply::Stopped(did),
            Err(reason) => Reply::Error(reason),
        }
    }

    /// Starts a process.
    pub(crate) async fn start_one(&self, node: &str) -> Reply {
        match self.tell(node, Order::Start).await {
            Ok(process) => Reply::Started(process),
            Err(reason) => Reply::Error(reason),
        }
    }

    async fn tell<T>(
        &self,
        node: &str,
        order: impl FnOnce(oneshot::Sender<T>) -> Order,
    ) -> Result<T, String> {
        let member = self
            .stages
            .iter()
            .flatten()
            .find(|member| member.spec.node == node)
            .ok_or_else(|| format!("there is no process '{node}' in this stack"))?;
        if *self.phase.borrow() == Phase::Stopping {
            return Err("the stack is being stopped".to_owned());
        }
        let (reply, answer) = oneshot::channel();
        let ended = |()| format!("'{node}' could not be started or is being stopped; see its last exit");
        member
            .kept
            .orders
            .send(order(reply))
            .await
            .map_err(|_| ended(()))?;
        answer.await.map_err(|_| ended(()))
    }
}

/// Waits until all of them are ready; false when `stop` came first.
async fn wait_ready<'a>(members: impl Iterator<Item = &'a Member>, stop: &CancellationToken) -> bool {
    for member in members {
        let mut process = member.kept.process.clone();
        let ready = process.wait_for(|process: &Process| process.ready);
        let went = tokio::select! {
            ready = ready => ready.is_ok(),
            () = stop.cancelled() => false,
        };
        if !went {
            return false;
        }
    }
    true
}
