//! The restart of a cluster as a state machine: outcomes in, next actions out. No IO, no clock.
//!
//! ```text
//! per node, rolling   pending > (draining >) stopping > starting > waiting > settling > baking > done
//! taken back          draining > undraining > failed or skipped
//! cold                all nodes at once, phase by phase
//! ```
//!
//! The phase is the intent: it is journalled before its action is carried out, so after a crash the same action
//! is carried out again. Every action is safe to repeat: a drain is, a stop names the life that it means.

use ops_api::{Mode, NodeStep, OperationState, StepState};
use serde::{Deserialize, Serialize};

/// One restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    mode: Mode,
    state: OperationState,
    steps: Vec<Step>,
    error: Option<String>,
}

/// One node's part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// The node.
    pub(crate) node: String,
    /// What is being done about it, or is done.
    pub(crate) phase: Phase,
    /// The life of its process that is to be stopped (the supervisor's number).
    pub(crate) process: u64,
    /// The life that the node itself names; 0 when it did not answer.
    pub(crate) life: u64,
}

/// What is being done about a node. Only ever moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// Nothing yet.
    Pending,
    /// It is told to hand over, and does.
    Draining,
    /// Its drain is taken back.
    Undraining,
    /// Its life is ended.
    Stopping,
    /// Its next life is begun.
    Starting,
    /// Its next life becomes ready.
    Waiting,
    /// The others learn of it.
    Settling,
    /// It is watched for a moment.
    Baking,
    /// Done.
    Done,
    /// It could not go on.
    Failed,
    /// The operation ended before.
    Skipped,
}

/// What is to be done next. `usize` is the step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Wait until the others are well, and see which life is to be restarted.
    Look(usize),
    /// Drain, and wait until nothing is left.
    Drain(usize),
    /// See that it runs (a stop whose outcome is unknown may have worked), and take the drain back.
    Undrain(usize),
    /// Stop the life that the step names.
    Stop(usize),
    /// Start the process.
    Start(usize),
    /// Wait until another life than the step's is ready.
    AwaitReady(usize),
    /// Wait until the other nodes have seen it.
    AwaitSettled(usize),
    /// Watch it for a moment.
    Bake(usize),
}

/// How an action ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// To `Look`: the life to restart, and whether it can hand over.
    Seen { process: u64, life: u64, drains: bool },
    /// It did what it should.
    Done,
    /// To `Drain`: the life is gone by itself, another one took its place.
    Replaced,
    /// It could not; why.
    Failed(String),
}

// === impl Action ===

impl Action {
    /// The step that it is about.
    pub(crate) fn step(&self) -> usize {
        match *self {
            Self::Look(step)
            | Self::Drain(step)
            | Self::Undrain(step)
            | Self::Stop(step)
            | Self::Start(step)
            | Self::AwaitReady(step)
            | Self::AwaitSettled(step)
            | Self::Bake(step) => step,
        }
    }
}

// === impl Phase ===

impl Phase {
    /// Whether nothing will happen any more.
    pub(crate) fn ended(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Skipped)
    }

    /// As the API says it.
    pub(crate) fn shown(self) -> StepState {
        match self {
            Self::Pending => StepState::Pending,
            Self::Draining | Self::Undraining => StepState::Draining,
            Self::Stopping => StepState::Stopping,
            Self::Starting | Self::Waiting => StepState::Starting,
            Self::Settling | Self::Baking => StepState::Baking,
            Self::Done => StepState::Done,
            Self::Failed => StepState::Failed,
            Self::Skipped => StepState::Skipped,
        }
    }

    fn action(self, step: usize) -> Option<Action> {
        match self {
            Self::Pending => Some(Action::Look(step)),
            Self::Draining => Some(Action::Drain(step)),
            Self::Undraining => Some(Action::Undrain(step)),
            Self::Stopping => Some(Action::Stop(step)),
            Self::Starting => Some(Action::Start(step)),
            Self::Waiting => Some(Action::AwaitReady(step)),
            Self::Settling => Some(Action::AwaitSettled(step)),
            Self::Baking => Some(Action::Bake(step)),
            Self::Done | Self::Failed | Self::Skipped => None,
        }
    }
}

// === impl Machine ===

impl Machine {
    /// A restart of `nodes`, in this order.
    pub(crate) fn new(mode: Mode, nodes: impl IntoIterator<Item = String>) -> Self {
        let step = |node| Step {
            node,
            phase: Phase::Pending,
            process: 0,
            life: 0,
        };
        let mut machine = Self {
            mode,
            state: OperationState::Running,
            steps: nodes.into_iter().map(step).collect(),
            error: None,
        };
        machine.settle_state();
        machine
    }

