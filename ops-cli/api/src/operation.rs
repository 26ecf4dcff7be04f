//! Restarts as server-side objects: they outlive the CLI, the console and the control plane itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Admission, GuardView, Plan, RestartOptions};

/// How a cluster is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// One node after another: drain, hand off, stop, start, ready, bake.
    #[default]
    Rolling,
    /// All nodes at once: stop, then start.
    Cold,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewOperation {
    /// The cluster: `guilds`.
    pub cluster: String,
    /// Only this node of it.
    pub node: Option<String>,
    /// How.
    #[serde(default)]
    pub mode: Mode,
    /// Why, for the audit log.
    pub reason: String,
    /// Who: the user's name, and `cli`, `console` or `drill`.
    pub by: String,
    /// How long a node may take to hand over before the operation pauses, in milliseconds.
    #[serde(default)]
    pub drain_timeout_ms: Option<u64>,
    /// Only plan: run the gates, change nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// How to go about it.
    #[serde(default)]
    pub options: RestartOptions,
}

/// Where an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperationState {
    /// Only a plan (`dry_run`).
    Planned,
    /// It goes on.
    Running,
    /// It waits until somebody resumes or aborts it; `paused` says why. No node is left cordoned.
    Paused,
    /// It is being undone: no further node, the current one is finished or taken back.
    Aborting,
    /// Done.
    Completed,
    /// Undone at somebody's wish.
    Aborted,
    /// It could not go on; `error` says why. No node is left cordoned.
    Failed,
}

/// Where one node's restart is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    /// Not yet its turn.
    Pending,
    /// Handing over what it holds.
    Draining,
    /// Being stopped.
    Stopping,
    /// Being started.
    Starting,
    /// Up again; watched for a moment.
    Baking,
    /// Done.
    Done,
    /// It could not go on.
    Failed,
    /// Not done, as the operation ended before.
    Skipped,
}

/// One node's part of an operation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeStep {
    /// The node.
    pub node: String,
    /// Where it is.
    pub state: StepState,
    /// The life of the node that is to be stopped: stopping it again is a no-op.
    pub incarnation: u64,
    /// What it held when its drain began.
    pub held: u64,
    /// What it still holds.
    pub left: u64,
    /// When its part began.
    pub started: Option<Timestamp>,
    /// When its part ended.
    pub ended: Option<Timestamp>,
}

/// An operation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Operation {
    /// Its id: `op_` and a sortable rest.
    pub id: String,
    /// What was asked for.
    pub request: NewOperation,
    /// Where it is.
    pub state: OperationState,
    /// The fencing number of its lock.
    pub fence: u64,
    /// The nodes in the order of their turn.
    pub steps: Vec<NodeStep>,
    /// The gates, each `name: ok` or `name: why not`.
    pub gates: Vec<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// Why it is paused.
    #[serde(default)]
    pub paused: Option<String>,
    /// What it means to do.
    #[serde(default)]
    pub plan: Plan,
    /// What its guard sees.
    #[serde(default)]
    pub guard: GuardView,
    /// How far its clients are let in again; only for an operation over everything.
    #[serde(default)]
    pub admission: Option<Admission>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

/// One entry of the audit log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// What: `restart guilds`, `create account`.
    pub action: String,
    /// Why.
    pub reason: String,
    /// `intent`, `success`, `failure`.
    pub outcome: String,
    /// The operation it belongs to.
    pub operation: Option<String>,
    /// Its number in the log, from 1; 0 in logs from before there was a chain.
    #[serde(default)]
    pub number: u64,
    /// The hash of the entry before (SHA-256, hex).
    #[serde(default)]
    pub prev: String,
    /// The hash of this entry, its own `hash` left out (SHA-256, hex).
    #[serde(default)]
    pub hash: String,
}

impl OperationState {
    /// Whether nothing will happen any more.
    pub fn ended(self) -> bool {
        !matches!(self, Self::Running | Self::Paused | Self::Aborting)
    }

    /// How an ended operation is called in logs and in the audit log: `success`, `failure`, or else `unknown`.
    pub fn outcome(self) -> &'static str {
        match self {
            Self::Completed => "success",
            Self::Failed | Self::Aborted => "failure",
            Self::Planned | Self::Running | Self::Paused | Self::Aborting => "unknown",
        }
    }
}

impl Operation {
    /// Steps that are done, and all steps.
    pub fn progress(&self) -> (usize, usize) {
        (
            self.steps
                .iter()
                .filter(|step| step.state == StepState::Done)
                .count(),
            self.steps.len(),
        )
    }
}
