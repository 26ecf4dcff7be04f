//! What the console asks of the world. `update` returns these and `conn` (or the terminal) carries them out.

use ops_api::NewOperation;

use super::logs::LogQuery;
use super::msg::Feed;
use super::sheet::Turn;

/// A wish of the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cmd {
    /// Leave.
    Quit,
    /// Clear the terminal and draw all of it.
    Redraw,
    /// Put text on the clipboard of the terminal.
    Copy(String),
    /// Follow the records of a query, in place of what the feed followed.
    Follow(Feed, u64, LogQuery),
    /// Follow no more.
    Unfollow(Feed),
    /// Count the query's records over time, once, in buckets of so many milliseconds.
    Count(u64, LogQuery, u64),
    /// Write the screen as text into a file; into a new one with the time in its name when none is given.
    Dump(Option<String>),
    /// Write text into a file.
    Save(String, String),
    /// Take the mouse, or leave it to the terminal.
    Mouse(bool),
    /// Fetch the operations.
    FetchOperations,
    /// Fetch the audit log.
    FetchAudit,
    /// Ask for a plan: a dry run, which changes nothing.
    Plan(u64, NewOperation),
    /// Start an operation, under an idempotency key.
    Start(u64, NewOperation, String),
    /// Abort, pause or resume an operation, on somebody's behalf.
    Turn(u64, Turn, String, String),
}

impl Cmd {
    /// Whether it changes the system.
    pub fn mutates(&self) -> bool {
        match self {
            Self::Start(_, request, _) => !request.dry_run,
            Self::Turn(..) => true,
            _ => false,
        }
    }
}
