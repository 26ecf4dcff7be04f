//! Where operations are asked for, kept, watched and aborted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use ops_api::{Health, NewOperation, Operation, OperationState};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info};

use super::executor;
use super::gates::{Gates, Scene};
use super::hands::{DRAIN_LIMIT, Hands, Order};
use super::run::Run;
use crate::audit::{self, Audit};
use crate::journal::{Journal, JournalError, Record};

/// Operations that are remembered.
const REMEMBERED: usize = 100;
/// Changes that a slow watcher may be behind; further ones it misses, and sees the newest state later.
const CHANGES: usize = 256;

/// The desk. Cheap to share.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    hands: Hands,
    journal: Journal,
    audit: Audit,
    runs: Mutex<BTreeMap<String, Run>>,
    /// One submission at a time: its gates and its place in the journal are one decision.
    submitting: tokio::sync::Mutex<()>,
    aborts: Mutex<BTreeMap<String, CancellationToken>>,
    changes: broadcast::Sender<Operation>,
    current: watch::Sender<Option<Operation>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// Why an operation was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("there is no cluster '{0}'")]
    UnknownCluster(String),
    #[error("there is no node '{0}'")]
    UnknownNode(String),
    #[error("there is no operation '{0}'")]
    UnknownOperation(String),
    #[error("operation {id} holds the chain: restart {cluster}, by {by}")]
    Conflict { id: String, cluster: String, by: String },
    #[error("refused by a gate: {0}")]
    Gate(String),
    #[error("the idempotency key was used for another request")]
    KeyReused,
    #[error("cannot write down what is to be done: {0}")]
    Unwritable(String),
}

// === impl Desk ===

impl Desk {
    /// A desk with the operations that were read again. Those that had not ended go on by [`Desk::resume`].
    pub(crate) fn new(
        runs: Vec<Run>,
        hands: Hands,
        journal: Journal,
        audit: Audit,
        current: watch::Sender<Option<Operation>>,
        stop: CancellationToken,
    ) -> Self {
        let runs = runs
            .into_iter()
            .map(|run| (run.operation.id.clone(), run))
            .collect();
        let (changes, _) = broadcast::channel(CHANGES);
        let desk = Self {
            inner: Arc::new(Inner {
                hands,
                journal,
                audit,
                runs: Mutex::new(runs),
                submitting: tokio::sync::Mutex::new(()),
                aborts: Mutex::new(BTreeMap::new()),
                changes,
                current,
                tasks: TaskTracker::new(),
                stop,
            }),
        };
        desk.publish_current();
        desk
    }

    /// The newest of `runs` that are worth keeping.
    pub(crate) fn worth_keeping(mut runs: Vec<Run>) -> Vec<Run> {
        runs.sort_by(|a, b| a.operation.id.cmp(&b.operation.id));
        runs.drain(..runs.len().saturating_sub(REMEMBERED));
        runs
    }

    /// Goes on with what a crash interrupted.
    pub(crate) fn resume(&self) {
        let open: Vec<String> = self
            .all()
            .into_iter()
            .filter(|o| !o.state.ended())
            .map(|o| o.id)
            .collect();
        for id in open {
            info!(event.action = "operation-resumed", labels.op_id = %id, "operation goes on after a restart of the control plane");
            self.execute(id);
        }
    }

