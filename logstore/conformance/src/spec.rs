//! The APIs: name, paths, methods.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::{Map, Value};

/// All APIs by name.
#[derive(Debug, Default)]
pub struct Specification {
    apis: BTreeMap<String, Api>,
}

#[derive(Debug, Deserialize)]
struct Api {
    url: Url,
    #[serde(default)]
    body: Option<Body>,
}

#[derive(Debug, Deserialize)]
struct Url {
    paths: Vec<Path>,
}

#[derive(Debug, Deserialize)]
struct Path {
    path: String,
    methods: Vec<String>,
    #[serde(default)]
    parts: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
struct Body {
    #[serde(default)]
    serialize: Option<String>,
}

/// What is sent for a call.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    /// Whether the body is newline-delimited.
    pub(crate) lines: bool,
}

// === impl Specification ===

impl Specification {
    /// Adds one file of `rest-api-spec/api`.
    pub(crate) fn add(&mut self, text: &str) -> anyhow::Result<()> {
        let file: BTreeMap<String, Value> = serde_json::from_str(text)?;
        for (name, api) in file {
            self.apis.insert(name, serde_json::from_value(api)?);
        }
        Ok(())
    }

    /// How an API is called with these arguments: the path that takes most of them, the rest as parameters.
    pub(crate) fn call(
        &self,
        name: &str,
        arguments: &Map<String, Value>,
        with_body: bool,
    ) -> anyhow::Result<Call> {
        let api = self
            .apis
            .get(name)
            .with_context(|| format!("no API is called {name:?}"))?;
        // An empty list is no argument.
        let arguments: Map<String, Value> = arguments
            .iter()
            .filter(|(_, value)| !is_empty(value))
            .map(own)
            .collect();
        let fits = |path: &&Path| path.parts.keys().all(|part| arguments.contains_key(part));
        let path = api
            .url
            .paths
            .iter()
            .filter(fits)
            .max_by_key(|path| path.parts.len());
        let Some(path) = path else {
            bail!(
                "missing parameter: {name} needs more than {:?}",
                arguments.keys().collect::<Vec<_>>()
            );
        };
        let mut target = path.path.clone();
        for part in path.parts.keys() {
            let value = text(&arguments[part]);
            target = target.replace(&format!("{{{part}}}"), &escape(&value));
        }
        let method =
            if with_body && path.methods.iter().any(|method| method == "POST") && path.methods[0] == "GET" {
                "POST"
            } else {
                &path.methods[0]
            };
        let query = arguments.iter().filter(|(key, _)| !path.parts.contains_key(*key));
        Ok(Call {
            method: method.to_owned(),
            path: target,
            query: query.map(|(key, value)| (key.clone(), text(value))).collect(),
            lines: api.body.as_ref().and_then(|body| body.serialize.as_deref()) == Some("bulk"),
        })
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

fn own((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

/// Lists are comma-separated.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Percent-encodes one path segment (RFC 3986, section 3.3), commas and stars left as they are.
fn escape(segment: &str) -> String {
    let mut out = String::new();
    for byte in segment.bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b','
            | b'*'
            | b':'
            | b'@'
            | b'$'
            | b'+' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
