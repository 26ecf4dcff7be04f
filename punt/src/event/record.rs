//! Reading a JSON log record just far enough: is it one, when was it, and what is its name.
//!
//! The record itself is passed on byte for byte; no tree is built.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

/// What punt needs to know of a record.
#[derive(Debug, Default)]
pub(crate) struct Record<'a> {
    timestamp: Option<Cow<'a, str>>,
    dataset: Option<Cow<'a, str>>,
    event_id: Option<Cow<'a, str>>,
    empty: bool,
}

/// A text, or any other value, which is passed over.
struct Text<'a>(Option<Cow<'a, str>>);

// === impl Record ===

impl<'a> Record<'a> {
    /// Reads one line; the error says what is wrong with it.
    pub(crate) fn read(line: &'a [u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(line).map_err(|error| format!("not UTF-8: {error}"))?;
        serde_json::from_str(text).map_err(|error| format!("not a JSON object: {error}"))
    }

    /// The record's own time, if it has one.
    pub(crate) fn timestamp(&self) -> Result<Option<Timestamp>, String> {
        let Some(text) = &self.timestamp else {
            return Ok(None);
        };
        text.parse()
            .map(Some)
            .map_err(|_| format!("@timestamp {text:?} is not an RFC 3339 time"))
    }

    /// Whether the record says when it was, in whatever form.
    pub(crate) fn has_timestamp(&self) -> bool {
        self.timestamp.is_some()
    }

    /// The record's own time, in any form that Elasticsearch's default mapping reads: RFC 3339, without a zone
    /// (UTC), a date alone, milliseconds since 1970.
    pub(crate) fn loose_timestamp(&self) -> Option<Timestamp> {
        let text = self.timestamp.as_deref()?;
        if let Ok(timestamp) = text.parse() {
            return Some(timestamp);
        }
        if let Ok(millis) = text.parse() {
            return Timestamp::from_millisecond(millis).ok();
        }
        let civil: jiff::civil::DateTime = text.parse().ok()?;
        jiff::tz::Offset::UTC.to_timestamp(civil).ok()
    }

    /// The `_id` that the record names itself: the same fact, logged by two processes, is shown once.
    pub(crate) fn own_id(&self) -> Option<String> {
        let id = self.event_id.as_ref()?;
        Some(format!("{}:{id}", self.dataset.as_deref().unwrap_or_default()))
    }

    /// Whether it is `{}`.
    pub(crate) fn is_empty(&self) -> bool {
        self.empty
    }
}

impl<'de> Deserialize<'de> for Record<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Record<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a log record")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut record = Record {
                    empty: true,
                    ..Record::default()
                };
                while let Some(Text(key)) = map.next_key()? {
                    record.empty = false;
                    match key.as_deref() {
                        Some("@timestamp") => record.timestamp = Some(text_or_other(map.next_value()?)),
                        Some("event.dataset") => record.dataset = map.next_value::<Text<'_>>()?.0,
                        Some("event.id") => record.event_id = map.next_value::<Text<'_>>()?.0,
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(record)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A time that is no text is no RFC 3339 time either.
fn text_or_other(text: Text<'_>) -> Cow<'_, str> {
    text.0.unwrap_or(Cow::Borrowed("(not a text)"))
}

// === impl Text ===

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Borrowed(text))))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Owned(text.to_owned()))))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Owned(number.to_string()))))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Owned(number.to_string()))))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Text(None))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Text(None))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Text(None))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_with_an_event_id_names_itself() {
        let line = br#"{"@timestamp":"2026-11-24T09:46:51.123Z","event.dataset":"api.send","event.id":77,"x":[1,{"y":2}]}"#;
        let record = Record::read(line).unwrap();
        assert_eq!(record.own_id().unwrap(), "api.send:77");
        assert_eq!(
            record.timestamp().unwrap().unwrap().as_millisecond(),
            1_795_513_611_123
        );
    }

    #[test]
    fn what_is_no_record_is_told_from_one() {
        for line in [&b"{\"a\":1"[..], b"[1]", b"text", b"{\"a\":\"\xff\"}", b"{} {}"] {
            assert!(Record::read(line).is_err(), "{line:?}");
        }
        assert!(
            Record::read(br#"{"@timestamp":"soon"}"#)
                .unwrap()
                .timestamp()
                .is_err()
        );
        assert!(
            Record::read(br#"{"@timestamp":17.5}"#)
                .unwrap()
                .timestamp()
                .is_err()
        );
    }
}
