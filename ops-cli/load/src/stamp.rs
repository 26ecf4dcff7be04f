//! What a message of this load carries: which run, guild and message it is, and when it was first sent.
//!
//! The content is plain ASCII without anything that JSON escapes, so a dispatch is judged without allocating.

use std::time::Duration;

use crate::checker::Sequence;

/// The first word of each message's content.
const MARK: &str = "load";

/// The identity of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The run.
    pub(crate) run: u32,
    /// Which of the run's guilds.
    pub(crate) guild: usize,
    /// Which of the guild's messages.
    pub(crate) sequence: Sequence,
    /// When it was first sent, since the run began.
    pub(crate) sent: Duration,
}

// === impl Stamp ===

impl Stamp {
    /// The text of the message.
    pub(crate) fn content(&self) -> String {
        let Self {
            run,
            guild,
            sequence,
            sent,
        } = self;
        format!("{MARK} {run:08x} {guild} {sequence} {}", sent.as_micros())
    }

    /// What makes its sending safe to repeat: at most 25 characters, the limit of the protocol.
    pub(crate) fn nonce(&self) -> String {
        format!("{:08x}.{:x}.{:x}", self.run, self.guild, self.sequence)
    }

    /// Reads a message's text; `None` when it is no message of a load.
    pub(crate) fn parse(content: &str) -> Option<Self> {
        let mut words = content.split(' ');
        if words.next()? != MARK {
            return None;
        }
        let stamp = Self {
            run: u32::from_str_radix(words.next()?, 16).ok()?,
            guild: words.next()?.parse().ok()?,
            sequence: words.next()?.parse().ok()?,
            sent: Duration::from_micros(words.next()?.parse().ok()?),
        };
        words.next().is_none().then_some(stamp)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(run: u32, guild in 0_usize..100_000, sequence: u32, micros in 0_u64..1 << 50) {
            let stamp = Stamp { run, guild, sequence, sent: Duration::from_micros(micros) };
            prop_assert_eq!(Stamp::parse(&stamp.content()), Some(stamp));
            prop_assert!(stamp.nonce().len() <= 25, "{}", stamp.nonce());
        }

        #[test]
        fn no_other_text_is_taken_for_a_stamp(text: String) {
            prop_assert!(text.starts_with("load ") || Stamp::parse(&text).is_none());
        }
    }
}
