//! Which messages are known already: what makes a send safe to repeat.
//!
//! Ids and nonces are remembered for [`NONCE_WINDOW_MS`] and no more than [`REMEMBERED`] of them. For ids that is not
//! a limit of what is safe: an id that is older than what is remembered is looked up at data ([`Known::Perhaps`]).

use std::collections::{HashMap, VecDeque};

use chat_proto::{ChannelId, EventNumber, MessageId, UserId};

/// For how long a nonce answers the first message again.
pub(crate) const NONCE_WINDOW_MS: u64 = 5 * 60 * 1000;

/// Messages that are remembered at most.
const REMEMBERED: usize = 1 << 16;

/// How long after its id was made a message may still be written: the api holds a send for ten seconds, and clocks
/// differ.
pub(crate) const LATE_MS: u64 = 20 * 1000;

/// How far the clocks of two machines may be apart.
pub(crate) const SKEW_MS: u64 = 5 * 1000;

/// The messages that are known.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    by_id: HashMap<MessageId, Seen>,
    by_nonce: HashMap<Nonce, MessageId>,
    /// Oldest first.
    order: VecDeque<(MessageId, Option<Nonce>)>,
    /// Ids made up to this time may have been forgotten.
    forgotten_ms: u64,
}

/// A message that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) channel: ChannelId,
    pub(crate) message: MessageId,
    pub(crate) number: EventNumber,
    at_ms: u64,
}

type Nonce = (UserId, Box<str>);

/// Whether a message is known.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// It is, perhaps under another id.
    Yes(Seen),
    /// It is not.
    No,
    /// It is older than what is remembered: only data knows.
    Perhaps,
}

impl Repeats {
    /// Nothing is known of messages whose ids were made up to `ms`.
    pub(crate) fn forget_until(&mut self, ms: u64) {
        self.forgotten_ms = self.forgotten_ms.max(ms);
    }

    pub(crate) fn remember(
        &mut self,
        message: MessageId,
        channel: ChannelId,
        number: EventNumber,
        nonce: Option<(UserId, &str)>,
        at_ms: u64,
    ) {
        let seen = Seen {
            channel,
            message,
            number,
            at_ms,
        };
        let nonce = nonce.map(|(author, nonce)| (author, Box::from(nonce)));
        if let Some(nonce) = &nonce {
            self.by_nonce.insert(nonce.clone(), message);
        }
        self.by_id.insert(message, seen);
        self.order.push_back((message, nonce));
        self.expire(at_ms);
    }

    /// Forgets what is too old, and gives its memory back.
    pub(crate) fn sweep(&mut self, now_ms: u64) {
        self.expire(now_ms);
        self.by_id.shrink_to(self.order.len() * 2);
        self.by_nonce.shrink_to(self.order.len() * 2);
        self.order.shrink_to(self.order.len() * 2);
    }

    /// Looks for the id, then for the nonce when there is one to be looked for.
    pub(crate) fn find(&self, message: MessageId, nonce: Option<(UserId, &str)>, now_ms: u64) -> Known {
        if let Some(seen) = self.by_id.get(&message) {
            return Known::Yes(*seen);
        }
        let by_nonce = nonce
            .and_then(|(author, nonce)| self.by_nonce.get(&(author, Box::from(nonce))))
            .and_then(|message| self.by_id.get(message));
        match by_nonce {
            Some(seen) if now_ms.saturating_sub(seen.at_ms) <= NONCE_WINDOW_MS => Known::Yes(*seen),
            _ if message.unix_ms() <= self.forgotten_ms => Known::Perhaps,
            _ => Known::No,
        }
    }

    fn expire(&mut self, now_ms: u64) {
        while let Some((oldest, _)) = self.order.front() {
            let old = self
                .by_id
                .get(oldest)
                .is_none_or(|seen| now_ms.saturating_sub(seen.at_ms) > NONCE_WINDOW_MS);
            if !old && self.order.len() <= REMEMBERED {
                return;
            }
            let Some((message, nonce)) = self.order.pop_front() else {
                return;
            };
            self.by_id.remove(&message);
            if let Some(nonce) = nonce
                && self.by_nonce.get(&nonce) == Some(&message)
            {
                self.by_nonce.remove(&nonce);
            }
            self.forget_until(message.unix_ms());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ms: u64) -> MessageId {
        MessageId((ms - chat_proto::DISCORD_EPOCH_MS) << 22)
    }

    const T: u64 = 1_700_000_000_000;

    #[test]
    fn a_nonce_is_known_for_five_minutes_and_an_id_is_then_only_known_to_data() {
        let mut repeats = Repeats::default();
        let nonce = Some((UserId(1), "n"));
        repeats.remember(id(T), ChannelId(1), EventNumber(1), nonce, T);
        let later = T + NONCE_WINDOW_MS;
        assert!(matches!(repeats.find(id(later), nonce, later), Known::Yes(seen) if seen.message == id(T)));
        assert_eq!(repeats.find(id(later), Some((UserId(2), "n")), later), Known::No);
        assert_eq!(repeats.find(id(later), nonce, later + 1), Known::No);
        repeats.remember(id(later + 1), ChannelId(1), EventNumber(2), None, later + 1);
        assert_eq!(repeats.find(id(T), None, later + 1), Known::Perhaps);
        assert_eq!(repeats.find(id(T + 1), None, later + 1), Known::No);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut repeats = Repeats::default();
        for n in 0..REMEMBERED as u64 + 10 {
            repeats.remember(id(T + n), ChannelId(1), EventNumber(n), None, T);
        }
        assert_eq!(
            (repeats.by_id.len(), repeats.order.len()),
            (REMEMBERED, REMEMBERED)
        );
        assert_eq!(repeats.find(id(T + 9), None, T), Known::Perhaps);
        assert!(matches!(repeats.find(id(T + 10), None, T), Known::Yes(_)));
    }
}
