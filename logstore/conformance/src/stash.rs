//! What a test has kept of earlier answers: `$name` and `${name}`.

use serde_json::{Map, Value};

use crate::path;

#[derive(Debug, Default)]
pub(crate) struct Stash {
    kept: Map<String, Value>,
}

// === impl Stash ===

impl Stash {
    pub(crate) fn keep(&mut self, name: &str, value: Value) {
        self.kept.insert(name.to_owned(), value);
    }

    /// The last answer, which is called `$body`.
    pub(crate) fn answer(&mut self, body: Value) {
        self.keep("body", body);
    }

    /// The value with everything in it that is kept put in place, keys too.
    pub(crate) fn fill(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => match text.strip_prefix('$').and_then(|name| self.lookup(name)) {
                Some(kept) => kept,
                None => Value::String(self.fill_text(text)),
            },
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::Object(object) => {
                let filled = object.iter().map(|(key, value)| {
                    let key = match key.strip_prefix('$').and_then(|name| self.lookup(name)) {
                        Some(Value::String(text)) => text,
                        Some(other) => other.to_string(),
                        None => self.fill_text(key),
                    };
                    (key, self.fill(value))
                });
                Value::Object(filled.collect())
            }
            other => other.clone(),
        }
    }

    /// A text with each `${name}` in it put in place.
    pub(crate) fn fill_text(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let Some(length) = rest[start..].find('}') else {
                break;
            };
            out.push_str(&rest[..start]);
            match self.lookup(&rest[start + 2..start + length]) {
                Some(Value::String(kept)) => out.push_str(&kept),
                Some(kept) => out.push_str(&kept.to_string()),
                None => out.push_str(&rest[start..=start + length]),
            }
            rest = &rest[start + length + 1..];
        }
        out.push_str(rest);
        out
    }

    fn lookup(&self, name: &str) -> Option<Value> {
        let name = name
            .strip_prefix('{')
            .and_then(|name| name.strip_suffix('}'))
            .unwrap_or(name);
        if let Some(kept) = self.kept.get(name) {
            return Some(kept.clone());
        }
        let path = name.strip_prefix("body.")?;
        path::find(self.kept.get("body")?, path, self)
    }
}
