//! A document on its way through a pipeline: its source and what is about it, by path.

use serde_json::{Map, Value};

use crate::date;
use crate::error::{ApiError, ApiResult};
use crate::query::dsl;

/// A document on its way.
#[derive(Debug, Clone)]
pub struct Ingested {
    /// `_index`.
    pub index: String,
    /// `_id`, if it has one yet.
    pub id: Option<String>,
    /// `_source`.
    pub source: Value,
    /// `_ingest`: the time, and what `foreach` and `on_failure` put there.
    pub ingest: Map<String, Value>,
}

// === impl Ingested ===

impl Ingested {
    /// A document from its bytes.
    pub fn read(index: &str, id: Option<&str>, source: &[u8]) -> ApiResult<Self> {
        let source: Value = serde_json::from_slice(source)
            .map_err(|error| ApiError::mapper(format!("failed to parse: {error}")))?;
        Ok(Self::new(index, id, source))
    }

    /// A document from its parts.
    pub fn new(index: &str, id: Option<&str>, source: Value) -> Self {
        let mut ingest = Map::new();
        ingest.insert("timestamp".into(), date::format::iso(date::now()).into());
        Self {
            index: index.to_owned(),
            id: id.map(ToOwned::to_owned),
            source,
            ingest,
        }
    }

    /// The value at a path. `_source.` and `ctx.` before it mean nothing.
    pub fn get(&self, path: &str) -> Option<Value> {
        match path {
            "_index" => return Some(self.index.as_str().into()),
            "_id" => return self.id.as_deref().map(Value::from),
            _ => {}
        }
        if let Some(path) = path.strip_prefix("_ingest.") {
            return walk_map(&self.ingest, path).cloned();
        }
        let path = path.strip_prefix("_source.").unwrap_or(path);
        walk(&self.source, path).cloned()
    }

    /// Puts a value at a path, making objects on the way.
    pub fn set(&mut self, path: &str, value: Value) -> Result<(), String> {
        match path {
            "_index" => {
                self.index = dsl::text(&value);
                return Ok(());
            }
            "_id" => {
                self.id = Some(dsl::text(&value));
                return Ok(());
            }
            // Kept nowhere, since there is one shard and one kind of version.
            "_routing" | "_version" | "_version_type" | "_type" => return Ok(()),
            _ => {}
        }
        if let Some(path) = path.strip_prefix("_ingest.") {
            self.ingest.insert(path.to_owned(), value);
            return Ok(());
        }
        let path = path.strip_prefix("_source.").unwrap_or(path);
        put(&mut self.source, path, path, value)
    }

    /// Takes the value at a path away.
    pub fn remove(&mut self, path: &str) -> Option<Value> {
        let path = path.strip_prefix("_source.").unwrap_or(path);
        take(&mut self.source, path)
    }

    /// Replaces `{{path}}` and `{{{path}}}` by what is there.
    pub fn render(&self, template: &str) -> String {
        let mut out = String::new();
        let mut rest = template;
        while let Some(open) = rest.find("{{") {
            out.push_str(&rest[..open]);
            let after = rest[open..].trim_start_matches('{');
            let Some(close) = after.find("}}") else {
                out.push_str(&rest[open..]);
                return out;
            };
            let path = after[..close].trim();
            let path = path.strip_prefix("ctx.").unwrap_or(path);
            if let Some(value) = self.get(path) {
                out.push_str(&dsl::text(&value));
            }
            rest = after[close..].trim_start_matches('}');
        }
        out.push_str(rest);
        out
    }

    /// A value with the templates in its strings replaced.
    pub fn render_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) if text.contains("{{") => self.render(text).into(),
            Value::Array(items) => items.iter().map(|item| self.render_value(item)).collect(),
            Value::Object(map) => map
                .iter()
                .map(|(key, value)| (self.render(key), self.render_value(value)))
                .collect::<Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }
}

fn walk<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    match value {
        Value::Object(map) => walk_map(map, path),
        Value::Array(items) => {
            let (head, rest) = path.split_once('.').unwrap_or((path, ""));
            let item = items.get(head.parse::<usize>().ok()?)?;
            if rest.is_empty() {
                Some(item)
            } else {
                walk(item, rest)
            }
        }
        _ => None,
    }
}

fn walk_map<'v>(map: &'v Map<String, Value>, path: &str) -> Option<&'v Value> {
    let (head, rest) = match path.split_once('.') {
        Some(parts) => parts,
        None => return map.get(path),
    };
    map.get(head).and_then(|child| walk(child, rest))
}

fn put(at: &mut Value, path: &str, whole: &str, value: Value) -> Result<(), String> {
    let (head, rest) = match path.split_once('.') {
        Some((head, rest)) => (head, Some(rest)),
        None => (path, None),
    };
    match at {
        Value::Object(map) => match rest {
            None => {
                map.insert(head.to_owned(), value);
                Ok(())
            }
            Some(rest) => {
                let child = map
                    .entry(head.to_owned())
                    .or_insert_with(|| Value::Object(Map::new()));
                if child.is_null() {
                    *child = Value::Object(Map::new());
                }
                put(child, rest, whole, value)
            }
        },
        Value::Array(items) => {
            let place: usize = head.parse().map_err(|_| {
                format!("[{head}] is not an integer, cannot be used as an index as part of path [{whole}]")
            })?;
            let length = items.len();
            let child = items.get_mut(place).ok_or_else(|| {
                format!(
                    "[{place}] is out of bounds for array with length [{length}] as part of path [{whole}]"
                )
            })?;
            match rest {
                None => {
                    *child = value;
                    Ok(())
                }
                Some(rest) => put(child, rest, whole, value),
            }
        }
        other => Err(format!(
            "cannot set [{head}] with parent object of type [{}] as part of path [{whole}]",
            kind_of(other)
        )),
    }
}

fn take(at: &mut Value, path: &str) -> Option<Value> {
    let (head, rest) = match path.split_once('.') {
        Some((head, rest)) => (head, Some(rest)),
        None => (path, None),
    };
    match (at, rest) {
        (Value::Object(map), None) => map.shift_remove(head),
        (Value::Object(map), Some(rest)) => take(map.get_mut(head)?, rest),
        (Value::Array(items), rest) => {
            let place: usize = head.parse().ok()?;
            match rest {
                None => (place < items.len()).then(|| items.remove(place)),
                Some(rest) => take(items.get_mut(place)?, rest),
            }
        }
        _ => None,
    }
}

/// The Java name of a value's type, which errors show.
pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "java.lang.Boolean",
        Value::Number(number) if number.is_f64() => "java.lang.Double",
        Value::Number(_) => "java.lang.Integer",
        Value::String(_) => "java.lang.String",
        Value::Array(_) => "java.util.ArrayList",
        Value::Object(_) => "java.util.HashMap",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_reach_into_objects_and_lists() {
        let mut document = Ingested::new("logs", Some("1"), json!({"a": {"b": [1, {"c": 2}]}}));
        assert_eq!(document.get("a.b.1.c"), Some(json!(2)));
        assert_eq!(document.get("_index"), Some(json!("logs")));
        document.set("x.y", json!(1)).unwrap();
        document.set("a.b.0", json!("z")).unwrap();
        assert!(
            document
                .set("x.y.z", json!(1))
                .unwrap_err()
                .contains("parent object")
        );
        assert_eq!(document.remove("a.b.1"), Some(json!({"c": 2})));
        assert_eq!(document.source, json!({"a": {"b": ["z"]}, "x": {"y": 1}}));
        assert_eq!(document.render("{{_index}}-{{{ x.y }}}-{{nope}}"), "logs-1-");
    }
}
