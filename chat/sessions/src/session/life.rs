//! A session's status, its hand-over to a peer, and its end.

use chat_proto::NodeName;
use chat_proto::service::sessions::{Push, SessionState};

use super::{Phase, Session, Standing};
use crate::wire::Wire;

impl<W: Wire> Session<W> {
    /// The client's own status.
    pub(crate) fn set_status(&mut self, status: String) {
        if self.start.status != status {
            self.start.status = status;
            self.revision += 1;
        }
    }

    /// Takes its state to hand it over. From now on it is silent. `None` when it is frozen or over already.
    pub(crate) fn freeze(&mut self) -> Option<SessionState> {
        if self.phase != Phase::Live {
            return None;
        }
        self.phase = Phase::Frozen;
        let cursors = self.guilds.iter().filter_map(|(guild, standing)| match standing {
            Standing::At(at) => Some((*guild, *at)),
            Standing::Awaited => None,
        });
        Some(SessionState {
            start: self.start.clone(),
            seq: self.outbox.newest(),
            outbox: self.outbox.iter().cloned().collect(),
            cursors: cursors.collect(),
            gateway: self.wire().map(|wire| wire.node().clone()),
        })
    }

    /// The hand-over failed: it goes on here. Its feeds must be told that it may be behind.
    pub(crate) fn thaw(&mut self) {
        if self.phase == Phase::Frozen {
            self.phase = Phase::Live;
        }
    }

    /// The hand-over succeeded: tells the gateway where to attach, and is over here.
    pub(crate) fn moved(&mut self, to: NodeName) {
        let session = self.start.session.clone();
        self.finish(Some(Push::Moved { session, to }));
    }

    /// Ends it, and tells the gateway.
    pub(crate) fn end(&mut self, reason: &str) {
        let session = self.start.session.clone();
        let reason = reason.to_owned();
        self.finish(Some(Push::Ended { session, reason }));
    }

    /// Ends it without a word: the client knows.
    pub(crate) fn close(&mut self) {
        self.finish(None);
    }

    fn finish(&mut self, farewell: Option<Push>) {
        if self.phase == Phase::Over {
            return;
        }
        self.phase = Phase::Over;
        self.farewell = farewell.filter(|_| self.attached.is_some());
        if self.farewell.is_none() {
            self.attached = None;
        } else {
            self.flush(0);
        }
    }
}
