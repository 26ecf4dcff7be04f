//! How times are written: UTC, the local time of the terminal, or as ages.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// How times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clock {
    /// Universal time, with a Z in the header.
    #[default]
    Utc,
    /// The time zone of the console.
    Local,
    /// How long ago.
    Relative,
}

// === impl Clock ===

impl Clock {
    /// The next one when the key goes round.
    pub fn next(self) -> Self {
        match self {
            Self::Utc => Self::Local,
            Self::Local => Self::Relative,
            Self::Relative => Self::Utc,
        }
    }

    /// `UTC`, `local time`, `ages`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utc => "UTC",
            Self::Local => "local time",
            Self::Relative => "ages",
        }
    }

    /// Writes `at` by `format` (strftime's), or as an age of the same number of cells.
    pub fn write(self, at: Timestamp, now: Timestamp, zone: &TimeZone, format: &str) -> String {
        match self {
            Self::Utc => at.strftime(format).to_string(),
            Self::Local => at.to_zoned_datetime(zone.clone()).strftime(format).to_string(),
            Self::Relative => {
                let width = at.strftime(format).to_string().chars().count();
                format!("{:>width$}", age(now.duration_since(at).as_secs()))
            }
        }
    }
}

fn age(seconds: i64) -> String {
    match seconds {
        ..0 => "now".to_owned(),
        0..60 => format!("-{seconds}s"),
        60..3600 => format!("-{}m{:02}", seconds / 60, seconds % 60),
        3600..86_400 => format!("-{}h{:02}", seconds / 3600, seconds % 3600 / 60),
        _ => format!("-{}d{:02}", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_fill_the_cells_of_the_time_they_stand_for() {
        let at: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let now: Timestamp = "2026-03-01T13:02:03Z".parse().unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let write = |clock: Clock| clock.write(at, now, &zone, "%H:%M:%S");
        assert_eq!(write(Clock::Utc), "12:00:00");
        assert_eq!(write(Clock::Local), "14:00:00");
        assert_eq!(write(Clock::Relative), "   -1h02");
    }
}
