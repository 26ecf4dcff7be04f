//! Events as they are read from a buffer: payloads in one block of memory, which is the bulk body as it stands.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

/// Payloads, in order. Parts of them share the block.
#[derive(Debug)]
pub(crate) struct Payloads {
    block: Bytes,
    ranges: Vec<Range<usize>>,
}

// === impl Payloads ===

impl Payloads {
    /// The payloads at these ranges of a block, in order.
    pub(crate) fn new(block: Bytes, ranges: Vec<Range<usize>>) -> Self {
        Self { block, ranges }
    }

    /// The payloads at `ranges`, which are in order; what stands between them is closed up.
    pub(super) fn close_up(mut block: Vec<u8>, mut ranges: Vec<Range<usize>>) -> Self {
        let mut end = 0;
        for range in &mut ranges {
            let length = range.len();
            block.copy_within(range.clone(), end);
            *range = end..end + length;
            end += length;
        }
        Self {
            block: block.into(),
            ranges,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// How many of the first payloads are within these bounds.
    pub(super) fn fitting(&self, events: usize, bytes: usize) -> usize {
        let mut left = bytes;
        let within = |range: &&Range<usize>| match left.checked_sub(range.len()) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        };
        self.ranges.iter().take(events).take_while(within).count()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Bytes of the payloads.
    pub(crate) fn bytes(&self) -> usize {
        self.ranges.iter().map(Range::len).sum()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.ranges.iter().map(|range| &self.block[range.clone()])
    }

    /// The payload of this number.
    pub(crate) fn payload(&self, number: usize) -> Bytes {
        self.block.slice(self.ranges[number].clone())
    }

    /// All payloads in one piece, copied only if some between them are missing.
    pub(crate) fn joined(&self) -> Bytes {
        let Some((first, last)) = self.ranges.first().zip(self.ranges.last()) else {
            return Bytes::new();
        };
        let length = self.bytes();
        if last.end - first.start == length {
            return self.block.slice(first.start..last.end);
        }
        let mut joined = BytesMut::with_capacity(length);
        self.iter().for_each(|payload| joined.extend_from_slice(payload));
        joined.freeze()
    }

    /// The payloads of these numbers.
    pub(crate) fn select(&self, numbers: &[usize]) -> Self {
        Self {
            block: self.block.clone(),
            ranges: numbers
                .iter()
                .map(|number| self.ranges[*number].clone())
                .collect(),
        }
    }

    /// Cuts in two: what is before `number` stays, the rest is given.
    pub(crate) fn split_off(&mut self, number: usize) -> Self {
        Self {
            block: self.block.clone(),
            ranges: self.ranges.split_off(number),
        }
    }

    /// The memory, for [`Reader::recycle`](super::Reader::recycle) once all parts are gone.
    pub(crate) fn block(&self) -> Bytes {
        self.block.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payloads() -> Payloads {
        Payloads::close_up(b"--one---two-three".to_vec(), vec![2..5, 8..11, 12..17])
    }

    #[test]
    fn neighbours_are_joined_without_a_copy() {
        let mut first = payloads();
        assert_eq!(first.joined(), "onetwothree");
        assert_eq!(first.joined().as_ptr(), first.block().as_ptr());
        let rest = first.split_off(1);
        assert_eq!((first.joined(), rest.joined()), ("one".into(), "twothree".into()));
    }

    #[test]
    fn a_selection_leaves_out_what_stands_between() {
        let selected = payloads().select(&[0, 2]);
        assert_eq!(selected.joined(), "onethree");
        assert_eq!(selected.payload(1), "three");
        assert_eq!((selected.len(), selected.bytes()), (2, 8));
    }
}