    /// Ends when no operation is being executed any more.
    pub(crate) async fn finish(&self) {
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    /// All operations, newest first.
    pub(crate) fn all(&self) -> Vec<Operation> {
        self.runs()
            .values()
            .rev()
            .map(|run| run.operation.clone())
            .collect()
    }

    /// One operation.
    pub(crate) fn one(&self, id: &str) -> Result<Operation, Refusal> {
        let runs = self.runs();
        let run = runs
            .get(id)
            .ok_or_else(|| Refusal::UnknownOperation(id.to_owned()))?;
        Ok(run.operation.clone())
    }

    /// Each change of each operation from now on.
    pub(crate) fn changes(&self) -> broadcast::Receiver<Operation> {
        self.inner.changes.subscribe()
    }

    /// Takes an operation and begins it; the same key and request give the same operation again.
    /// `unwell` are nodes that are not green: they go first.
    pub(crate) async fn submit(
        &self,
        request: NewOperation,
        key: &str,
        unwell: &BTreeMap<String, Health>,
    ) -> Result<Operation, Refusal> {
        let turn = self.inner.submitting.lock().await;
        if let Some(run) = self.runs().values().find(|run| run.key == key) {
            return if run.operation.request == request {
                Ok(run.operation.clone())
            } else {
                Err(Refusal::KeyReused)
            };
        }
        let (cluster_nodes, targets) = self.targets(&request, unwell)?;
        let open = self.all().into_iter().find(|operation| !operation.state.ended());
        if let Some(open) = open.filter(|_| !request.dry_run) {
            return Err(Refusal::Conflict {
                id: open.id,
                cluster: open.request.cluster,
                by: open.request.by,
            });
        }
        let supervisor = self.inner.hands.targets.supervisor.list().await;
        let membership = self.inner.hands.registry.membership();
        let scene = Scene {
            membership: &membership,
            cluster_nodes: &cluster_nodes,
            targets: &targets,
            supervisor: supervisor.map(|_| ()).map_err(|error| error.to_string()),
        };
        let gates = Gates::ask(&request, &scene);
        let dry_run = request.dry_run;
        if let Some(closed) = gates.closed.filter(|_| !dry_run) {
            return Err(Refusal::Gate(closed));
        }
        let id = new_id();
        let run = Run::new(
            id.clone(),
            key.to_owned(),
            request,
            self.next_fence(),
            targets,
            gates.lines,
        );
        if dry_run {
            return Ok(run.operation);
        }
        self.audit(&run.operation, "intent").await?;
        self.write(&run)
            .await
            .map_err(|error| Refusal::Unwritable(error.to_string()))?;
        let operation = run.operation.clone();
        info!(
            event.action = "operation-started",
            event.reason = %operation.request.reason,
            labels.op_id = %id,
            labels.cluster = %operation.request.cluster,
            user.name = %operation.request.by,
            "operation started"
        );
        self.put(run);
        drop(turn);
        self.execute(id);
        Ok(operation)
    }

    /// Ends an operation early. One that has ended already stays as it is.
    pub(crate) async fn abort(&self, id: &str, by: &str) -> Result<Operation, Refusal> {
        let operation = self.one(id)?;
        if operation.state != OperationState::Running {
            return Ok(operation);
        }
        let action = format!("abort {}", operation.request.cluster);
        let entry = audit::entry(by, &action, &operation.request.reason, "intent", Some(id));
        self.inner
            .audit
            .record(entry)
            .await
            .map_err(|error| Refusal::Unwritable(error.to_string()))?;
        self.change(id, Run::abort)
            .await
            .map_err(|error| Refusal::Unwritable(error.to_string()))?;
        // The executor lets go of a drain that it waits for.
        if let Some(abort) = self
            .inner
            .aborts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
        {
            abort.cancel();
        }
        self.one(id)
    }

    /// A copy of a run.
    pub(crate) fn run(&self, id: &str) -> Option<Run> {
        self.runs().get(id).cloned()
    }

    /// Changes a run, journals it, and tells the watchers; in this order.
    pub(crate) async fn change(&self, id: &str, change: impl FnOnce(&mut Run)) -> Result<(), JournalError> {
        // One change at a time: an abort and an outcome must not overwrite one another.
        let turn = self.inner.submitting.lock().await;
        let Some(mut run) = self.run(id) else {
            return Ok(());
        };
        change(&mut run);
        self.write(&run).await?;
        self.put(run);
        drop(turn);
        Ok(())
    }

    /// Shows how far a drain is, without writing it down.
    pub(crate) fn progress(&self, id: &str, step: usize, held: u64, left: u64) {
        let changed = {
            let mut runs = self.runs();
            let Some(run) = runs.get_mut(id) else { return };
            let before = run.operation.steps.get(step).map(|step| (step.held, step.left));
            run.progress(step, held, left);
            (before != Some((held, left))).then(|| run.operation.clone())
        };
        if let Some(operation) = changed {
            self.tell(operation);
        }
    }

    /// Writes how an operation ended.
    pub(crate) async fn close(&self, id: &str) {
        let Some(run) = self.run(id) else { return };
        if let Err(refusal) = self.audit(&run.operation, run.operation.state.outcome()).await {
            error!(error = %refusal, labels.op_id = %id, "cannot write the outcome to the audit log");
        }
        self.inner
            .aborts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
    }

    fn execute(&self, id: String) {
        let Some(run) = self.run(&id) else { return };
        let abort = CancellationToken::new();
        if run.operation.state == OperationState::Aborting {
            abort.cancel();
        }
        self.inner
            .aborts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id.clone(), abort.clone());
        let request = &run.operation.request;
        let order = Order {
            operation: id,
            fence: run.operation.fence,
            drain_limit: request
                .drain_timeout_ms
                .map_or(DRAIN_LIMIT, Duration::from_millis),
        };
        let (desk, hands, stop) = (self.clone(), self.inner.hands.clone(), self.inner.stop.clone());
        self.inner
            .tasks
            .spawn(executor::execute(desk, hands, order, request.mode, abort, stop));
    }

