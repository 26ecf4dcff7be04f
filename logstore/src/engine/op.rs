//! What a client asks to be done to a document, and what came of it.

use std::sync::Arc;

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
}

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

/// Makes an id for a document that came without one: 20 characters, safe in a URL, 120 random bits.
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
