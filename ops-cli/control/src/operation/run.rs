//! One operation with everything that must survive a crash of the control plane.

use jiff::Timestamp;
use ops_api::{NewOperation, NodeStep, Operation, OperationState, StepState};
use serde::{Deserialize, Serialize};

use super::machine::{Action, Machine, Outcome};

/// An operation as the journal keeps it: what the API shows, and the machine that decides.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Run {
    /// What the API shows. Its steps and state follow the machine.
    pub(crate) operation: Operation,
    /// The idempotency key that it was asked for with.
    pub(crate) key: String,
    machine: Machine,
}

// === impl Run ===

impl Run {
    /// A new operation over `nodes`, in this order.
    pub(crate) fn new(
        id: String,
        key: String,
        request: NewOperation,
        fence: u64,
        nodes: Vec<String>,
        gates: Vec<String>,
    ) -> Self {
        let step = |node: &String| NodeStep {
            node: node.clone(),
            state: StepState::Pending,
            incarnation: 0,
            held: 0,
            left: 0,
            started: None,
            ended: None,
        };
        let state = if request.dry_run {
            OperationState::Planned
        } else {
            OperationState::Running
        };
        Self {
            machine: Machine::new(request.mode, nodes.clone()),
            operation: Operation {
                id,
                request,
                state,
                fence,
                steps: nodes.iter().map(step).collect(),
                gates,
                error: None,
                paused: None,
                plan: ops_api::Plan::default(),
                guard: ops_api::GuardView::default(),
                admission: None,
                created: Timestamp::now(),
                ended: None,
            },
            key,
        }
    }

    /// What decides.
    pub(crate) fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Takes in how an action ended.
    pub(crate) fn ended(&mut self, action: &Action, outcome: Outcome) {
        self.machine.ended(action, outcome);
        self.follow();
    }

    /// Ends it early.
    pub(crate) fn abort(&mut self) {
        self.machine.abort();
        self.follow();
    }

    /// How far a drain is. Only shown, not journalled.
    pub(crate) fn progress(&mut self, step: usize, held: u64, left: u64) {
        if let Some(step) = self.operation.steps.get_mut(step) {
            step.held = held;
            step.left = left;
        }
    }

    fn follow(&mut self) {
        let now = Timestamp::now();
        for (shown, step) in self.operation.steps.iter_mut().zip(self.machine.steps()) {
            step.show(shown);
            if shown.started.is_none() && !matches!(shown.state, StepState::Pending | StepState::Skipped) {
                shown.started = Some(now);
            }
            if step.phase.ended() && shown.ended.is_none() {
                shown.ended = Some(now);
                if shown.state == StepState::Done {
                    shown.left = 0;
                }
            }
        }
        self.operation.state = self.machine.state();
        self.operation.error = self.machine.error().map(str::to_owned);
        if self.operation.state.ended() && self.operation.ended.is_none() {
            self.operation.ended = Some(now);
        }
    }
}
