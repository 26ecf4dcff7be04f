//! The one table of keys: key, action, label, context. Dispatch looks keys up here and the help screen and the
//! footer are made from it, so that a key that works is a key that is listed.
//!
//! Rules: of the capitals only `R`, `X`, `W`, `P`, `U` and `A` lead to a change of the system, and they mean nothing
//! else on any screen. Nothing that changes anything sits on a Ctrl-letter (fingers that
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
    GoIncidents,
    GoOperations,
    GoPulses,
    GoXray,
    GoSlo,
    GoAudit,
    LastScreen,
    Earlier,
    Later,
    ToggleWrite,
    CopyCommand,
    CopyId,
    Freeze,
    Clock,
    Mouse,
    NextPane,
    PreviousPane,
    Zoom,
    Down,
    Up,
    PageDown,
    PageUp,
    First,
    Last,
    Open,
    LogsOf,
    XrayOf,
    Restart,
    Admin,
    Filter,
    Faults,
    Sort,
    Reverse,
    Wide,
    ColumnsRight,
    ColumnsLeft,
    Mark,
    MarkRange,
    ClearMarks,
    NextAction,
    PreviousAction,
    Follow,
    Level,
    Since,
    Context,
    NextHit,
    PreviousHit,
    NextError,
    PreviousError,
    NextTrace,
    PreviousTrace,
    Histogram,
    Finer,
    Coarser,
    Wrap,
    Bookmark,
    NextBookmark,
    Save,
    Plain,
    DetailDown,
    DetailUp,
    Chips,
    ChipLeft,
    ChipRight,
    ChipToggle,
    ChipsDone,
    AbortOperation,
    PauseOperation,
    ResumeOperation,
    SheetRun,
    SheetNext,
    SheetPrevious,
    SheetAccept,
    SheetDown,
    SheetUp,
    SheetClose,
    LineAccept,
    LineCancel,
    LineComplete,
    PickDown,
    PickUp,
    MenuAccept,
    MenuClose,
    MenuDown,
    MenuUp,
    PlainClose,
}

