//! A request that failed as a whole, in the words that delivery needs, whatever the target is.

use std::fmt;

use punt_elastic::{Error, Retry};

/// Why a whole request came to nothing.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) reason: String,
    /// Whether, and how, another try can help. (`Never` is tried again as well, for the operator may mend it.)
    pub(crate) retry: Retry,
    /// The HTTP status; 0 without one.
    pub(crate) status: u16,
    /// The other side took too long, and may have done what was asked.
    pub(crate) timed_out: bool,
    /// The other side does not know us, or does not let us.
    pub(crate) denied: bool,
    /// Nothing was answered at all.
    pub(crate) unreachable: bool,
}

// === impl Failure ===

impl Failure {
    /// This machine could not do it: a disk, a pipe.
    pub(crate) fn here(reason: String) -> Self {
        Self {
            reason,
            retry: Retry::Soon,
            status: 0,
            timed_out: false,
            denied: false,
            unreachable: false,
        }
    }

    /// The other side has too much to do, or is not there: fewer requests at once would help, more would not.
    pub(crate) fn is_overload(&self) -> bool {
        self.timed_out || self.unreachable || matches!(self.status, 408 | 425 | 429 | 502..=504)
    }

    /// This server is of no use now, and another may be.
    pub(crate) fn is_of_the_server(&self) -> bool {
        self.unreachable || self.timed_out || matches!(self.status, 502..=504)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            retry: error.retry(),
            status: error.status().unwrap_or_default(),
            timed_out: error.timed_out(),
            denied: error.denied(),
            unreachable: matches!(error, Error::Unreachable { .. }),
            reason: error.to_string(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}
