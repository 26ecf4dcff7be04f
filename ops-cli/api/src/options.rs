//! How a restart is to go about it: every flag of `ops restart` that the server needs to know.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The "cluster" of an operation over all clusters (`ops reboot-all`).
pub const EVERYTHING: &str = "all";

/// The flags of a restart. Everything has a default; times that are left out are the topology's (`[restart]`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RestartOptions {
    /// Only nodes that are not green.
    pub only_unhealthy: bool,
    /// How many nodes may be down by our hand at a time.
    pub max_unavailable: Amount,
    /// Whose turn is first.
    pub order: Order,
    /// Whether a node hands over what it holds before it is stopped.
    pub handoff: Handoff,
    /// From the cordon to the kill, in milliseconds. A plan whose hand-off does not fit is refused.
    pub grace_ms: Option<u64>,
    /// How long a new life must stay ready before it counts, in milliseconds.
    pub min_ready_ms: Option<u64>,
    /// How long a new life may take to become ready, in milliseconds.
    pub ready_timeout_ms: Option<u64>,
    /// How long a batch is watched after it is back, in milliseconds.
    pub bake_ms: Option<u64>,
    /// The wait between two batches, in milliseconds.
    pub batch_wait_ms: u64,
    /// Pause after each batch until somebody resumes.
    pub batch_ask: bool,
    /// A step that takes longer than this, in milliseconds, counts as failed; begins anew with each ready node.
    pub progress_deadline_ms: Option<u64>,
    /// What a failed step does to the operation.
    pub on_error: OnError,
    /// What the guard may do.
    pub slo_guard: SloGuard,
    /// The incident that it is meant to end.
    pub incident: Option<String>,
    /// With `dry_run`: also ask the gates. Without: the plan only.
    pub preflight: bool,
}

/// A number of nodes, or a share of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Amount {
    /// So many nodes.
    Nodes(u32),
    /// So many in a hundred, rounded **down**, at least one: nodes that hold state are restarted.
    Percent(u32),
}

/// Whose turn is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Nodes that are not green, then by number.
    #[default]
    UnhealthyFirst,
    /// By number.
    Ordinal,
    /// By number, from the highest.
    Reverse,
}

/// Whether a node hands over what it holds before it is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Handoff {
    /// A node that cannot is not stopped.
    #[default]
    Require,
    /// A node that cannot in time is stopped all the same.
    Prefer,
    /// It is stopped as it is.
    Off,
}

/// What a failed step does to the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnError {
    /// It pauses, and somebody resumes or aborts it.
    #[default]
    Pause,
    /// It ends as failed.
    Abort,
}

/// What the guard may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SloGuard {
    /// Refuse, pause and abort.
    #[default]
    Enforce,
    /// Only say what it would have done.
    Warn,
    /// Nothing.
    Off,
}

/// Why a text is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no number of nodes: write 1, 2 … or 25%")]
pub struct NoAmount(String);

// === impl Amount ===

impl Amount {
    /// How many of `nodes`: at least one, at most all.
    pub fn of(self, nodes: usize) -> usize {
        let wanted = match self {
            Self::Nodes(count) => count as usize,
            Self::Percent(percent) => nodes * percent as usize / 100,
        };
        wanted.clamp(1, nodes.max(1))
    }
}

impl Default for Amount {
    fn default() -> Self {
        Self::Nodes(1)
    }
}

impl FromStr for Amount {
    type Err = NoAmount;

    fn from_str(text: &str) -> Result<Self, NoAmount> {
        let wrong = || NoAmount(text.to_owned());
        match text.trim().strip_suffix('%') {
            Some(percent) => match percent.parse() {
                Ok(percent @ 1..=100) => Ok(Self::Percent(percent)),
                _ => Err(wrong()),
            },
            None => match text.trim().parse() {
                Ok(0) | Err(_) => Err(wrong()),
                Ok(count) => Ok(Self::Nodes(count)),
            },
        }
    }
}

impl TryFrom<String> for Amount {
    type Error = NoAmount;

    fn try_from(text: String) -> Result<Self, NoAmount> {
        text.parse()
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> Self {
        amount.to_string()
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nodes(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_down_and_is_at_least_one() {
        let of = |text: &str, nodes| text.parse::<Amount>().unwrap().of(nodes);
        assert_eq!([of("25%", 3), of("50%", 5), of("100%", 4)], [1, 2, 4]);
        assert_eq!([of("2", 3), of("9", 3), of("1", 0)], [2, 3, 1]);
        for bad in ["", "0", "0%", "101%", "-1", "many", "1.5"] {
            assert!(bad.parse::<Amount>().is_err(), "{bad}");
        }
    }

    #[test]
    fn options_that_are_left_out_are_the_careful_ones() {
        let options: RestartOptions = serde_json::from_str("{}").unwrap();
        assert_eq!(options, RestartOptions::default());
        assert_eq!(
            (options.slo_guard, options.handoff),
            (SloGuard::Enforce, Handoff::Require)
        );
        let json = serde_json::to_string(&options).unwrap();
        assert!(json.contains(r#""max_unavailable":"1""#), "{json}");
    }
}
