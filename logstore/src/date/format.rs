//! Writes dates: ISO for answers, and the patterns that dashboards ask for.

use std::fmt::Write as _;

use super::Millis;
use super::civil::Civil;
use super::zone::Zone;

/// `2026-11-24T09:46:51.123Z`.
pub fn iso(millis: Millis) -> String {
    write_iso(millis, "Z")
}

fn write_iso(local: Millis, suffix: &str) -> String {
    let c = Civil::from_millis(local);
    let (h, m, s, ms) = clock(c);
    format!(
        "{:04}-{:02}-{:02}T{h:02}:{m:02}:{s:02}.{ms:03}{suffix}",
        c.year, c.month, c.day
    )
}

fn clock(civil: Civil) -> (i64, i64, i64, i64) {
    let t = civil.of_day;
    (t / 3_600_000, t / 60_000 % 60, t / 1000 % 60, t % 1000)
}

/// Writes a date in the given format (`None`: ISO) and zone. A pattern letter that is not known is written as it is.
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
        "strict_date" | "date" => pattern(local, "yyyy-MM-dd", &suffix),
        "basic_date" => pattern(local, "yyyyMMdd", &suffix),
        other => pattern(local, other, &suffix),
    }
}

fn offset_text(offset: i64) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    let minutes = offset.abs() / 60_000;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// A Java date pattern.
fn pattern(local: Millis, pattern: &str, suffix: &str) -> String {
    let civil = Civil::from_millis(local);
    let (h, m, s, ms) = clock(civil);
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars().peekable();
    while let Some(letter) = chars.next() {
        if letter == '\'' {
            for quoted in chars.by_ref().take_while(|c| *c != '\'') {
                out.push(quoted);
            }
            continue;
        }
        let mut width = 1;
        while chars.next_if_eq(&letter).is_some() {
            width += 1;
        }
        let value = match letter {
            'y' | 'u' => civil.year,
            'M' => i64::from(civil.month),
            'd' => i64::from(civil.day),
            'H' => h,
            'm' => m,
            's' => s,
            'S' => {
                let digits = format!("{ms:03}000000");
                out.push_str(digits.get(..width.min(9)).unwrap_or(&digits));
                continue;
            }
            'X' | 'Z' | 'x' => {
                out.push_str(suffix);
                continue;
            }
            other => {
                out.extend(std::iter::repeat_n(other, width));
                continue;
            }
        };
        // Writing to a string cannot fail.
        let _ignored = write!(out, "{value:0width$}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

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
