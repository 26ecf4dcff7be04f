//! How the control plane says no: RFC 9457 problem details, with a hint.

use serde::{Deserialize, Serialize};

/// A refusal or failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A short name that scripts may match: `conflict`, `unknown-cluster`, `gate`, `unauthorized`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What was wrong, in one line.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What to do.
    pub hint: String,
    /// The operation that is in the way, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
}
