//! One frame: an event in the form that a bulk body needs, with what it takes to trust it.
//!
//! ```text
//! F5 'P' 'N' 'T' | payload length u32 LE | written at, unix ms u64 LE | CRC-32 u32 LE | payload
//! ```
//!
//! The CRC covers length, time and payload. `F5` occurs in no UTF-8 text, so after a corrupt frame the next
//! mark found is the next frame.

use std::ops::Range;

const MARK: [u8; 4] = [0xf5, b'P', b'N', b'T'];

/// Bytes before the payload.
pub(crate) const HEADER: usize = 20;

/// No payload is longer; a length above it is corrupt.
const MAX_PAYLOAD: usize = 256 << 20;

/// What stands at a place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// A whole frame: its time and where its payload is. The next frame starts at the payload's end.
    Frame { written_ms: u64, payload: Range<usize> },
    /// The start of a frame, of which so many bytes are needed in all.
    Short { needed: usize },
    /// No frame; the next mark is so many bytes on, if there is one.
    Corrupt { skip: Option<usize> },
}

/// Appends a frame whose payload `write` appends.
pub(crate) fn encode(out: &mut Vec<u8>, written_ms: u64, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&MARK);
    out.extend_from_slice(&[0; HEADER - 4]);
    write(out);
    let length = u32::try_from(out.len() - start - HEADER).unwrap_or(u32::MAX);
    out[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
    out[start + 8..start + 16].copy_from_slice(&written_ms.to_le_bytes());
    let crc = checksum(&out[start..]);
    out[start + 16..start + 20].copy_from_slice(&crc.to_le_bytes());
}

/// Looks at the frame that starts at `at`.
pub(crate) fn decode(bytes: &[u8], at: usize) -> Decoded {
    let rest = &bytes[at..];
    if rest.len() < HEADER {
        let plausible = rest.iter().zip(MARK).all(|(a, b)| *a == b);
        return if plausible {
            Decoded::Short { needed: HEADER }
        } else {
            corrupt(rest)
        };
    }
    let length = u32::from_le_bytes([rest[4], rest[5], rest[6], rest[7]]) as usize;
    if rest[..4] != MARK || length > MAX_PAYLOAD {
        return corrupt(rest);
    }
    let end = HEADER + length;
    if rest.len() < end {
        return Decoded::Short { needed: end };
    }
    let expected = u32::from_le_bytes([rest[16], rest[17], rest[18], rest[19]]);
    if checksum(&rest[..end]) != expected {
        return corrupt(rest);
    }
    let mut written_ms = [0; 8];
    written_ms.copy_from_slice(&rest[8..16]);
    Decoded::Frame {
        written_ms: u64::from_le_bytes(written_ms),
        payload: at + HEADER..at + end,
    }
}

/// The next place from `from` on where a whole frame stands: what a damaged length would pass over.
pub(crate) fn next_whole(bytes: &[u8], from: usize) -> Option<usize> {
    let marks = memchr::memmem::find_iter(bytes.get(from..)?, &MARK);
    marks
        .map(|at| from + at)
        .find(|at| matches!(decode(bytes, *at), Decoded::Frame { .. }))
}

fn corrupt(rest: &[u8]) -> Decoded {
    let skip = rest.get(1..).and_then(|after| memchr::memmem::find(after, &MARK));
    Decoded::Corrupt {
        skip: skip.map(|at| at + 1),
    }
}

fn checksum(frame: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&frame[4..16]);
    crc.update(&frame[HEADER..]);
    crc.finalize()
}