    /// All nodes of the cluster, and those to restart in the order of their turn: unwell ones first.
    fn targets(
        &self,
        request: &NewOperation,
        unwell: &BTreeMap<String, Health>,
    ) -> Result<(Vec<String>, Vec<String>), Refusal> {
        let clusters = self.inner.hands.targets.clusters();
        let found = clusters.into_iter().find(|(name, ..)| *name == request.cluster);
        let (_, _, nodes) = found.ok_or_else(|| Refusal::UnknownCluster(request.cluster.clone()))?;
        let targets = match &request.node {
            Some(node) if nodes.contains(node) => vec![node.clone()],
            Some(node) => return Err(Refusal::UnknownNode(node.clone())),
            None => {
                let mut order = nodes.clone();
                order.sort_by_key(|node| !unwell.contains_key(node));
                order
            }
        };
        Ok((nodes, targets))
    }

    async fn audit(&self, operation: &Operation, outcome: &str) -> Result<(), Refusal> {
        let request = &operation.request;
        let what = request.node.as_ref().unwrap_or(&request.cluster);
        let reason = match &operation.error {
            Some(error) if outcome == "failure" => format!("{}: {error}", request.reason),
            _ => request.reason.clone(),
        };
        let entry = audit::entry(
            &request.by,
            &format!("restart {what}"),
            &reason,
            outcome,
            Some(&operation.id),
        );
        self.inner
            .audit
            .record(entry)
            .await
            .map_err(|error| Refusal::Unwritable(error.to_string()))
    }

    async fn write(&self, run: &Run) -> Result<(), JournalError> {
        self.inner
            .journal
            .append(vec![Record::Operation(Box::new(run.clone()))])
            .await
    }

    fn put(&self, run: Run) {
        let operation = run.operation.clone();
        {
            let mut runs = self.runs();
            runs.insert(operation.id.clone(), run);
            while runs.len() > REMEMBERED {
                runs.pop_first();
            }
        }
        self.tell(operation);
    }

    fn tell(&self, operation: Operation) {
        // Nobody may be watching.
        drop(self.inner.changes.send(operation));
        self.publish_current();
    }

    fn publish_current(&self) {
        let current = self.all().into_iter().find(|operation| !operation.state.ended());
        self.inner.current.send_replace(current);
    }

    fn next_fence(&self) -> u64 {
        self.runs()
            .values()
            .map(|run| run.operation.fence)
            .max()
            .unwrap_or(0)
            + 1
    }

    fn runs(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Run>> {
        self.inner.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `op_`, the time, and a little chance: sorts by age.
fn new_id() -> String {
    format!(
        "op_{:011x}{:04x}",
        Timestamp::now().as_millisecond(),
        rand::random::<u16>()
    )
}
