//! What is wrong with a configuration: all of it, each fault with its place and what to do.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

/// How many edits a misspelt key may be away from the one that was meant.
const NEAR: usize = 3;

/// Everything that is wrong with a configuration file.
#[derive(Debug)]
pub(crate) struct Faults {
    pub(super) path: PathBuf,
    pub(super) faults: BTreeSet<Fault>,
}

/// One fault. Line and column count from 1; 0 is the file as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fault {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) text: String,
}

/// The fault with the key or variant that was probably meant, where serde lists those that it knows.
pub(super) fn with_suggestion(message: &str) -> String {
    let Some((_, rest)) = message
        .split_once("unknown ")
        .filter(|(_, rest)| rest.contains("expected"))
    else {
        return message.to_owned();
    };
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let Some(given) = quoted.next() else {
        return message.to_owned();
    };
    let nearest = quoted
        .map(|known| (distance(given, known), known))
        .filter(|(edits, known)| *edits <= NEAR.min(known.len() / 2))
        .min();
    match nearest {
        Some((_, known)) => format!("{message}; did you mean `{known}`?"),
        None => message.to_owned(),
    }
}

/// Edits between two words: insert, remove, replace, or exchange two neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

// === impl Fault ===

impl Fault {
    /// A fault of the file as a whole.
    pub(super) fn of_file(text: String) -> Self {
        Self {
            line: 0,
            column: 0,
            text,
        }
    }
}

// === impl Faults ===

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, count) = (self.path.display(), self.faults.len());
        let plural = if count == 1 { "fault" } else { "faults" };
        write!(f, "{count} {plural} in the configuration")?;
        for Fault { line, column, text } in &self.faults {
            match line {
                0 => write!(f, "\n  {path}: {text}")?,
                line => write!(f, "\n  {path}:{line}:{column}: {text}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_is_answered_with_the_one_that_was_meant() {
        let message = "sinks.logs: unknown field `concurency`, expected one of `url`, `concurrency`, `index`";
        assert!(with_suggestion(message).ends_with("did you mean `concurrency`?"));
        let message = "unknown field `tpc`, expected `tcp` or `udp`";
        assert!(!with_suggestion(message).ends_with("`udp`?"));
        assert!(with_suggestion(message).ends_with("did you mean `tcp`?"));
        let message = "unknown field `colour`, expected `url` or `op`";
        assert_eq!(with_suggestion(message), message);
    }
}
