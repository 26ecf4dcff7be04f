//! The one table of keys: key, action, label, context. Dispatch looks keys up here and the help screen and the
//! footer are made from it, so that a key that works is a key that is listed.
//!
//! Rules: of the capitals only `R`, `W` and `A` lead to a change of the system (`X`, `P`, `U` are kept for later),
//! and they mean nothing else on any screen. Nothing that changes anything sits on a Ctrl-letter (fingers that
//! scroll with Ctrl-D must not delete), and `^z`, `^s`, `^q` belong to the terminal.

use crate::key::Key;

/// What a key asks for. What it is asked of (which cluster, which record) is in the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    Quit,
    Back,
    Interrupt,
    Help,
    Command,
    Palette,
    Redraw,
    GoFleet,
    GoLogs,
    GoOperations,
    GoAudit,
    ToggleWrite,
    CopyCommand,
    Down,
    Up,
    PageDown,
    PageUp,
    First,
    Last,
    Open,
    LogsOf,
    Restart,
    Sort,
    Follow,
    Level,
    Since,
    Regex,
    Context,
    NextHit,
    PreviousHit,
    NextError,
    PreviousError,
    NextTrace,
    PreviousTrace,
    Histogram,
    DetailDown,
    DetailUp,
    Chips,
    ChipLeft,
    ChipRight,
    ChipToggle,
    ChipsDone,
    AbortOperation,
    SheetRun,
    SheetNext,
    SheetPrevious,
    SheetAccept,
    SheetClose,
    LineAccept,
    LineCancel,
    LineComplete,
    PickDown,
    PickUp,
}

/// Where a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    Everywhere,
    Lists,
    Fleet,
    Cluster,
    Logs,
    Chips,
    Operations,
    Operation,
    Sheet,
    Line,
    Palette,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// The key.
    pub key: Key,
    /// What it asks for.
    pub action: Action,
    /// What the help screen says.
    pub label: &'static str,
    /// Where it holds.
    pub context: Context,
    /// What the footer says; empty when the footer does not mention it.
    pub hint: &'static str,
}

const fn row(context: Context, key: Key, action: Action, hint: &'static str, label: &'static str) -> Binding {
    Binding {
        key,
        action,
        label,
        context,
        hint,
    }
}

use Action as A;
use Context as C;
use Key::Char;

