//! Sends the same requests to two engines and says where their answers differ.
//!
//! A file of `requests/` has `setup` (requests that both engines must accept) and `requests`, each written as `METHOD /path: body`; a list as a body is
//! sent as newline-delimited JSON. Beside the request a step may say `only: opensearch-3` (or a list), when the other engine never
//! had the form, and `because` of what. [`Difference`] is what [`normalise`] leaves: time taken, shards, ids of cursors and the like never
//! count; scores may differ by 1 %, approximate metrics by 2 %; of an error its status and type count, not its wording.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Map, Value};

use crate::client::Client;
use crate::records;
use crate::spec::Call;
use crate::yaml;

/// Keys whose values are the engine's own.
const OWN: [&str; 19] = [
    "took",
    "_shards",
    "_scroll_id",
    "pit_id",
    "_type",
    "_primary_term",
    "timed_out",
    "creation_date",
    "uuid",
    "provided_name",
    "version",
    "skipped",
    "num_reduce_phases",
    "terminated_early",
    "print_format",
    "_data_stream_timestamp",
    "_doc_count",
    "_nested_path",
    "_ingest",
];

/// Scores may differ by this share.
const SCORE: f64 = 0.01;

/// Metrics that are approximate by nature may differ by this share.
const APPROXIMATE: f64 = 0.02;

/// A file of requests.
#[derive(Debug)]
pub struct Requests {
    /// Its name, without the extension.
    pub name: String,
    setup: Vec<Step>,
    requests: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: String,
    call: Call,
    body: Option<String>,
    only: Vec<String>,
}

/// How one request was answered differently.
#[derive(Debug)]
pub struct Difference {
    /// The request.
    pub request: String,
    /// Where, and what each side has.
    pub places: Vec<String>,
}

// === impl Requests ===

impl Requests {
    /// Reads the files of a folder, in the order of their names.
    pub fn read(folder: &Path) -> anyhow::Result<Vec<Self>> {
        let entries = std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
        let mut paths = entries
            .map(|entry| Ok(entry?.path()))
            .collect::<anyhow::Result<Vec<_>>>()?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
        paths.sort();
        ensure!(!paths.is_empty(), "no requests in {}", folder.display());
        paths
            .iter()
            .map(|path| Self::file(path).with_context(|| path.display().to_string()))
            .collect()
    }

    fn file(path: &Path) -> anyhow::Result<Self> {
        let document = yaml::document(&std::fs::read_to_string(path)?)?;
        let steps = |key: &str| -> anyhow::Result<Vec<Step>> {
            let list = document[key]
                .as_array()
                .with_context(|| format!("no list {key:?}"))?;
            list.iter()
                .enumerate()
                .map(|(number, step)| Step::parse(number, step))
                .collect()
        };
        Ok(Self {
            name: path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            setup: steps("setup")?,
            requests: steps("requests")?,
        })
    }

    /// How many requests are for engines of this kind.
    pub fn count(&self, kind: &str) -> usize {
        self.requests.iter().filter(|step| step.is_for(kind)).count()
    }

    /// Wipes both engines, sets both up, and compares each answer.
    pub async fn compare(
        &self,
        ours: &Client,
        theirs: &Client,
        kind: &str,
    ) -> anyhow::Result<Vec<Difference>> {
        for client in [ours, theirs] {
            client.wipe().await?;
            for step in self.setup.iter().filter(|step| step.is_for(kind)) {
                let answer = client.send(&step.call, &[], step.body.clone()).await?;
                let failed = answer.status >= 300 || answer.body["errors"] == true;
                ensure!(
                    !failed,
                    "the setup {} is refused by {}: {}",
                    step.name,
                    client.url(),
                    answer.text
                );
            }
        }
        let mut differences = Vec::new();
        for step in self.requests.iter().filter(|step| step.is_for(kind)) {
            let a = ours.send(&step.call, &[], step.body.clone()).await?;
            let b = theirs.send(&step.call, &[], step.body.clone()).await?;
            let mut places = Vec::new();
            if a.status != b.status {
                places.push(format!(
                    "status {} instead of {}: {}",
                    a.status,
                    b.status,
                    brief(&a.body)
                ));
            } else {
                walk(
                    &normalise(a.body),
                    &normalise(b.body),
                    &mut String::new(),
                    &mut places,
                );
            }
            if !places.is_empty() {
                differences.push(Difference {
                    request: step.name.clone(),
                    places,
                });
            }
        }
        Ok(differences)
    }
}

// === impl Step ===

