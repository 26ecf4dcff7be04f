//! One item of a buffer: an action line with index and id, and the document on the next line.
//!
//! ```text
//! {"create":{"_index":"guildwatch-2026.11.24","_id":"..."}}
//! {"@timestamp":...}
//! ```
//!
//! It is the form of a bulk body, and the same for every sink (without `_index` where there is none), so that a
//! dead letter always names its event.

/// The two lines of an item, without their line ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item<'a> {
    pub(crate) action: &'a [u8],
    pub(crate) document: &'a [u8],
}

// === impl Item ===

impl<'a> Item<'a> {
    /// Reads a payload.
    pub(crate) fn read(payload: &'a [u8]) -> Self {
        let end = memchr::memchr(b'\n', payload).unwrap_or(payload.len());
        Self {
            action: &payload[..end],
            document: payload.get(end + 1..).unwrap_or_default().trim_ascii_end(),
        }
    }

    /// Where in an action line further keys of the action can be put: behind its second brace.
    pub(crate) fn inside_action(payload: &[u8]) -> Option<usize> {
        let first = memchr::memchr(b'{', payload)? + 1;
        let second = memchr::memchr(b'{', payload.get(first..)?)?;
        Some(first + second + 1)
    }
}
