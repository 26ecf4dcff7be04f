//! One record of the write-ahead log, as bytes.
//!
//! ```text
//! u32 length of payload | u32 crc32 of payload | payload
//! payload: u8 kind (1 index, 2 delete) | u64 seq_no | u64 version | u32 length of id | id | source
//! ```
//! All numbers are little-endian.

use bytes::Bytes;

/// Bytes before the payload.
pub const HEADER: usize = 8;

/// A payload larger than this is taken for garbage.
const MAX_PAYLOAD: usize = 1 << 30;

/// An operation in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The operation's number.
    pub seq_no: u64,
    /// The document's version after it.
    pub version: u64,
    /// `_id`.
    pub id: String,
    /// The document; `None` deletes.
    pub source: Option<Bytes>,
}

/// What stands at a place of a log file.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// A record, and its length in bytes.
    Frame(Frame, usize),
    /// The end of the file, exactly.
    End,
    /// Fewer bytes than a record: a write that was cut off.
    Torn,
    /// Bytes that fail their checksum.
    Corrupt,
}

/// Appends the record of an operation to a buffer.
pub fn write(out: &mut Vec<u8>, seq_no: u64, version: u64, id: &str, source: Option<&[u8]>) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER]);
    out.push(if source.is_some() { 1 } else { 2 });
    out.extend_from_slice(&seq_no.to_le_bytes());
    out.extend_from_slice(&version.to_le_bytes());
    let id_length = u32::try_from(id.len()).expect("ids are at most 512 bytes");
    out.extend_from_slice(&id_length.to_le_bytes());
    out.extend_from_slice(id.as_bytes());
    out.extend_from_slice(source.unwrap_or_default());
    let payload = start + HEADER;
    let length = u32::try_from(out.len() - payload).expect("a document is smaller than the request's limit");
    let crc = crc32fast::hash(&out[payload..]);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..payload].copy_from_slice(&crc.to_le_bytes());
}

/// Reads the record at the start of `bytes`.
pub fn read(bytes: &[u8]) -> Read {
    if bytes.is_empty() {
        return Read::End;
    }
    let Some((header, rest)) = bytes.split_at_checked(HEADER) else {
        return Read::Torn;
    };
    let length = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
    let crc = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
    if length > MAX_PAYLOAD {
        return Read::Corrupt;
    }
    let Some(payload) = rest.get(..length) else {
        return Read::Torn;
    };
    if crc32fast::hash(payload) != crc {
        return Read::Corrupt;
    }
    parse(payload).map_or(Read::Corrupt, |frame| Read::Frame(frame, HEADER + length))
}

/// How far from the start of `bytes`, which is no record, the next record that passes its checksum begins.
pub fn next(bytes: &[u8]) -> Option<usize> {
    (1..bytes.len()).find(|at| {
        // Most places fail on the kind of record, before any checksum is computed.
        matches!(bytes.get(at + HEADER), Some(1 | 2)) && matches!(read(&bytes[*at..]), Read::Frame(..))
    })
}

fn parse(payload: &[u8]) -> Option<Frame> {
    let (kind, rest) = payload.split_first()?;
    let (seq_no, rest) = rest.split_first_chunk::<8>()?;
    let (version, rest) = rest.split_first_chunk::<8>()?;
    let (id_length, rest) = rest.split_first_chunk::<4>()?;
    let (id, source) = rest.split_at_checked(u32::from_le_bytes(*id_length) as usize)?;
    Some(Frame {
        seq_no: u64::from_le_bytes(*seq_no),
        version: u64::from_le_bytes(*version),
        id: std::str::from_utf8(id).ok()?.to_owned(),
        source: match kind {
            1 => Some(Bytes::copy_from_slice(source)),
            2 => None,
            _ => return None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_record_reads_back_and_every_cut_of_it_is_torn(seq_no: u64, version: u64, id in ".{0,30}", source in proptest::option::of(".{0,50}"), cut in 0.0_f64..1.0) {
            let mut bytes = Vec::new();
            write(&mut bytes, seq_no, version, &id, source.as_ref().map(String::as_bytes));
            let frame = Frame { seq_no, version, id, source: source.map(|s| Bytes::from(s.into_bytes())) };
            prop_assert_eq!(read(&bytes), Read::Frame(frame, bytes.len()));
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a test picks any place")]
            let end = 1 + ((bytes.len() - 1) as f64 * cut) as usize;
            if end < bytes.len() {
                prop_assert_eq!(read(&bytes[..end]), Read::Torn);
            }
        }

        #[test]
        fn a_flipped_bit_in_the_payload_is_noticed(source in ".{1,50}", bit in 0_usize..400) {
            let mut bytes = Vec::new();
            write(&mut bytes, 1, 1, "id", Some(source.as_bytes()));
            let place = HEADER + bit / 8 % (bytes.len() - HEADER);
            bytes[place] ^= 1 << (bit % 8);
            prop_assert_eq!(read(&bytes), Read::Corrupt);
        }
    }
}
