//! What a client asks to be done to a document, and what came of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;

use crate::document::Values;

/// A write that is parsed and ready to be applied.
#[derive(Debug)]
pub struct Op {
    /// `_id`.
    pub id: Arc<str>,
    /// What to do.
    pub action: Action,
    /// Whether the id was made here just now, so that no other document can have it.
    pub fresh_id: bool,
    /// Only when the document's newest operation has this number.
    pub if_seq_no: Option<u64>,
    /// Only in this primary term, of which there is one.
    pub if_primary_term: Option<u64>,
    /// The version that the client gives the document.
    pub version: Option<Given>,
}

/// A version that a client numbers itself (`version_type` external and `external_gte`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given {
    /// The version of the document after the write.
    pub number: u64,
    /// Whether the version that is there may be the same; otherwise it must be lower.
    pub or_equal: bool,
}

/// The primary term of every write: there is one copy of an index, which is always the primary one.
pub const PRIMARY_TERM: u64 = 1;

/// The kinds of writes.
#[derive(Debug)]
pub enum Action {
    /// Writes a document; `create`: only if there is none.
    Index {
        /// The bytes as sent.
        source: Bytes,
        /// What of it is indexed.
        values: Values,
        /// Refuse when the id exists.
        create: bool,
    },
    /// Deletes a document.
    Delete,
}

/// What a write came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// A new document.
    Created,
    /// Another version of a document.
    Updated,
    /// A document is gone.
    Deleted,
    /// There was none to delete.
    NotFound,
    /// An update changed nothing.
    Noop,
}

/// The answer to one write.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// `_id`.
    pub id: Arc<str>,
    /// `_version`.
    pub version: u64,
    /// `_seq_no`.
    pub seq_no: u64,
    /// What it came to.
    pub done: Done,
}

impl Done {
    /// The word of the answer's `result`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::NotFound => "not_found",
            Self::Noop => "noop",
        }
    }

    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::Created => 201,
            Self::NotFound => 404,
            _ => 200,
        }
    }
}

/// Makes an id that nobody can guess: 20 characters, safe in a URL, 120 random bits.
pub fn new_id() -> Arc<str> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bits: u128 = rand::random();
    let mut id = [0_u8; 20];
    for place in &mut id {
        *place = ALPHABET[(bits & 63) as usize];
        bits >>= 6;
    }
    std::str::from_utf8(&id).expect("the alphabet is ascii").into()
}

/// Makes an identity of an index: 22 characters, as Elasticsearch's have.
pub fn new_uuid() -> Arc<str> {
    // Two characters more than the longest id of documents, of which there are only so many random bits.
    let more = rand::random::<u16>() & 0xFFF;
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut id = new_id().to_string();
    for letter in [more >> 6, more & 63] {
        id.push(char::from(ALPHABET[usize::from(letter)]));
    }
    id.into()
}

/// What stands before the counter in this process's automatic ids: when it started, and chance.
static PREFIX: LazyLock<u128> = LazyLock::new(|| {
    let millis = u128::try_from(crate::date::now()).unwrap_or_default() & 0xFFF_FFFF_FFFF;
    let chance = u128::from(rand::random::<u64>() & 0xF_FFFF_FFFF);
    (millis << 36 | chance) << 40
});

static NEXT: AtomicU64 = AtomicU64::new(0);

/// Makes an id for a document that came without one: 20 characters, safe in a URL, in order of arrival. Ids that
/// share all but their last characters take next to no space, in the dictionary of terms and beside the document.
pub fn ordered_id() -> Arc<str> {
    const ALPHABET: &[u8; 64] = b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
    let number = *PREFIX | u128::from(NEXT.fetch_add(1, Ordering::Relaxed) & 0xFF_FFFF_FFFF);
    let mut id = [0_u8; 20];
    for (place, letter) in id.iter_mut().rev().enumerate() {
        *letter = ALPHABET[(number >> (6 * place) & 63) as usize];
    }
    std::str::from_utf8(&id).expect("the alphabet is ascii").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn automatic_ids_are_in_order_and_differ() {
        let ids: Vec<Arc<str>> = (0..10_000).map(|_| ordered_id()).collect();
        assert!(
            ids.windows(2).all(|pair| pair[0] < pair[1]),
            "another test may have taken some in between"
        );
        assert_eq!(ids[0].len(), 20);
    }
}