/// Where a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    Everywhere,
    Lists,
    Tables,
    Fleet,
    Cluster,
    Node,
    Incidents,
    Logs,
    Chips,
    Operations,
    Operation,
    Pulses,
    Xray,
    Slo,
    Sheet,
    Line,
    Palette,
    Menu,
    Plain,
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
    row(C::Fleet, Char('l'), A::LogsOf, "logs", "logs of the cluster, or of the marked ones"),
    row(C::Fleet, Char('x'), A::XrayOf, "xray", "who needs whom"),
    row(C::Fleet, Char('R'), A::Restart, "restart", "restart the cluster (plan first)"),
    row(C::Fleet, Char('X'), A::Admin, "admin", "all that can be changed here"),
    row(C::Fleet, Key::Tab, A::NextPane, "", "next pane"),
    row(C::Fleet, Key::BackTab, A::PreviousPane, "", "previous pane"),

    row(C::Cluster, Key::Enter, A::Open, "open", "open the node"),
    row(C::Cluster, Char('l'), A::LogsOf, "logs", "logs of the node"),
    row(C::Cluster, Char('x'), A::XrayOf, "", "who needs whom"),
    row(C::Cluster, Char('R'), A::Restart, "restart", "restart the node (plan first)"),
    row(C::Cluster, Char('X'), A::Admin, "admin", "all that can be changed here"),
    row(C::Cluster, Key::Tab, A::NextPane, "", "next pane"),
    row(C::Cluster, Key::BackTab, A::PreviousPane, "", "previous pane"),

    row(C::Node, Char('l'), A::LogsOf, "logs", "logs of the node"),
    row(C::Node, Key::Enter, A::LogsOf, "", "logs of the node"),
    row(C::Node, Char('x'), A::XrayOf, "xray", "who needs whom"),
    row(C::Node, Char('R'), A::Restart, "restart", "restart the node (plan first)"),
    row(C::Node, Char('X'), A::Admin, "admin", "all that can be changed here"),
    row(C::Node, Key::Tab, A::NextPane, "", "next pane"),
    row(C::Node, Key::BackTab, A::PreviousPane, "", "previous pane"),

    row(C::Incidents, Key::Enter, A::Open, "do", "do the chosen action"),
    row(C::Incidents, Key::Tab, A::NextAction, "next action", "choose the next action"),
    row(C::Incidents, Key::BackTab, A::PreviousAction, "", "choose the previous action"),
    row(C::Incidents, Char('l'), A::LogsOf, "logs", "logs of what is wrong"),
    row(C::Incidents, Char('x'), A::XrayOf, "xray", "who needs whom"),
    row(C::Incidents, Char('R'), A::Restart, "restart", "restart what is wrong (plan first)"),
    row(C::Incidents, Char('X'), A::Admin, "admin", "all that can be changed here"),

    row(C::Pulses, Key::Enter, A::Open, "open", "open the cluster"),
    row(C::Pulses, Char('l'), A::LogsOf, "logs", "logs of the cluster"),
    row(C::Pulses, Char('R'), A::Restart, "restart", "restart the cluster (plan first)"),

    row(C::Xray, Key::Enter, A::Open, "open", "open the cluster or the node"),
    row(C::Xray, Char('l'), A::LogsOf, "logs", "logs of the cluster or the node"),
    row(C::Xray, Char('R'), A::Restart, "restart", "restart the cluster or the node (plan first)"),
    row(C::Xray, Char('X'), A::Admin, "admin", "all that can be changed here"),

    row(C::Slo, Key::Enter, A::Open, "open", "open the cluster"),
    row(C::Slo, Char('l'), A::LogsOf, "logs", "logs of the cluster"),

    row(C::Logs, Char('f'), A::Follow, "follow", "follow the newest record, or hold still"),
    row(C::Logs, Key::Enter, A::Open, "detail", "all fields of the record"),
    row(C::Logs, Char('/'), A::Filter, "find", "find: expression, !not, ~fuzzy, field=value"),
    row(C::Logs, Char('c'), A::Context, "context", "show all, matches with three lines around, or matches only"),
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
    row(C::Logs, Char('+'), A::Finer, "", "narrower columns in the histogram"),
    row(C::Logs, Char('-'), A::Coarser, "", "wider columns in the histogram"),
    row(C::Logs, Char('w'), A::Wrap, "wrap", "wrap long records"),
    row(C::Logs, Char('b'), A::Bookmark, "", "bookmark the record, or not"),
    row(C::Logs, Char('B'), A::NextBookmark, "", "next bookmark"),
    row(C::Logs, Char('S'), A::Save, "", "save what is loaded and shown to a file"),
    row(C::Logs, Key::Ctrl('o'), A::Plain, "", "plain text, for the terminal's own selecting"),
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
    row(C::Operation, Char('P'), A::PauseOperation, "pause", "pause after the nodes in hand"),
    row(C::Operation, Char('U'), A::ResumeOperation, "resume", "let a paused operation go on"),
    row(C::Operation, Char('l'), A::LogsOf, "logs", "logs of the cluster"),

    row(C::Sheet, Char('y'), A::SheetRun, "run", "run (when no name has to be typed)"),
    row(C::Sheet, Key::Tab, A::SheetNext, "next field", "next field"),
    row(C::Sheet, Key::BackTab, A::SheetPrevious, "", "previous field"),
    row(C::Sheet, Key::Enter, A::SheetAccept, "", "accept the field, press the button"),
    row(C::Sheet, Char('j'), A::SheetDown, "", "more of the plan"),
    row(C::Sheet, Key::Down, A::SheetDown, "", "more of the plan"),
    row(C::Sheet, Char('k'), A::SheetUp, "", "back in the plan"),
    row(C::Sheet, Key::Up, A::SheetUp, "", "back in the plan"),
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

    row(C::Menu, Key::Enter, A::MenuAccept, "choose", "do it"),
    row(C::Menu, Char('j'), A::MenuDown, "", "next"),
    row(C::Menu, Key::Down, A::MenuDown, "", "next"),
    row(C::Menu, Char('k'), A::MenuUp, "", "previous"),
    row(C::Menu, Key::Up, A::MenuUp, "", "previous"),
    row(C::Menu, Key::Esc, A::MenuClose, "cancel", "leave"),
    row(C::Menu, Char('q'), A::MenuClose, "", "leave"),

    row(C::Plain, Key::Esc, A::PlainClose, "", "back to the screen"),
    row(C::Plain, Key::Ctrl('o'), A::PlainClose, "", "back to the screen"),
    row(C::Plain, Char('q'), A::PlainClose, "", "back to the screen"),

    row(C::Tables, Char('/'), A::Filter, "filter", "filter: expression, !not, ~fuzzy, column=value"),
    row(C::Tables, Char('!'), A::Faults, "faults", "only what is unwell"),
    row(C::Tables, Char('s'), A::Sort, "sort", "sort by a column"),
    row(C::Tables, Char('S'), A::Reverse, "", "turn the order around"),
    row(C::Tables, Char('w'), A::Wide, "", "all columns, or those that fit"),
    row(C::Tables, Key::Right, A::ColumnsRight, "", "columns further right"),
    row(C::Tables, Key::Left, A::ColumnsLeft, "", "columns further left"),
    row(C::Tables, Char(' '), A::Mark, "", "mark the row, or not"),
    row(C::Tables, Char('v'), A::MarkRange, "", "mark from the last marked row to this one"),
    row(C::Tables, Char('\\'), A::ClearMarks, "", "no marks"),

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
    row(C::Everywhere, Char('3'), A::GoIncidents, "", "incidents"),
    row(C::Everywhere, Char('4'), A::GoOperations, "", "operations"),
    row(C::Everywhere, Char('6'), A::GoPulses, "", "pulses"),
    row(C::Everywhere, Char('7'), A::GoXray, "", "xray"),
    row(C::Everywhere, Char('8'), A::GoSlo, "", "objectives"),
    row(C::Everywhere, Char('9'), A::GoAudit, "", "audit"),
    row(C::Everywhere, Char('-'), A::LastScreen, "", "the screen before, and back again"),
    row(C::Everywhere, Char('['), A::Earlier, "", "back in the history of screens"),
    row(C::Everywhere, Char(']'), A::Later, "", "forward in the history of screens"),
    row(C::Everywhere, Char('W'), A::ToggleWrite, "write", "allow changes for 15 minutes and say why, or no more"),
    row(C::Everywhere, Char('p'), A::Freeze, "", "freeze what is shown, or let it go on"),
    row(C::Everywhere, Char('z'), A::Zoom, "", "only this pane, or all"),
    row(C::Everywhere, Char('T'), A::Clock, "", "times in UTC, local, or as ages"),
    row(C::Everywhere, Char('m'), A::Mouse, "", "the mouse is the console's, or the terminal's"),
    row(C::Everywhere, Char('y'), A::CopyId, "", "copy the name of what is selected"),
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
        matches!(
            self,
            Self::Restart
                | Self::Admin
                | Self::AbortOperation
                | Self::PauseOperation
                | Self::ResumeOperation
                | Self::SheetRun
        )
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
            Self::Tables => "tables",
            Self::Cluster => "cluster",
            Self::Node => "node",
            Self::Incidents => "incidents",
            Self::Logs => "logs",
            Self::Chips => "choosing clusters",
            Self::Operations => "operations",
            Self::Operation => "operation",
            Self::Pulses => "pulses",
            Self::Xray => "xray",
            Self::Slo => "objectives",
            Self::Sheet => "restart sheet",
            Self::Line => "typing",
            Self::Palette => "palette",
            Self::Menu => "menu",
            Self::Plain => "plain text",
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
            let mutating =
                row.action.needs_write() && row.context != C::Sheet || row.action == A::ToggleWrite;
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