impl Step {
    fn parse(number: usize, value: &Value) -> anyhow::Result<Self> {
        let object = value.as_object().context("a step is an object")?;
        let is_request = |key: &&String| key.contains(" /");
        let request = object
            .keys()
            .find(is_request)
            .with_context(|| format!("step {number} has no request"))?;
        let (method, target) = request.split_once(' ').context("a request is METHOD /path")?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key.to_owned(), value.to_owned())
        });
        let only = match object.get("only") {
            None => Vec::new(),
            Some(Value::String(kind)) => vec![kind.clone()],
            Some(Value::Array(kinds)) => kinds
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            Some(other) => bail!("only is an engine or a list of them, not {other}"),
        };
        let body = &object[request];
        let lines = body.is_array();
        let text = match body {
            Value::Null => None,
            Value::String(name) if name == "$records" => Some(records::bulk()),
            Value::Array(items) => Some(items.iter().map(|item| format!("{item}\n")).collect()),
            other => Some(other.to_string()),
        };
        Ok(Self {
            name: format!("{number}: {request} {}", brief(body)),
            call: Call {
                method: method.to_owned(),
                path: path.to_owned(),
                query: query.collect(),
                lines: lines || path.ends_with("_bulk") || path.ends_with("_msearch"),
            },
            body: text,
            only,
        })
    }

    fn is_for(&self, kind: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == kind)
    }
}

/// Takes out what is each engine's own, and leaves of an error what a program can act on.
fn normalise(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            if let (Some(Value::Object(error)), Some(status)) = (object.get("error"), object.get("status")) {
                return error_of(error, status);
            }
            // An error that is a text is for people; its status was compared.
            let own = |key: &str, value: &Value| OWN.contains(&key) || key == "error" && value.is_string();
            let kept = object.into_iter().filter(|(key, value)| !own(key, value));
            Value::Object(kept.map(|(key, value)| (key, normalise(value))).collect())
        }
        Value::Array(items) => items.into_iter().map(normalise).collect(),
        other => other,
    }
}

fn error_of(error: &Map<String, Value>, status: &Value) -> Value {
    let root = error
        .get("root_cause")
        .and_then(|causes| causes.get(0))
        .and_then(|cause| cause.get("type"));
    let mut kept = Map::new();
    kept.insert("status".to_owned(), status.clone());
    kept.insert("type".to_owned(), error.get("type").cloned().unwrap_or_default());
    kept.insert("root_cause".to_owned(), root.cloned().unwrap_or_default());
    Value::Object(kept)
}

fn walk(ours: &Value, theirs: &Value, path: &mut String, places: &mut Vec<String>) {
    let length = path.len();
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, b) in b {
                path.push('.');
                path.push_str(key);
                match a.get(key) {
                    Some(a) => walk(a, b, path, places),
                    None => places.push(format!("{path} is not there, should be {}", brief(b))),
                }
                path.truncate(length);
            }
            for key in a.keys().filter(|key| !b.contains_key(*key)) {
                places.push(format!("{path}.{key} should not be there, is {}", brief(&a[key])));
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (number, (a, b)) in a.iter().zip(b).enumerate() {
                path.push_str(&format!("[{number}]"));
                walk(a, b, path, places);
                path.truncate(length);
            }
        }
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
            let allowed = tolerance(path) * b.abs().max(1e-9);
            if (a - b).abs() > allowed {
                places.push(format!("{path} is {a}, should be {b}"));
            }
        }
        (a, b) if a == b => {}
        (a, b) => places.push(format!("{path} is {}, should be {}", brief(a), brief(b))),
    }
}

fn tolerance(path: &str) -> f64 {
    if path.ends_with("_score") {
        SCORE
    } else if path.contains("percentile") || path.contains("cardinality") || path.contains("median") {
        APPROXIMATE
    } else {
        1e-9
    }
}

fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(240) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn differences(ours: Value, theirs: Value) -> Vec<String> {
        let mut places = Vec::new();
        walk(
            &normalise(ours),
            &normalise(theirs),
            &mut String::new(),
            &mut places,
        );
        places
    }

    #[test]
    fn a_score_may_differ_a_little_and_a_count_may_not() {
        assert!(
            differences(
                json!({"_score": 1.0, "took": 1}),
                json!({"_score": 1.005, "took": 9})
            )
            .is_empty()
        );
        assert_eq!(
            differences(json!({"_score": 1.0}), json!({"_score": 1.05})).len(),
            1
        );
        assert_eq!(differences(json!({"count": 1}), json!({"count": 2})).len(), 1);
    }

    #[test]
    fn of_an_error_the_type_counts_and_not_the_wording() {
        let error = |kind: &str, reason: &str| json!({"error": {"type": kind, "reason": reason, "root_cause": [{"type": kind}]}, "status": 400});
        assert!(differences(error("a", "one"), error("a", "two")).is_empty());
        assert!(!differences(error("a", "one"), error("b", "one")).is_empty());
    }

    #[test]
    fn what_is_missing_and_what_is_too_much_are_both_named() {
        let places = differences(json!({"a": 1}), json!({"b": 1}));
        assert!(
            places[0].contains(".b is not there") && places[1].contains(".a should not be there"),
            "{places:?}"
        );
    }
}
