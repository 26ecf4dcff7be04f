//! Index settings: kept as they were put, flat, with the few that matter here read out.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::error::{ApiError, ApiResult};

/// When a dirty index becomes visible to searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// After this long.
    Every(Duration),
    /// Only when asked, or when much has been written.
    Never,
}

/// An index's settings, keys flat and with the prefix `index.`.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Settings {
    flat: Map<String, Value>,
}

/// The setting that says an index is closed.
pub const CLOSED: &str = "index.verified_before_close";

impl Settings {
    /// One setting as text, by its full flat name.
    pub fn get(&self, name: &str) -> Option<String> {
        self.flat.get(name)?.as_str().map(ToOwned::to_owned)
    }

    /// Merges settings in any of the shapes clients send: nested or flat, with or without `index.`.
    pub fn merge(&mut self, body: &Value) -> ApiResult<()> {
        let mut flat = Map::new();
        flatten("", body, &mut flat);
        for (key, value) in flat {
            let key = if key.starts_with("index.") {
                key
            } else {
                format!("index.{key}")
            };
            if key == "index.refresh_interval" && !value.is_null() {
                parse_refresh(&value)?;
            }
            if value.is_null() {
                self.flat.remove(&key);
            } else {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), ToOwned::to_owned);
                self.flat.insert(key, text.into());
            }
        }
        Ok(())
    }

    /// The flat settings.
    pub fn flat(&self) -> &Map<String, Value> {
        &self.flat
    }

    /// How often to refresh; `None`: as the store's default says.
    pub fn refresh(&self) -> Option<Refresh> {
        self.flat
            .get("index.refresh_interval")
            .and_then(|value| parse_refresh(value).ok())
    }

    /// The field limit; `None`: as the store's default says.
    pub fn max_fields(&self) -> Option<usize> {
        self.flat
            .get("index.mapping.total_fields.limit")?
            .as_str()?
            .parse()
            .ok()
    }
}

/// The flat keys of a body, also of settings that it takes back (null), each with `index.` before it.
pub fn flat_keys(body: &Value) -> Vec<String> {
    let mut flat = Map::new();
    flatten("", body, &mut flat);
    flat.into_iter()
        .map(|(key, _)| {
            if key.starts_with("index.") {
                key
            } else {
                format!("index.{key}")
            }
        })
        .collect()
}

fn flatten(prefix: &str, value: &Value, out: &mut Map<String, Value>) {
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                let path = if prefix.is_empty() {
                    key.clone()
                } else {
                    format!("{prefix}.{key}")
                };
                flatten(&path, child, out);
            }
        }
        leaf => {
            if !prefix.is_empty() {
                out.insert(prefix.to_owned(), leaf.clone());
            }
        }
    }
}

/// Turns flat keys into nested objects, as `GET _settings` shows them.
pub fn nest(flat: &Map<String, Value>) -> Value {
    let mut root = Map::new();
    for (path, value) in flat {
        let mut parts = path.split('.').peekable();
        let mut at = &mut root;
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                at.insert(part.to_owned(), value.clone());
                break;
            }
            let child = at
                .entry(part.to_owned())
                .or_insert_with(|| Value::Object(Map::new()));
            match child {
                Value::Object(map) => at = map,
                _ => break,
            }
        }
    }
    root.into()
}

fn parse_refresh(value: &Value) -> ApiResult<Refresh> {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), ToOwned::to_owned);
    if text == "-1" {
        return Ok(Refresh::Never);
    }
    duration(&text).map(Refresh::Every).ok_or_else(|| {
        ApiError::argument(format!(
            "failed to parse setting [index.refresh_interval] with value [{text}] as a time value"
        ))
    })
}

/// Reads `500ms`, `30s`, `1m`, `1h`, `1d`.
pub fn duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at(split);
    let count: u64 = digits.parse().ok()?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    count.checked_mul(millis).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_of_every_shape_mean_the_same() {
        for body in [
            json!({"index": {"refresh_interval": "5s"}}),
            json!({"refresh_interval": "5s"}),
            json!({"index.refresh_interval": "5s"}),
        ] {
            let mut settings = Settings::default();
            settings.merge(&body).unwrap();
            assert_eq!(
                settings.refresh(),
                Some(Refresh::Every(Duration::from_secs(5))),
                "{body}"
            );
        }
    }

    #[test]
    fn a_bad_refresh_interval_is_refused() {
        assert!(
            Settings::default()
                .merge(&json!({"refresh_interval": "soon"}))
                .is_err()
        );
    }
}
