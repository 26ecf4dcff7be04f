//! The steps of a test.

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

/// One step.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Do(Do),
    /// Kept under a name: `set: { path: name }`.
    Set(Vec<(String, String)>),
    Assert(Assert, String, Value),
    /// Asks for nothing here.
    Pass,
}

/// A call.
#[derive(Debug, Clone)]
pub(crate) struct Do {
    pub(crate) api: String,
    pub(crate) arguments: Map<String, Value>,
    pub(crate) headers: Vec<(String, String)>,
    /// What kind of failure is expected.
    pub(crate) catch: Option<String>,
    /// A status that is no failure.
    pub(crate) ignore: Vec<u16>,
}

/// What is asserted of the value at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Assert {
    Match,
    Length,
    IsTrue,
    IsFalse,
    Contains,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

// === impl Step ===

impl Step {
    pub(crate) fn parse(value: &Value) -> anyhow::Result<Self> {
        let object = value.as_object().context("a step is an object")?;
        let (kind, value) = object.iter().next().context("an empty step")?;
        let assert = match kind.as_str() {
            "do" => return Ok(Self::Do(Do::parse(value)?)),
            "set" => {
                let pairs = value.as_object().context("set is an object")?;
                let pairs = pairs
                    .iter()
                    .map(|(path, name)| (path.clone(), name.as_str().unwrap_or_default().to_owned()));
                return Ok(Self::Set(pairs.collect()));
            }
            "skip" => return Ok(Self::Pass),
            "match" => Assert::Match,
            "length" => Assert::Length,
            "is_true" => Assert::IsTrue,
            "is_false" => Assert::IsFalse,
            "contains" => Assert::Contains,
            "gt" => Assert::Greater,
            "gte" => Assert::GreaterOrEqual,
            "lt" => Assert::Less,
            "lte" => Assert::LessOrEqual,
            other => bail!("unknown step {other:?}"),
        };
        if matches!(assert, Assert::IsTrue | Assert::IsFalse) {
            return Ok(Self::Assert(
                assert,
                value.as_str().unwrap_or_default().to_owned(),
                Value::Null,
            ));
        }
        let (path, expected) = value
            .as_object()
            .and_then(|object| object.iter().next())
            .context("an empty assertion")?;
        Ok(Self::Assert(assert, path.clone(), expected.clone()))
    }
}

impl Do {
    fn parse(value: &Value) -> anyhow::Result<Self> {
        let object = value.as_object().context("do is an object")?;
        let mut step = Self {
            api: String::new(),
            arguments: Map::new(),
            headers: Vec::new(),
            catch: None,
            ignore: Vec::new(),
        };
        for (key, value) in object {
            match key.as_str() {
                "catch" => step.catch = value.as_str().map(str::to_owned),
                "headers" => {
                    let headers = value.as_object().into_iter().flatten();
                    step.headers = headers
                        .map(|(name, value)| (name.clone(), plain(value)))
                        .collect();
                }
                "node_selector" | "warnings" | "allowed_warnings" => {}
                api => {
                    api.clone_into(&mut step.api);
                    step.arguments = value.as_object().cloned().unwrap_or_default();
                }
            }
        }
        if let Some(ignore) = step.arguments.remove("ignore") {
            let codes = match ignore {
                Value::Array(codes) => codes,
                code => vec![code],
            };
            step.ignore = codes.iter().filter_map(|code| plain(code).parse().ok()).collect();
        }
        Ok(step)
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