    /// Where it is.
    pub(crate) fn state(&self) -> OperationState {
        self.state
    }

    /// Why it failed.
    pub(crate) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// The nodes' parts.
    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What is to be done now: one action when rolling; cold, the same one for each node that is that far.
    /// Nothing: it has ended.
    pub(crate) fn next(&self) -> Vec<Action> {
        let open = self
            .steps
            .iter()
            .enumerate()
            .filter(|(_, step)| !step.phase.ended());
        let actions = open.clone().filter_map(|(index, step)| step.phase.action(index));
        match self.mode {
            Mode::Rolling => actions.take(1).collect(),
            Mode::Cold => {
                let Some(first) = open.map(|(_, step)| step.phase).min() else {
                    return Vec::new();
                };
                actions
                    .filter(|action| self.steps[action.step()].phase == first)
                    .collect()
            }
        }
    }

    /// Takes in how an action ended. An outcome that fits nothing (a late one) changes nothing.
    pub(crate) fn ended(&mut self, action: &Action, outcome: Outcome) {
        let index = action.step();
        let Some(step) = self.steps.get_mut(index) else {
            return;
        };
        if step.phase.action(index).as_ref() != Some(action) {
            return;
        }
        let phase = match (action, outcome) {
            (
                Action::Look(_),
                Outcome::Seen {
                    process,
                    life,
                    drains,
                },
            ) => {
                step.process = process;
                step.life = life;
                if drains && self.mode == Mode::Rolling {
                    Phase::Draining
                } else {
                    Phase::Stopping
                }
            }
            (Action::Look(_), Outcome::Failed(reason)) => self.fail(index, reason, Phase::Failed),
            (Action::Look(_), _) => return,
            (Action::Drain(_), Outcome::Done | Outcome::Seen { .. }) => Phase::Stopping,
            // It was restarted, though not by us.
            (Action::Drain(_), Outcome::Replaced) => Phase::Waiting,
            (Action::Drain(_), Outcome::Failed(reason)) => self.fail(index, reason, Phase::Undraining),
            (Action::Undrain(_), outcome) => {
                if let Outcome::Failed(reason) = outcome {
                    self.fail(index, reason, Phase::Failed);
                }
                if self.error.is_some() {
                    Phase::Failed
                } else {
                    Phase::Skipped
                }
            }
            // It may be stopped or still drained: nobody knows.
            (Action::Stop(_), Outcome::Failed(reason)) => self.fail(index, reason, Phase::Undraining),
            (Action::Stop(_), _) => Phase::Starting,
            (Action::Start(_) | Action::AwaitReady(_), Outcome::Failed(reason)) => {
                self.fail(index, reason, Phase::Failed)
            }
            (Action::AwaitSettled(_) | Action::Bake(_), Outcome::Failed(reason)) => {
                self.fail(index, reason, Phase::Failed)
            }
            (Action::Start(_), _) => Phase::Waiting,
            (Action::AwaitReady(_), _) => Phase::Settling,
            (Action::AwaitSettled(_), _) => Phase::Baking,
            (Action::Bake(_), _) => Phase::Done,
        };
        self.steps[index].phase = phase;
        self.settle_state();
    }

    /// Ends it early: no further node; a node that hands over keeps what it has, one that is further is finished.
    pub(crate) fn abort(&mut self) {
        if self.state != OperationState::Running {
            return;
        }
        self.state = OperationState::Aborting;
        for step in &mut self.steps {
            if step.phase == Phase::Draining {
                step.phase = Phase::Undraining;
            }
        }
        self.skip_the_rest();
        self.settle_state();
    }

    fn fail(&mut self, step: usize, reason: String, phase: Phase) -> Phase {
        let node = &self.steps[step].node;
        // The first reason is the cause.
        self.error.get_or_insert_with(|| format!("{node}: {reason}"));
        phase
    }

    fn skip_the_rest(&mut self) {
        for step in &mut self.steps {
            if step.phase == Phase::Pending {
                step.phase = Phase::Skipped;
            }
        }
    }

    fn settle_state(&mut self) {
        if self.error.is_some() {
            self.skip_the_rest();
        }
        if self.state.ended() || self.steps.iter().any(|step| !step.phase.ended()) {
            return;
        }
        let skipped = self.steps.iter().any(|step| step.phase == Phase::Skipped);
        self.state = match self.state {
            _ if self.error.is_some() => OperationState::Failed,
            OperationState::Aborting if skipped => OperationState::Aborted,
            _ => OperationState::Completed,
        };
    }
}

// === impl Step ===

impl Step {
    /// As the API says it, where the API's step says more.
    pub(crate) fn show(&self, shown: &mut NodeStep) {
        shown.state = self.phase.shown();
        shown.incarnation = self.process;
    }
}
