//! The sheet that confirms a change. Its shape follows the danger: a key for what peers absorb, a typed name for
//! what users will notice. Ignores keys for a moment after it opens, so that type-ahead confirms nothing.

use ops_api::{NewOperation, Operation};
use tui_input::{Input, InputRequest};

use super::moment::Moment;
use super::msg::Refusal;
use super::plan::{Danger, Target};
use crate::key::Key;

/// Keys within this time after the sheet opened were meant for something else.
pub const DEAF_MS: u64 = 300;
/// How long what everybody will notice can still be stopped after Run was pressed.
pub const COUNTDOWN_MS: u64 = 5000;

/// What is to be confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A restart.
    Restart(Target),
    /// A turn in the life of an operation, by id.
    Turn(Turn, String),
}

/// What can be asked of an operation that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// To end: no further node, the current one is finished or taken back.
    Abort,
    /// To wait after the nodes in hand.
    Pause,
    /// To go on.
    Resume,
}

/// Where the focus is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The button that does nothing; the focus starts here.
    Cancel,
    /// Why.
    Reason,
    /// The typed name.
    Name,
    /// The button that runs.
    Run,
}

/// What the control plane says to a dry run.
#[derive(Debug, Clone)]
pub enum Planned {
    /// Not yet anything.
    Asking,
    /// Its plan.
    Known(Box<Operation>),
    /// It refuses, or could not be asked.
    Refused(Refusal),
}

/// The sheet.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// Which sheet: answers to an earlier one are dropped.
    pub id: u64,
    /// When it was opened.
    pub opened: Moment,
    /// What is to be confirmed.
    pub subject: Subject,
    /// How dangerous; only ever rises while the sheet is open.
    pub danger: Danger,
    /// Where the focus is.
    pub focus: Field,
    /// Why.
    pub reason: Input,
    /// The typed name.
    pub name: Input,
    /// The control plane's own plan.
    pub planned: Planned,
    /// Whether the request is on its way.
    pub sent: bool,
    /// Why the request was refused.
    pub refusal: Option<Refusal>,
    /// First visible line of the plan, where there is no room for all of it.
    pub scroll: u16,
    /// What has to be typed at L4: the environment's name.
    pub environment: String,
    /// When the countdown of an L4 began.
    pub countdown: Option<Moment>,
}

// === impl Turn ===

impl Turn {
    /// `abort`, `pause`, `resume`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Abort => "abort",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }
}

// === impl Sheet ===

impl Sheet {
    /// A sheet with the focus on Cancel.
    pub fn new(id: u64, opened: Moment, subject: Subject, danger: Danger) -> Self {
        Self {
            id,
            opened,
            subject,
            danger,
            focus: Field::Cancel,
            reason: Input::default(),
            name: Input::default(),
            planned: Planned::Asking,
            sent: false,
            refusal: None,
            scroll: 0,
            environment: String::new(),
            countdown: None,
        }
    }

    /// The fields in the order of Tab.
    pub fn fields(&self) -> &'static [Field] {
        match (&self.subject, self.danger) {
            (Subject::Turn(..), _) => &[Field::Cancel],
            (_, Danger::L1 | Danger::L2) => &[Field::Cancel, Field::Reason],
            (_, Danger::L3 | Danger::L4) => &[Field::Cancel, Field::Reason, Field::Name, Field::Run],
        }
    }

    /// Moves the focus.
    pub fn turn(&mut self, forward: bool) {
        let fields = self.fields();
        let at = fields.iter().position(|field| *field == self.focus).unwrap_or(0);
        let step = if forward { 1 } else { fields.len() - 1 };
        self.focus = fields[(at + step) % fields.len()];
    }

    /// The text field that has the focus.
    pub fn input(&mut self) -> Option<&mut Input> {
        match self.focus {
            Field::Reason => Some(&mut self.reason),
            Field::Name => Some(&mut self.name),
            Field::Cancel | Field::Run => None,
        }
    }

    /// What is still missing before it may run; `None` when nothing is.
    pub fn missing(&self) -> Option<String> {
        let Subject::Restart(target) = &self.subject else {
            return None;
        };
        if self.danger < Danger::L3 {
            return None;
        }
        let wanted = self.wanted_name(target);
        if self.name.value() != wanted {
            return Some(format!("type {wanted} to run"));
        }
        if self.reason.value().trim().is_empty() {
            return Some("say why".to_owned());
        }
        None
    }

    /// What has to be typed: the cluster's name, or for what everybody will notice the environment's.
    fn wanted_name<'a>(&'a self, target: &'a Target) -> &'a str {
        if self.danger == Danger::L4 {
            &self.environment
        } else {
            &target.cluster
        }
    }

    /// How many milliseconds of the countdown are left; `None` when none runs.
    pub fn countdown_ms(&self, now: Moment) -> Option<u64> {
        let began = self.countdown?;
        Some(COUNTDOWN_MS.saturating_sub(now.since(began)))
    }

    /// The request of a restart sheet.
    pub fn request(&self, by: &str, dry_run: bool) -> Option<NewOperation> {
        let Subject::Restart(target) = &self.subject else {
            return None;
        };
        let reason = match self.reason.value().trim() {
            "" if dry_run => "plan",
            "" => "no reason given",
            reason => reason,
        };
        Some(NewOperation {
            cluster: target.cluster.clone(),
            node: target.node.clone(),
            mode: target.mode,
            reason: reason.to_owned(),
            by: by.to_owned(),
            drain_timeout_ms: None,
            dry_run,
            options: ops_api::RestartOptions::default(),
        })
    }

    /// The same thing for the shell.
    pub fn command(&self) -> String {
        match &self.subject {
            Subject::Restart(target) => {
                // The shell asks for the cluster's name, and for the environment's where all is rebooted.
                let name = if target.cluster == ops_api::EVERYTHING {
                    &self.environment
                } else {
                    &target.cluster
                };
                let typed = (self.danger >= Danger::L3).then_some(name.as_str());
                target.command(self.reason.value().trim(), typed)
            }
            Subject::Turn(turn, id) => format!("ops op {} {id}", turn.name()),
        }
    }
}

/// Applies an editing key; says whether it was one.
pub(super) fn edit(input: &mut Input, key: Key) -> bool {
    let request = match key {
        Key::Char(character) => InputRequest::InsertChar(character),
        Key::Backspace => InputRequest::DeletePrevChar,
        Key::Delete => InputRequest::DeleteNextChar,
        Key::Left => InputRequest::GoToPrevChar,
        Key::Right => InputRequest::GoToNextChar,
        Key::Home | Key::Ctrl('a') => InputRequest::GoToStart,
        Key::End | Key::Ctrl('e') => InputRequest::GoToEnd,
        Key::Ctrl('w') => InputRequest::DeletePrevWord,
        Key::Ctrl('u') => InputRequest::DeleteLine,
        _ => return false,
    };
    input.handle(request);
    true
}
