//! Record ids for what has none on the wire.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use jiff::Timestamp;

use crate::event::write_number;

/// Gives each event of a run of a source an id of its own: nothing on the wire names it, so it is named here,
/// once, before it enters any buffer.
#[derive(Debug)]
pub(super) struct Ids {
    run: String,
    next: AtomicU64,
}

// === impl Ids ===

impl Ids {
    pub(super) fn new() -> Self {
        let started = Timestamp::now().as_millisecond();
        let random: u32 = rand::random();
        Self {
            run: format!("net/{started:x}{random:08x}/"),
            next: AtomicU64::new(0),
        }
    }

    /// The number of the next event.
    pub(super) fn next(&self) -> u64 {
        self.next.fetch_add(1, Relaxed)
    }

    /// The id of the event with this number.
    pub(super) fn name(&self, number: u64) -> String {
        format!("{}{number}", self.run)
    }

    /// Writes the id of the event with this number.
    pub(super) fn write(&self, number: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(self.run.as_bytes());
        write_number(out, number);
    }
}
