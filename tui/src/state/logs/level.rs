//! The level of a record, and the spellings of it that are met in the store (ours, syslog's, other loggers').

use serde::{Deserialize, Serialize};

/// A level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Level {
    /// Very much detail.
    Trace,
    /// Detail.
    Debug,
    /// Life as usual.
    Info,
    /// At risk.
    Warn,
    /// Failed.
    Error,
}

/// Each level with its spellings, in lower case; the first is ours.
const SPELLINGS: &[(Level, &[&str])] = &[
    (Level::Trace, &["trace"]),
    (Level::Debug, &["debug"]),
    (Level::Info, &["info", "notice", "informational"]),
    (Level::Warn, &["warn", "warning"]),
    (
        Level::Error,
        &[
            "error",
            "err",
            "crit",
            "critical",
            "alert",
            "emerg",
            "emergency",
            "fatal",
            "panic",
        ],
    ),
];

// === impl Level ===

impl Level {
    /// The level that `text` spells. What is not known is shown, not hidden: it counts as `info`.
    pub fn parse(text: &str) -> Self {
        Self::known(text).unwrap_or(Self::Info)
    }

    /// The level that `text` spells, if it spells one.
    pub fn known(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        SPELLINGS
            .iter()
            .find(|(_, names)| names.contains(&lower.as_str()))
            .map(|(level, _)| *level)
    }

    /// `trace`, `debug`, `info`, `warn`, `error`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// The next one when the key goes round: `info` is followed by `warn`, `error` by `trace`.
    pub fn next(self) -> Self {
        match self {
            Self::Trace => Self::Debug,
            Self::Debug => Self::Info,
            Self::Info => Self::Warn,
            Self::Warn => Self::Error,
            Self::Error => Self::Trace,
        }
    }

    /// All spellings of this level and above, as they may stand in a keyword field.
    pub fn spellings_from(self) -> Vec<String> {
        let names = SPELLINGS
            .iter()
            .filter(|(level, _)| *level >= self)
            .flat_map(|(_, names)| *names);
        names
            .flat_map(|name| [(*name).to_owned(), name.to_ascii_uppercase()])
            .collect()
    }
}
