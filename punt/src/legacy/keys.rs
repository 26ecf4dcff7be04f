//! Taking keys out of a JSON object, so that those that are left over are known.

use serde_json::{Map, Value};

use super::Report;

/// A JSON object and its path.
pub(super) struct Keys {
    path: String,
    map: Map<String, Value>,
}

// === impl Keys ===

impl Keys {
    /// The object at `path`; a fault if it is something else.
    pub(super) fn new(path: &str, value: Value, report: &mut Report) -> Self {
        let map = match value {
            Value::Object(map) => map,
            Value::Null => Map::new(),
            other => {
                report.fault(path, format!("is {}, and must be an object", kind(&other)));
                Map::new()
            }
        };
        Self {
            path: path.to_owned(),
            map,
        }
    }

    /// The path of a key in it.
    pub(super) fn path(&self, key: &str) -> String {
        match self.path.is_empty() {
            true => key.to_owned(),
            false => format!("{}.{key}", self.path),
        }
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.map.remove(key).filter(|value| !value.is_null())
    }

    /// The keys of the object under `key`, which stays.
    pub(super) fn names(&self, key: &str) -> Vec<String> {
        let object = self.map.get(key).and_then(Value::as_object);
        object.into_iter().flat_map(Map::keys).cloned().collect()
    }

    pub(super) fn text(&mut self, key: &str, report: &mut Report) -> Option<String> {
        self.typed(key, "a text", report, |value| {
            value.as_str().map(ToOwned::to_owned)
        })
    }

    pub(super) fn number(&mut self, key: &str, report: &mut Report) -> Option<i64> {
        self.typed(key, "a whole number", report, Value::as_i64)
    }

    pub(super) fn flag(&mut self, key: &str, report: &mut Report) -> bool {
        self.typed(key, "true or false", report, Value::as_bool)
            .unwrap_or_default()
    }

    pub(super) fn object(&mut self, key: &str, report: &mut Report) -> Self {
        let (path, value) = (self.path(key), self.take(key).unwrap_or_default());
        Self::new(&path, value, report)
    }

    pub(super) fn list(&mut self, key: &str, report: &mut Report) -> Vec<Value> {
        self.typed(key, "a list", report, |value| value.as_array().cloned())
            .unwrap_or_default()
    }

    /// Its members, each with its path.
    pub(super) fn members(self) -> Vec<(String, String, Value)> {
        let Self { path, map } = self;
        let keys = map.into_iter();
        keys.map(|(key, value)| match path.is_empty() {
            true => (key.clone(), key, value),
            false => (format!("{path}.{key}"), key, value),
        })
        .collect()
    }

    /// Reports what nobody took.
    pub(super) fn end(self, report: &mut Report) {
        for (path, _, _) in self.members() {
            report.unused.push(path);
        }
    }

    fn typed<T>(
        &mut self,
        key: &str,
        expected: &str,
        report: &mut Report,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(key)?;
        let found = read(&value);
        if found.is_none() {
            report.fault(
                &self.path(key),
                format!("is {}, and must be {expected}", kind(&value)),
            );
        }
        found
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
