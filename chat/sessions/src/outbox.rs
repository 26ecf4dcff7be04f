//! The frames that a client may still ask for: contiguous in `seq`, bounded in number and bytes.
//!
//! It knows nothing of sockets. When it is full it drops its oldest frame; what that costs is that a resume from
//! before it is refused.

use std::collections::{HashMap, VecDeque};

use chat_proto::service::sessions::Frame;
use chat_proto::{EventNumber, GuildId};

use crate::limits::{OUTBOX_BYTES, OUTBOX_FRAMES};

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Outbox {
    frames: VecDeque<Frame>,
    bytes: usize,
    /// The `seq` of the newest frame, also when none is kept.
    newest: u64,
    /// The last event of each guild among the frames that were dropped.
    dropped: HashMap<GuildId, EventNumber>,
}

impl Outbox {
    /// An empty outbox of a session that has given out frames up to `newest`.
    pub(crate) fn starting_after(newest: u64) -> Self {
        Self {
            frames: VecDeque::new(),
            bytes: 0,
            newest,
            dropped: HashMap::new(),
        }
    }

    /// The outbox of a session that was handed over: the contiguous frames that end at `newest`, within bounds.
    pub(crate) fn restored(newest: u64, frames: Vec<Frame>) -> Self {
        let mut outbox = Self::starting_after(newest);
        let mut expected = newest;
        for frame in frames.into_iter().rev() {
            if frame.seq != expected || outbox.full_with(frame.d.len()) {
                break;
            }
            expected = expected.saturating_sub(1);
            outbox.bytes += frame.d.len();
            outbox.frames.push_front(frame);
        }
        outbox
    }

    /// The `seq` of the newest frame.
    pub(crate) fn newest(&self) -> u64 {
        self.newest
    }

    /// How many frames it keeps.
    pub(crate) fn len(&self) -> usize {
        self.frames.len()
    }

    /// The text of the frames it keeps, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds the frame after the newest one. Drops the oldest when there is no room.
    pub(crate) fn push(&mut self, frame: Frame) {
        debug_assert_eq!(frame.seq, self.newest + 1, "frames are contiguous");
        while !self.frames.is_empty() && self.full_with(frame.d.len()) {
            if let Some(oldest) = self.frames.pop_front() {
                self.bytes -= oldest.d.len();
                self.dropped.extend(oldest.cursor);
            }
        }
        self.newest = frame.seq;
        self.bytes += frame.d.len();
        self.frames.push_back(frame);
    }

    /// Whether every frame after `seq` is here.
    pub(crate) fn reaches(&self, seq: u64) -> bool {
        let kept_after = self.newest - u64::try_from(self.frames.len()).unwrap_or(u64::MAX);
        kept_after <= seq && seq <= self.newest
    }

    /// The frame with that `seq`.
    pub(crate) fn get(&self, seq: u64) -> Option<&Frame> {
        let first = self.frames.front()?.seq;
        let index = usize::try_from(seq.checked_sub(first)?).ok()?;
        self.frames.get(index)
    }

    /// The last event of each guild among the frames that were dropped for lack of room.
    pub(crate) fn dropped(&self) -> impl Iterator<Item = (GuildId, EventNumber)> {
        self.dropped.iter().map(|(guild, number)| (*guild, *number))
    }

    /// All frames, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Frame> {
        self.frames.iter()
    }

    fn full_with(&self, bytes: usize) -> bool {
        self.frames.len() >= OUTBOX_FRAMES || self.bytes + bytes > OUTBOX_BYTES
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn frame(seq: u64, size: usize) -> Frame {
        Frame {
            seq,
            t: "MESSAGE_CREATE".into(),
            d: Bytes::from(vec![b'x'; size]),
            cursor: None,
        }
    }

    #[test]
    fn a_frame_larger_than_the_bound_is_kept_alone() {
        let mut outbox = Outbox::starting_after(7);
        outbox.push(frame(8, 10));
        outbox.push(frame(9, OUTBOX_BYTES + 1));
        assert_eq!(outbox.len(), 1);
        assert!(!outbox.reaches(7));
        assert!(outbox.reaches(8));
    }

    proptest! {
        #[test]
        fn what_it_reaches_back_to_is_all_there_and_the_bounds_hold(
            start in 0u64..5,
            sizes in prop::collection::vec(prop_oneof![Just(10usize), Just(900_000)], 0..1_300),
            ask in 0u64..1_310,
        ) {
            let mut outbox = Outbox::starting_after(start);
            for (index, size) in sizes.iter().enumerate() {
                outbox.push(frame(start + 1 + index as u64, *size));
            }
            let newest = start + sizes.len() as u64;
            prop_assert_eq!(outbox.newest(), newest);
            prop_assert!(outbox.len() <= OUTBOX_FRAMES && outbox.bytes() <= OUTBOX_BYTES);
            if outbox.reaches(ask) {
                for seq in ask + 1..=newest {
                    prop_assert_eq!(outbox.get(seq).map(|frame| frame.seq), Some(seq));
                }
            } else {
                prop_assert!(ask > newest || outbox.get(ask + 1).is_none());
            }
            let again = Outbox::restored(newest, outbox.iter().cloned().collect());
            prop_assert_eq!(again.len(), outbox.len());
            prop_assert_eq!(again.bytes(), outbox.bytes());
        }
    }
}
