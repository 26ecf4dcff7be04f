//! YAML as JSON: keys that are numbers or booleans become texts, as the suite's own runner reads them.

use anyhow::{Context as _, bail};
use serde::Deserialize as _;
use serde_json::{Map, Number, Value};
use serde_norway::Value as Yaml;

/// The documents of a file.
pub(crate) fn documents(text: &str) -> anyhow::Result<Vec<Value>> {
    serde_norway::Deserializer::from_str(text)
        .map(|document| json(Yaml::deserialize(document).context("not YAML")?))
        .collect()
}

/// One document.
pub(crate) fn document(text: &str) -> anyhow::Result<Value> {
    json(serde_norway::from_str(text).context("not YAML")?)
}

fn json(yaml: Yaml) -> anyhow::Result<Value> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => Value::Bool(value),
        Yaml::Number(value) => Value::Number(number(&value)?),
        Yaml::String(value) => Value::String(value),
        Yaml::Sequence(items) => Value::Array(items.into_iter().map(json).collect::<anyhow::Result<_>>()?),
        Yaml::Mapping(entries) => {
            let mut object = Map::new();
            for (key, value) in entries {
                let key = match json(key)? {
                    Value::String(key) => key,
                    key @ (Value::Number(_) | Value::Bool(_) | Value::Null) => key.to_string(),
                    key => bail!("{key} is no key"),
                };
                object.insert(key, json(value)?);
            }
            Value::Object(object)
        }
        Yaml::Tagged(tagged) => json(tagged.value)?,
    })
}

fn number(number: &serde_norway::Number) -> anyhow::Result<Number> {
    if let Some(value) = number.as_u64() {
        return Ok(value.into());
    }
    if let Some(value) = number.as_i64() {
        return Ok(value.into());
    }
    let value = number.as_f64().and_then(Number::from_f64);
    value.with_context(|| format!("{number} is no JSON number"))
}
