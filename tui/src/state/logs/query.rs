//! What is asked of the store: how far back, which level, which clusters. The regular expression is not part of
//! it: that one only highlights or hides what is loaded.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::level::Level;

/// How far back, in minutes; the key goes round.
const WINDOWS: [u64; 5] = [5, 15, 60, 360, 1440];

/// A query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogQuery {
    /// How far back, in minutes.
    pub since_minutes: u64,
    /// The least level.
    pub level: Level,
    /// Only these clusters; all when empty.
    pub clusters: BTreeSet<String>,
    /// Only this node.
    pub node: Option<String>,
    /// More that must hold, in the store's own query language (Lucene's); all when empty.
    #[serde(default)]
    pub text: String,
    /// How many records one answer may bring.
    pub page: usize,
}

// === impl LogQuery ===

impl LogQuery {
    /// Everything of the last quarter of an hour, from `info`.
    pub fn recent() -> Self {
        Self {
            since_minutes: 15,
            level: Level::Info,
            clusters: BTreeSet::new(),
            node: None,
            text: String::new(),
            page: 2000,
        }
    }

    /// The next window when the key goes round.
    pub fn next_window(&mut self) {
        let later = WINDOWS.iter().find(|minutes| **minutes > self.since_minutes);
        self.since_minutes = *later.unwrap_or(&WINDOWS[0]);
    }

    /// The window as it is written: `15m`, `6h`.
    pub fn window(&self) -> String {
        match self.since_minutes {
            minutes if minutes >= 60 && minutes.is_multiple_of(60) => format!("{}h", minutes / 60),
            minutes => format!("{minutes}m"),
        }
    }

    /// The same thing for the shell.
    pub fn command(&self) -> String {
        let mut line = "ops logs".to_owned();
        match &self.node {
            Some(node) => line.push_str(&format!(" {node}")),
            None => self
                .clusters
                .iter()
                .for_each(|name| line.push_str(&format!(" {name}"))),
        }
        line.push_str(&format!(
            " --since {} --level {}",
            self.window(),
            self.level.name()
        ));
        line
    }

    /// Reads a window: `90s` is too fine, `15m`, `6h`, `2d` are read.
    pub fn parse_window(text: &str) -> Option<u64> {
        let unit = text.chars().last()?;
        let count: u64 = text[..text.len() - unit.len_utf8()].parse().ok()?;
        let minutes = match unit {
            'm' => count,
            'h' => count.checked_mul(60)?,
            'd' => count.checked_mul(24 * 60)?,
            _ => return None,
        };
        // A week: more is a matter for the browser.
        (1..=7 * 24 * 60).contains(&minutes).then_some(minutes)
    }
}
