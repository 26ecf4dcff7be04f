//! The name of the index of an event: a pattern and the event's time.

use serde::Deserialize;

/// A pattern such as `guildwatch-%Y.%m.%d`. `%Y`, `%m`, `%d` and `%H` are replaced, in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct IndexPattern(String);

// === impl IndexPattern ===

impl IndexPattern {
    /// The name for this time.
    pub(crate) fn name(&self, unix_ms: i64) -> String {
        let time = jiff::Timestamp::from_millisecond(unix_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let at = jiff::tz::Offset::UTC.to_datetime(time);
        self.0
            .replace("%Y", &format!("{:04}", at.year()))
            .replace("%m", &format!("{:02}", at.month()))
            .replace("%d", &format!("{:02}", at.day()))
            .replace("%H", &format!("{:02}", at.hour()))
    }

    /// What every name starts with.
    pub(crate) fn prefix(&self) -> &str {
        self.0.split('%').next().unwrap_or_default()
    }
}

impl TryFrom<String> for IndexPattern {
    type Error = String;

    fn try_from(pattern: String) -> Result<Self, String> {
        let plain = ["%Y", "%m", "%d", "%H"]
            .iter()
            .fold(pattern.clone(), |text, part| text.replace(part, "0"));
        if let Some(at) = plain.find('%') {
            let unknown: String = plain[at..].chars().take(2).collect();
            return Err(format!(
                "index {pattern:?} has {unknown:?}; only %Y, %m, %d and %H are known"
            ));
        }
        let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        if plain.is_empty() || !plain.chars().all(valid) || plain.starts_with(['-', '_', '.']) {
            return Err(format!(
                "index {pattern:?} is no index name: lower-case letters, digits, '-', '_', '.', not starting with one of the last three"
            ));
        }
        Ok(Self(pattern))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_comes_from_the_time_in_utc() {
        let pattern = IndexPattern::try_from("guildwatch-%Y.%m.%d".to_owned()).unwrap();
        assert_eq!(pattern.name(1_795_564_799_999), "guildwatch-2026.11.24");
        assert_eq!(pattern.name(1_795_564_800_000), "guildwatch-2026.11.25");
        assert_eq!(pattern.prefix(), "guildwatch-");
    }

    #[test]
    fn a_pattern_that_would_make_a_bad_name_is_refused() {
        for pattern in ["", "Logs", "logs-%Q", "-logs", "a b"] {
            assert!(IndexPattern::try_from(pattern.to_owned()).is_err(), "{pattern}");
        }
    }
}
