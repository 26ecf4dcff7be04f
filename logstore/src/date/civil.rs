//! The proleptic Gregorian calendar in UTC: days to (year, month, day) and back.

use super::Millis;

/// Milliseconds of a day.
pub const DAY: i64 = 86_400_000;

/// A date and time of day without a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// Year, possibly negative.
    pub year: i64,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
    /// Milliseconds since midnight.
    pub of_day: i64,
}

/// Days since 1970-01-01 (Howard Hinnant's algorithm).
pub fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let shifted = i64::from((month + 9) % 12);
    let doy = (153 * shifted + 2) / 5 + i64::from(day) - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

/// The number of days of a month.
pub fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Civil {
    /// The civil time of an instant in UTC.
    pub fn from_millis(millis: Millis) -> Self {
        let days = millis.div_euclid(DAY) + 719_468;
        let era = days.div_euclid(146_097);
        let doe = days.rem_euclid(146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = u32::try_from(doy - (153 * mp + 2) / 5 + 1).unwrap_or(1);
        let month = u32::try_from(if mp < 10 { mp + 3 } else { mp - 9 }).unwrap_or(1);
        let year = yoe + era * 400 + i64::from(month <= 2);
        Self {
            year,
            month,
            day,
            of_day: millis.rem_euclid(DAY),
        }
    }

    /// The instant of this civil time in UTC. A day beyond its month is moved to the month's last.
    pub fn to_millis(self) -> Millis {
        let day = self.day.min(days_in_month(self.year, self.month));
        days_from_civil(self.year, self.month, day) * DAY + self.of_day
    }

    /// This time some months later (or earlier).
    #[must_use]
    pub fn add_months(self, months: i64) -> Self {
        let index = self.year * 12 + i64::from(self.month) - 1 + months;
        Self {
            year: index.div_euclid(12),
            month: u32::try_from(index.rem_euclid(12)).unwrap_or(0) + 1,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_instant_survives_the_way_to_civil_time_and_back(millis in -60_000_000_000_000_i64..250_000_000_000_000) {
            prop_assert_eq!(Civil::from_millis(millis).to_millis(), millis);
        }
    }

    #[test]
    fn the_last_of_january_plus_a_month_is_the_last_of_february() {
        let end = Civil {
            year: 2026,
            month: 1,
            day: 31,
            of_day: 0,
        }
        .add_months(1);
        assert_eq!(Civil::from_millis(end.to_millis()).day, 28);
    }
}
