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

    /// Whether a name says of which day it is.
    pub(crate) fn is_dated(&self) -> bool {
        ["%Y", "%m", "%d"].iter().all(|part| self.0.contains(part))
    }

    /// The first moment after the time that `name` is for; none when the pattern did not make that name. A longer
    /// or shorter name, or one of another prefix, is nobody's business here.
    pub(crate) fn end_of(&self, name: &str) -> Option<jiff::Timestamp> {
        let (mut year, mut month, mut day, mut hour) = (None, None, None, None);
        let (mut pattern, mut left) = (self.0.as_str(), name);
        while let Some(first) = pattern.chars().next() {
            let part = match pattern.get(..2) {
                Some("%Y") => Some((&mut year, 4)),
                Some("%m") => Some((&mut month, 2)),
                Some("%d") => Some((&mut day, 2)),
                Some("%H") => Some((&mut hour, 2)),
                _ => None,
            };
            let Some((part, digits)) = part else {
                left = left.strip_prefix(first)?;
                pattern = pattern.strip_prefix(first)?;
                continue;
            };
            let number = left.get(..digits)?;
            if !number.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            *part = Some(number.parse::<i16>().ok()?);
            (pattern, left) = (pattern.get(2..)?, left.get(digits..)?);
        }
        if !left.is_empty() {
            return None;
        }
        let number = |part: Option<i16>| i8::try_from(part.unwrap_or_default()).ok();
        let start =
            jiff::civil::DateTime::new(year?, number(month)?, number(day)?, number(hour)?, 0, 0, 0).ok()?;
        let length = if hour.is_some() { 3600 } else { 86_400 };
        let start = jiff::tz::Offset::UTC.to_timestamp(start).ok()?;
        // The same digits twice in a pattern must say the same.
        (self.name(start.as_millisecond()) == name).then(|| start + jiff::SignedDuration::from_secs(length))
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
    fn only_a_name_that_the_pattern_makes_has_an_end() {
        let pattern = IndexPattern::try_from("logs-%Y.%m.%d".to_owned()).unwrap();
        let end = pattern.end_of("logs-2026.11.24").unwrap();
        assert_eq!(end.to_string(), "2026-11-25T00:00:00Z");
        for other in [
            "logs-audit-2026.11.24",
            "logs-2026.11.24-1",
            "logs-2026.13.01",
            "logs-2026.11",
            "logs-26.11.24",
            "logs-2026.11.2x",
            "log-2026.11.24",
            "logs-2026.02.30",
        ] {
            assert_eq!(pattern.end_of(other), None, "{other}");
        }
        let hourly = IndexPattern::try_from("a-%Y%m%d%H-b".to_owned()).unwrap();
        assert_eq!(
            hourly.end_of("a-2026112423-b").unwrap().to_string(),
            "2026-11-25T00:00:00Z"
        );
        assert!(!IndexPattern::try_from("logs".to_owned()).unwrap().is_dated());
    }

    #[test]
    fn a_pattern_that_would_make_a_bad_name_is_refused() {
        for pattern in ["", "Logs", "logs-%Q", "-logs", "a b"] {
            assert!(IndexPattern::try_from(pattern.to_owned()).is_err(), "{pattern}");
        }
    }
}
