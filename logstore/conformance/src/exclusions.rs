//! The tests that are left out, each with its reason: a TOML file of `"prefix of a name" = "reason"`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;

/// Names (or beginnings of names) and reasons.
#[derive(Debug, Default)]
pub struct Exclusions {
    reasons: BTreeMap<String, String>,
}

// === impl Exclusions ===

impl Exclusions {
    /// Reads the file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let reasons = toml::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
        Ok(Self { reasons })
    }

    /// Why a test is left out, if it is.
    pub fn reason(&self, test: &str) -> Option<&str> {
        let found = self
            .reasons
            .iter()
            .find(|(prefix, _)| test.starts_with(prefix.as_str()));
        found.map(|(_, reason)| reason.as_str())
    }
}
