//! Writes dates: ISO for answers, and by [`Pattern`] whatever else dashboards ask for.

use super::Millis;
use super::civil::Civil;
use super::pattern::Pattern;
use super::zone::Zone;

/// `2026-11-24T09:46:51.123Z`.
pub fn iso(millis: Millis) -> String {
    write_iso(millis, "Z")
}

fn write_iso(local: Millis, suffix: &str) -> String {
    let c = Civil::from_millis(local);
    let (h, m, s, ms) = clock(c);
    // Years of five digits have a sign, as ISO 8601 wants it.
    let sign = if c.year > 9999 { "+" } else { "" };
    format!(
        "{sign}{:04}-{:02}-{:02}T{h:02}:{m:02}:{s:02}.{ms:03}{suffix}",
        c.year, c.month, c.day
    )
}

fn clock(civil: Civil) -> (i64, i64, i64, i64) {
    let t = civil.of_day;
    (t / 3_600_000, t / 60_000 % 60, t / 1000 % 60, t % 1000)
}

/// Writes a date in the given format (`None`: ISO) and zone; a format that is not known is written as ISO.
pub fn format(millis: Millis, format: Option<&str>, zone: &Zone) -> String {
    let format = format
        .and_then(|f| f.split("||").next())
        .unwrap_or("strict_date_optional_time");
    let offset = zone.offset_at(millis);
    let local = millis + offset;
    let suffix = if offset == 0 {
        "Z".to_owned()
    } else {
        offset_text(offset)
    };
    match format {
        "epoch_millis" => millis.to_string(),
        "epoch_second" => millis.div_euclid(1000).to_string(),
        "strict_date_optional_time"
        | "date_optional_time"
        | "iso8601"
        | "strict_date_time"
        | "date_time"
        | "strict_date_optional_time_nanos" => write_iso(local, &suffix),
        other => match Pattern::compile(other) {
            Ok(pattern) => pattern.write(millis, zone),
            Err(_) => write_iso(local, &suffix),
        },
    }
}

/// Writes a date with nanoseconds beyond its milliseconds, where the format has room for them.
pub fn format_nanos(millis: Millis, rest: i64, format: Option<&str>) -> String {
    let first = format
        .and_then(|format| format.split("||").next())
        .unwrap_or("strict_date_optional_time_nanos");
    if rest == 0 {
        return self::format(millis, format, &Zone::UTC);
    }
    match first {
        "epoch_millis" => format!("{millis}.{rest:06}"),
        "strict_date_optional_time_nanos" => {
            let text = iso(millis);
            let digits = format!("{rest:06}");
            format!("{}{}Z", text.trim_end_matches('Z'), digits.trim_end_matches('0'))
        }
        pattern if pattern.contains("SSSS") => {
            // The pattern writes zeros for what it is not given: they stand behind its milliseconds.
            let text = self::format(millis, format, &Zone::UTC);
            let zeros = format!("{:03}", millis.rem_euclid(1000));
            let places = pattern.matches('S').count().clamp(3, 9);
            let written = format!("{zeros}{rest:06}");
            let plain = format!("{zeros}000000");
            text.replacen(&plain[..places], &written[..places], 1)
        }
        _ => self::format(millis, format, &Zone::UTC),
    }
}

fn offset_text(offset: i64) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    let minutes = offset.abs() / 60_000;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_are_written_where_there_is_room() {
        let at = 1_540_815_132_123;
        for (format, expected) in [
            (None, "2018-10-29T12:12:12.123456789Z"),
            (Some("strict_date_optional_time"), "2018-10-29T12:12:12.123Z"),
            (Some("epoch_millis"), "1540815132123.456789"),
            (
                Some("uuuu-MM-dd'T'HH:mm:ss.SSSSSSSSSX"),
                "2018-10-29T12:12:12.123456789Z",
            ),
        ] {
            assert_eq!(format_nanos(at, 456_789, format), expected, "{format:?}");
        }
    }

    #[test]
    fn dates_are_written_in_the_asked_format() {
        let at = 1_795_513_611_123;
        assert_eq!(iso(at), "2026-11-24T09:46:51.123Z");
        assert_eq!(format(at, Some("epoch_millis"), &Zone::UTC), "1795513611123");
        assert_eq!(
            format(at, Some("yyyy-MM-dd HH:mm"), &Zone::UTC),
            "2026-11-24 09:46"
        );
        assert_eq!(
            format(at, None, &Zone::parse("+01:00").unwrap()),
            "2026-11-24T10:46:51.123+01:00"
        );
    }
}
