//! What reaches the task of a guild, and the way an answer goes back.

use chat_node::Caller;
use chat_proto::discord::Message;
use chat_proto::service::Refusal;
use chat_proto::service::guilds::{Ask, Guilds, Reply};
use chat_proto::{EventNumber, Generation};
use tokio::sync::oneshot;

/// An answer to a request.
pub(crate) type Answer = Result<Reply, Refusal>;

/// A letter to the task of a guild.
#[derive(Debug)]
pub(crate) enum Mail {
    /// A request.
    Ask {
        /// What is asked.
        ask: Ask,
        /// By whom.
        from: Caller<Guilds>,
        /// Who waits.
        waiter: Waiter,
    },
    /// A connection is gone.
    Gone {
        /// Which.
        connection: u64,
    },
}

/// Somebody who waits for an answer. May be gone by the time there is one.
#[derive(Debug)]
pub(crate) struct Waiter(oneshot::Sender<Answer>);

impl Waiter {
    pub(crate) fn new() -> (Self, oneshot::Receiver<Answer>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    pub(crate) fn answer(self, answer: Answer) {
        // Whoever asked has given up and asks again: the answer will be the same.
        drop(self.0.send(answer));
    }

    pub(crate) fn done(self) {
        self.answer(Ok(Reply::Done));
    }

    pub(crate) fn refuse(self, refusal: Refusal) {
        self.answer(Err(refusal));
    }

    pub(crate) fn message(self, message: Box<Message>, number: EventNumber, repeated: bool) {
        self.answer(Ok(Reply::Message {
            message,
            number,
            repeated,
        }));
    }
}

/// Why a guild is let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parting {
    /// The ring of this generation names another node.
    Moved(Generation),
    /// Another owner has been there; whether this node is the owner is to be seen when it is loaded again.
    Fenced,
    /// data did not take what this owner wrote: load it again from what data has.
    Astray,
    /// Nobody has wanted anything for a while.
    Idle,
    /// The node stops.
    Stopping,
}

impl Parting {
    /// What those hear who wait.
    pub(crate) fn refusal(self) -> Refusal {
        match self {
            Self::Moved(generation) => Refusal::NotOwner { generation },
            Self::Fenced => Refusal::unavailable("another owner has claimed the guild"),
            Self::Astray => Refusal::unavailable("the guild is being loaded again"),
            Self::Idle => Refusal::unavailable("the guild was just unloaded"),
            Self::Stopping => Refusal::unavailable("the node is stopping"),
        }
    }
}