/// All keys.
#[rustfmt::skip]
pub const KEYMAP: &[Binding] = &[
    row(C::Fleet, Key::Enter, A::Open, "open", "open the cluster"),
    row(C::Fleet, Char('l'), A::LogsOf, "logs", "logs of the cluster"),
    row(C::Fleet, Char('R'), A::Restart, "restart", "restart the cluster (plan first)"),
    row(C::Fleet, Char('s'), A::Sort, "sort", "sort by start order or by health"),

    row(C::Cluster, Char('l'), A::LogsOf, "logs", "logs of the node"),
    row(C::Cluster, Key::Enter, A::LogsOf, "", "logs of the node"),
    row(C::Cluster, Char('R'), A::Restart, "restart", "restart the node (plan first)"),

    row(C::Logs, Char('f'), A::Follow, "follow", "follow the newest record, or hold still"),
    row(C::Logs, Key::Enter, A::Open, "detail", "all fields of the record"),
    row(C::Logs, Char('/'), A::Regex, "find", "highlight a regular expression"),
    row(C::Logs, Char('c'), A::Context, "hide", "hide what does not match, or show it as context"),
    row(C::Logs, Char('n'), A::NextHit, "", "next match"),
    row(C::Logs, Char('N'), A::PreviousHit, "", "previous match"),
    row(C::Logs, Char('e'), A::NextError, "err", "next error"),
    row(C::Logs, Char('E'), A::PreviousError, "", "previous error"),
    row(C::Logs, Char('o'), A::NextTrace, "", "next record of the same trace"),
    row(C::Logs, Char('O'), A::PreviousTrace, "", "previous record of the same trace"),
    row(C::Logs, Char('L'), A::Level, "level", "least level"),
    row(C::Logs, Char('t'), A::Since, "since", "how far back"),
    row(C::Logs, Key::Tab, A::Chips, "clusters", "choose clusters"),
    row(C::Logs, Char('i'), A::Histogram, "hist", "histogram over time"),
    row(C::Logs, Char('J'), A::DetailDown, "", "scroll the detail down"),
    row(C::Logs, Char('K'), A::DetailUp, "", "scroll the detail up"),

    row(C::Chips, Key::Left, A::ChipLeft, "", "previous cluster"),
    row(C::Chips, Char('h'), A::ChipLeft, "", "previous cluster"),
    row(C::Chips, Key::Right, A::ChipRight, "next", "next cluster"),
    row(C::Chips, Char('l'), A::ChipRight, "", "next cluster"),
    row(C::Chips, Char(' '), A::ChipToggle, "choose", "choose the cluster, or not"),
    row(C::Chips, Key::Tab, A::ChipsDone, "done", "back to the records"),
    row(C::Chips, Key::Enter, A::ChipsDone, "", "back to the records"),
    row(C::Chips, Key::Esc, A::ChipsDone, "", "back to the records"),

    row(C::Operations, Key::Enter, A::Open, "open", "open the operation"),
    row(C::Operation, Char('A'), A::AbortOperation, "abort", "abort: no further node, the current one is finished"),
    row(C::Operation, Char('l'), A::LogsOf, "logs", "logs of the cluster"),

    row(C::Sheet, Char('y'), A::SheetRun, "run", "run (when no name has to be typed)"),
    row(C::Sheet, Key::Tab, A::SheetNext, "next field", "next field"),
    row(C::Sheet, Key::BackTab, A::SheetPrevious, "", "previous field"),
    row(C::Sheet, Key::Enter, A::SheetAccept, "", "accept the field, press the button"),
    row(C::Sheet, Char('Y'), A::CopyCommand, "copy command", "copy the same command for the shell"),
    row(C::Sheet, Key::Esc, A::SheetClose, "cancel", "cancel"),
    row(C::Sheet, Char('q'), A::SheetClose, "", "cancel"),
    row(C::Sheet, Char('n'), A::SheetClose, "", "cancel"),

    row(C::Line, Key::Enter, A::LineAccept, "accept", "accept"),
    row(C::Line, Key::Tab, A::LineComplete, "complete", "complete the word"),
    row(C::Line, Key::Esc, A::LineCancel, "cancel", "leave"),

    row(C::Palette, Key::Enter, A::LineAccept, "go", "do it"),
    row(C::Palette, Key::Down, A::PickDown, "", "next"),
    row(C::Palette, Key::Ctrl('n'), A::PickDown, "", "next"),
    row(C::Palette, Key::Up, A::PickUp, "", "previous"),
    row(C::Palette, Key::Ctrl('p'), A::PickUp, "", "previous"),
    row(C::Palette, Key::Esc, A::LineCancel, "cancel", "leave"),

    row(C::Lists, Char('j'), A::Down, "", "down"),
    row(C::Lists, Key::Down, A::Down, "", "down"),
    row(C::Lists, Char('k'), A::Up, "", "up"),
    row(C::Lists, Key::Up, A::Up, "", "up"),
    row(C::Lists, Key::Ctrl('d'), A::PageDown, "", "half a page down"),
    row(C::Lists, Key::PageDown, A::PageDown, "", "half a page down"),
    row(C::Lists, Key::Ctrl('u'), A::PageUp, "", "half a page up"),
    row(C::Lists, Key::PageUp, A::PageUp, "", "half a page up"),
    row(C::Lists, Char('g'), A::First, "", "first"),
    row(C::Lists, Key::Home, A::First, "", "first"),
    row(C::Lists, Char('G'), A::Last, "", "last"),
    row(C::Lists, Key::End, A::Last, "", "last"),

    row(C::Everywhere, Char('1'), A::GoFleet, "", "fleet"),
    row(C::Everywhere, Char('2'), A::GoLogs, "", "logs"),
    row(C::Everywhere, Char('4'), A::GoOperations, "", "operations"),
    row(C::Everywhere, Char('9'), A::GoAudit, "", "audit"),
    row(C::Everywhere, Char('W'), A::ToggleWrite, "write", "allow changes for 15 minutes, or no more"),
    row(C::Everywhere, Char(':'), A::Command, "cmd", "command line"),
    row(C::Everywhere, Key::Ctrl('p'), A::Palette, "palette", "find a screen, a cluster, a node, an operation"),
    row(C::Everywhere, Char('?'), A::Help, "help", "this page"),
    row(C::Everywhere, Char('Y'), A::CopyCommand, "", "copy the same command for the shell"),
    row(C::Everywhere, Key::Ctrl('l'), A::Redraw, "", "draw again"),
    row(C::Everywhere, Key::Esc, A::Back, "", "back"),
    row(C::Everywhere, Char('q'), A::Quit, "back", "back; at the fleet: quit"),
    row(C::Everywhere, Key::Ctrl('c'), A::Interrupt, "", "quit; what runs on the server goes on"),
];

// === impl Action ===

impl Action {
    /// Whether it changes the system, or opens a sheet that can.
    pub fn needs_write(self) -> bool {
        matches!(self, Self::Restart | Self::AbortOperation | Self::SheetRun)
    }
}

// === impl Context ===

impl Context {
    /// Its heading on the help screen.
    pub fn title(self) -> &'static str {
        match self {
            Self::Everywhere => "everywhere",
            Self::Lists => "lists",
            Self::Fleet => "fleet",
            Self::Cluster => "cluster",
            Self::Logs => "logs",
            Self::Chips => "choosing clusters",
            Self::Operations => "operations",
            Self::Operation => "operation",
            Self::Sheet => "restart sheet",
            Self::Line => "typing",
            Self::Palette => "palette",
        }
    }
}

/// What `key` asks for where `contexts` hold; the first context wins.
pub fn lookup(contexts: &[Context], key: Key) -> Option<Action> {
    contexts
        .iter()
        .find_map(|context| rows(*context).find(|row| row.key == key))
        .map(|row| row.action)
}

/// The rows of one context, in the table's order.
pub fn rows(context: Context) -> impl Iterator<Item = &'static Binding> {
    KEYMAP.iter().filter(move |row| row.context == context)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_key_is_bound_twice_in_one_context() {
        let mut seen = HashSet::new();
        for row in KEYMAP {
            assert!(
                seen.insert((row.context, row.key)),
                "{:?} twice in {:?}",
                row.key,
                row.context
            );
        }
    }

    #[test]
    fn capitals_that_change_the_system_mean_nothing_else() {
        for row in KEYMAP {
            let reserved = matches!(row.key, Char('R' | 'X' | 'W' | 'P' | 'U' | 'A'));
            let mutating = matches!(row.action, A::Restart | A::AbortOperation | A::ToggleWrite);
            assert_eq!(reserved, mutating, "{:?} {:?}", row.key, row.context);
        }
    }

    #[test]
    fn keys_of_the_terminal_stay_free_and_control_letters_change_nothing() {
        for row in KEYMAP {
            if let Key::Ctrl(letter) = row.key {
                assert!(!matches!(letter, 'z' | 's' | 'q'));
                assert!(!row.action.needs_write());
            }
        }
    }
}
