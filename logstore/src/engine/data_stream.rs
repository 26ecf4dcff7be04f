//! Data streams: a name over a sequence of backing indices, of which the last is written to. Making, rolling
//! over and removing them is in [`super::lifecycle`].

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::date::{Millis, format, zone::Zone};
use crate::error::{ApiError, ApiResult};

/// A data stream.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataStream {
    /// Backing indices, oldest first.
    pub indices: Vec<String>,
    /// Number of the last backing index.
    pub generation: u64,
    /// The composable template it was made from.
    pub template: String,
    /// Whether wildcards do not see it.
    #[serde(default)]
    pub hidden: bool,
}

// === impl DataStream ===

impl DataStream {
    /// The backing index that is written to.
    pub fn write_index(&self) -> Option<&str> {
        self.indices.last().map(String::as_str)
    }
}

/// The name of a backing index: `.ds-logs-2026.11.24-000001`.
pub fn backing_name(stream: &str, generation: u64, now: Millis) -> String {
    let day = format::format(now, Some("yyyy.MM.dd"), &Zone::UTC);
    format!(".ds-{stream}-{day}-{generation:06}")
}

/// Refuses a document without exactly one `@timestamp`, which every document of a data stream has.
pub(super) fn check_timestamp(source: &[u8]) -> ApiResult<()> {
    #[derive(Deserialize)]
    struct Stamped {
        #[serde(rename = "@timestamp")]
        at: Option<IgnoredAny>,
    }
    // What is no JSON is refused by the parser, which says where.
    match serde_json::from_slice::<Stamped>(source) {
        Ok(Stamped { at: None }) => Err(ApiError::mapper(
            "failed to parse: data stream timestamp field [@timestamp] is missing",
        )),
        _ => Ok(()),
    }
}
