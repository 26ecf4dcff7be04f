//! What becomes of a `config.json`: keys that have no effect, and what is done otherwise than by the original.

use std::fmt;

/// Remarks on a `config.json`, each with the path of the key, such as `clusters.main.servers[0].bind`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// What cannot be taken over; with any of these, it is not run.
    pub(crate) faults: Vec<String>,
    /// Keys that the original never read, and this one does not either.
    pub(crate) unused: Vec<String>,
    /// What is done differently, and why.
    pub(crate) different: Vec<String>,
}

// === impl Report ===

impl Report {
    pub(super) fn fault(&mut self, path: &str, text: impl fmt::Display) {
        self.faults.push(format!("{path}: {text}"));
    }

    pub(super) fn different(&mut self, path: &str, text: impl fmt::Display) {
        self.different.push(format!("{path}: {text}"));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for (title, lines) in [
            ("keys without effect, as in the original", &self.unused),
            ("what is done differently", &self.different),
        ] {
            if lines.is_empty() {
                continue;
            }
            if !std::mem::take(&mut first) {
                writeln!(f)?;
            }
            write!(f, "{title}:")?;
            for line in lines {
                write!(f, "\n  {line}")?;
            }
        }
        Ok(())
    }
}
