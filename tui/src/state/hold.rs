//! The frozen screen: what arrives meanwhile waits here and is taken in afterwards. Bounded: what does not fit is
//! dropped, and then everything is fetched again.

use std::collections::VecDeque;

use ops_api::Fleet;

use super::msg::{Feed, Msg};

/// Messages that may wait; when one more comes the oldest is dropped.
const MAX_DROP_OLDEST: usize = 256;

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Hold {
    fleet: Option<Box<Fleet>>,
    msgs: VecDeque<Msg>,
    /// Whether something was dropped.
    pub(super) dropped: bool,
}

// === impl Hold ===

impl Hold {
    /// Takes a message that would change what is shown, or gives it back when it would not.
    pub(super) fn take(&mut self, msg: Msg) -> Option<Msg> {
        match msg {
            // Only the newest picture counts.
            Msg::Fleet(fleet) => self.fleet = Some(fleet),
            Msg::Operation(_)
            | Msg::Operations(_)
            | Msg::Audit(_)
            | Msg::Logs(Feed::Tail | Feed::Logs, ..)
            | Msg::Counts { .. } => {
                if self.msgs.len() == MAX_DROP_OLDEST {
                    self.msgs.pop_front();
                    self.dropped = true;
                }
                self.msgs.push_back(msg);
            }
            other => return Some(other),
        }
        None
    }

    /// Everything that waited, in the order in which it came; the picture last.
    pub(super) fn release(self) -> impl Iterator<Item = Msg> {
        self.msgs.into_iter().chain(self.fleet.map(Msg::Fleet))
    }
}
