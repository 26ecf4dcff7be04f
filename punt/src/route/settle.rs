//! Telling sources what is safe when some sinks have their buffer in memory: once they have delivered it.
//!
//! What is durable on disk waits here until each buffer in memory has delivered what it had by then. The order stays:
//! an acknowledgement speaks for all batches of its source before it.

use std::collections::VecDeque;

use super::Outlet;
use crate::buffer::memory::Delivered;
use crate::event::Acknowledge;

/// Groups that may wait; further ones join the last.
const GROUPS: usize = 1024;

/// Batches that are durable on disk, and not delivered from memory.
#[derive(Default)]
pub(super) struct Settle {
    groups: VecDeque<Group>,
}

struct Group {
    acknowledge: Vec<Acknowledge>,
    /// How many events each buffer in memory must have delivered.
    marks: Vec<(u64, Delivered)>,
}

// === impl Settle ===

impl Settle {
    /// Acknowledges these batches now, or once what the outlets hold in memory by now is delivered.
    pub(super) fn push(&mut self, acknowledge: Vec<Acknowledge>, outlets: &[Outlet]) {
        if acknowledge.is_empty() {
            return;
        }
        let marks: Vec<(u64, Delivered)> = outlets.iter().filter_map(Outlet::delivered).collect();
        let full = self.groups.len() >= GROUPS;
        match self.groups.back_mut() {
            Some(last) if full => {
                // The newer one of a source speaks for the older ones, so they are few.
                for newer in acknowledge {
                    last.acknowledge.retain(|older| !newer.speaks_for(older));
                    last.acknowledge.push(newer);
                }
                last.marks = marks;
            }
            _ => self.groups.push_back(Group { acknowledge, marks }),
        }
        self.settle();
    }

    /// Acknowledges what has been delivered meanwhile.
    pub(super) fn settle(&mut self) {
        while let Some(group) = self.groups.pop_front_if(|group| group.is_delivered()) {
            group.acknowledge.into_iter().for_each(Acknowledge::durable);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

// === impl Group ===

impl Group {
    fn is_delivered(&mut self) -> bool {
        self.marks
            .iter()
            .all(|(mark, delivered)| delivered.events() >= *mark)
    }
}
