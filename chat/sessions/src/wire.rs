//! What a session needs of its gateway's connection: a way to push that never waits.

use chat_node::{Caller, PushFailed};
use chat_proto::NodeName;
use chat_proto::service::sessions::{Push, Sessions};

/// A gateway's connection.
pub(crate) trait Wire: Send + 'static {
    /// Which gateway node.
    fn node(&self) -> &NodeName;

    /// Ends the connection: the gateway connects again and attaches its sessions.
    fn close(&self, reason: &str);

    /// Queues a push.
    fn push(&self, push: &Push) -> Result<(), Refused>;
}

/// A push was not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No room now: the same push may be tried again a little later.
    Full,
    /// The connection is gone.
    Lost,
}

impl Wire for Caller<Sessions> {
    fn node(&self) -> &NodeName {
        Self::node(self)
    }

    fn close(&self, reason: &str) {
        Self::close(self, reason);
    }

    fn push(&self, push: &Push) -> Result<(), Refused> {
        self.try_push(push).map_err(|failed| match failed {
            PushFailed::Full => Refused::Full,
            _ => Refused::Lost,
        })
    }
}
