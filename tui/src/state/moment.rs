//! When something happened, on two clocks: the wall's, for people, and the console's own, for how long ago. A
//! wall clock that is set back must not make a stale screen live.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The wall clock.
    pub wall: Timestamp,
    /// Milliseconds since the console started.
    pub ms: u64,
}

impl Moment {
    /// How many milliseconds after `earlier`.
    pub fn since(self, earlier: Moment) -> u64 {
        self.ms.saturating_sub(earlier.ms)
    }
}
