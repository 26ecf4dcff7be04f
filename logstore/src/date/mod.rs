//! Dates: milliseconds since 1970 in UTC, as Elasticsearch's `date` field keeps them.
//!
//! [`parse`] reads them, [`format`] writes them, [`math`] understands `now-15m/d`, [`rounding`] cuts time into
//! intervals. Documents are parsed at
//! tens of thousands a second, so the reader is by hand and allocates nothing.

pub mod civil;
pub mod format;
pub mod math;
pub mod parse;
pub mod pattern;
pub mod rounding;
pub mod zone;

/// Milliseconds since the epoch.
pub type Millis = i64;

/// Now.
pub fn now() -> Millis {
    jiff::Timestamp::now().as_millisecond()
}
