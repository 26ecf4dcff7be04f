//! What a value of `@timestamp` means: the forms that an engine takes, and no other.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// The time of a JSON value, in milliseconds since 1970: RFC 3339, the same without a zone (UTC) or without a time of
/// day, or a whole number of milliseconds. `None`: the engine would refuse the document.
pub(crate) fn event_time_ms(value: &[u8]) -> Option<i64> {
    match value.first() {
        Some(b'"') => {
            let text = punt_json::text(value)?;
            let time: Timestamp = match text.parse() {
                Ok(time) => time,
                Err(_) => Offset::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok()?,
            };
            Some(time.as_millisecond())
        }
        Some(b'-' | b'0'..=b'9') => {
            let number: i64 = str::from_utf8(value).ok()?.parse().ok()?;
            Timestamp::from_millisecond(number)
                .ok()
                .map(Timestamp::as_millisecond)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_what_an_engine_takes() {
        for (value, expected) in [
            (r#""2026-11-24T09:46:51.123Z""#, Some(1_795_513_611_123)),
            (r#""2026-11-24T11:46:51.123+02:00""#, Some(1_795_513_611_123)),
            (r#""2026-11-24T09:46:51""#, Some(1_795_513_611_000)),
            (r#""2026-11-24""#, Some(1_795_478_400_000)),
            ("1795513611123", Some(1_795_513_611_123)),
            ("1e400", None),
            ("17.5", None),
            ("99999999999999999999", None),
            (r#""soon""#, None),
            ("null", None),
            ("{}", None),
        ] {
            assert_eq!(event_time_ms(value.as_bytes()), expected, "{value}");
        }
    }
}
