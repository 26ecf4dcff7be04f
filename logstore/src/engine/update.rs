//! Partial updates: the document as it is now, merged with what was sent, written back if nobody else did.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::index::Index;
use super::op::{Done, Outcome, PRIMARY_TERM};
use super::wal::Position;
use super::write::Request;
use crate::error::{ApiError, ApiResult, nearest};
use crate::search::source::SourceFilter;

/// Tries beyond what the client asked for, since a conflict here is only with another update in flight.
const TRIES: usize = 3;

/// A partial update.
#[derive(Debug, Clone, Default)]
pub struct Update {
    /// What is merged into the document.
    pub doc: Option<Value>,
    /// The document to write if there is none.
    pub upsert: Option<Value>,
    /// Write `doc` if there is none.
    pub doc_as_upsert: bool,
    /// Write even if nothing changes.
    pub always: bool,
    /// Only when the document's newest operation has this number.
    pub if_seq_no: Option<u64>,
    /// Only in this primary term.
    pub if_primary_term: Option<u64>,
    /// How often to try again.
    pub retries: usize,
    /// What of the document the answer shows, if the body says so.
    pub source: Option<SourceFilter>,
}

/// What an update came to.
#[derive(Debug)]
pub struct Updated {
    /// The answer.
    pub outcome: Outcome,
    /// The document as it is now.
    pub source: Bytes,
    /// Where the log has it; the default where nothing was written.
    pub position: Position,
}

/// Keys of the body of an update.
const KEYS: &[&str] = &[
    "doc",
    "upsert",
    "doc_as_upsert",
    "detect_noop",
    "script",
    "scripted_upsert",
    "_source",
    "if_seq_no",
    "if_primary_term",
];

impl Update {
    /// Reads the body of an update.
    pub fn parse(body: &Value) -> ApiResult<Self> {
        let body = body
            .as_object()
            .ok_or_else(|| ApiError::parsing("an update must be an object"))?;
        if let Some(unknown) = body.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let hint =
                nearest(unknown, KEYS).map_or_else(String::new, |known| format!(" did you mean [{known}]?"));
            return Err(ApiError::new(
                400,
                "x_content_parse_exception",
                format!("[UpdateRequest] unknown field [{unknown}]{hint}"),
            ));
        }
        if body.contains_key("script") {
            return Err(ApiError::argument(
                "[script] in an update is not supported by this store",
            ));
        }
        if !body.contains_key("doc") && !body.contains_key("upsert") {
            return Err(ApiError::validation("script or doc is missing"));
        }
        Ok(Self {
            doc: body.get("doc").cloned(),
            upsert: body.get("upsert").cloned(),
            doc_as_upsert: body.get("doc_as_upsert") == Some(&Value::Bool(true)),
            always: body.get("detect_noop") == Some(&Value::Bool(false)),
            if_seq_no: body.get("if_seq_no").and_then(Value::as_u64),
            if_primary_term: body.get("if_primary_term").and_then(Value::as_u64),
            retries: 0,
            source: body.get("_source").map(SourceFilter::parse).transpose()?,
        })
    }
}

impl Index {
    /// Applies a partial update. It is durable after a sync of the returned position.
    pub fn update(&self, id: &str, update: &Update) -> ApiResult<Updated> {
        let mut tries = TRIES + update.retries;
        loop {
            match self.try_update(id, update) {
                Err(error) if error.status == 409 && tries > 0 && update.if_seq_no.is_none() => tries -= 1,
                done => return done,
            }
        }
    }

    fn try_update(&self, id: &str, update: &Update) -> ApiResult<Updated> {
        let (document, create, if_seq_no) = match self.get(id)? {
            None => {
                let fresh = update
                    .upsert
                    .as_ref()
                    .or(update.doc.as_ref().filter(|_| update.doc_as_upsert));
                let fresh = fresh.ok_or_else(|| {
                    ApiError::new(
                        404,
                        "document_missing_exception",
                        format!("[{id}]: document missing"),
                    )
                    .with("index", self.name.as_str())
                })?;
                (fresh.clone(), true, None)
            }
            Some(found) => {
                let mut document: Value = serde_json::from_slice(&found.source).map_err(|error| {
                    ApiError::internal(format!("stored document [{id}] cannot be read: {error}"))
                })?;
                let changed = update.doc.as_ref().is_some_and(|doc| merge(&mut document, doc));
                let conflicts = update.if_seq_no.is_some_and(|wanted| wanted != found.seq_no)
                    || update.if_primary_term.is_some_and(|term| term != PRIMARY_TERM);
                if !changed && !update.always && !conflicts {
                    self.activity.noops.add(1);
                    let outcome = Outcome {
                        id: id.into(),
                        version: found.version,
                        seq_no: found.seq_no,
                        done: Done::Noop,
                    };
                    return Ok(Updated {
                        outcome,
                        source: found.source,
                        position: Position::default(),
                    });
                }
                (document, false, update.if_seq_no.or(Some(found.seq_no)))
            }
        };
        let source = serde_json::to_vec(&document).map_err(|error| ApiError::internal(error.to_string()))?;
        let source = Bytes::from(source);
        let request = Request {
            id: Some(id.to_owned()),
            source: Some(source.clone()),
            create,
            if_seq_no,
            if_primary_term: update.if_primary_term,
            ..Request::default()
        };
        let (outcomes, position) = self.apply(self.prepare(&[request]))?;
        let outcome = outcomes
            .into_iter()
            .next()
            .ok_or_else(|| ApiError::internal("an update came to nothing"))??;
        Ok(Updated {
            outcome,
            source,
            position,
        })
    }
}

/// Merges objects into objects and replaces everything else; says whether anything changed.
pub fn merge(into: &mut Value, from: &Value) -> bool {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => merge_maps(into, from),
        (into, from) if *into == *from => false,
        (into, from) => {
            *into = from.clone();
            true
        }
    }
}

fn merge_maps(into: &mut Map<String, Value>, from: &Map<String, Value>) -> bool {
    let mut changed = false;
    for (key, value) in from {
        match into.get_mut(key) {
            Some(known) => changed |= merge(known, value),
            None => {
                into.insert(key.clone(), value.clone());
                changed = true;
            }
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn objects_are_merged_and_an_equal_document_is_no_change() {
        let mut document = json!({"a": {"b": 1, "c": 2}, "d": [1]});
        assert!(!merge(&mut document, &json!({"a": {"b": 1}})));
        assert!(merge(&mut document, &json!({"a": {"b": 3}, "d": [2]})));
        assert_eq!(document, json!({"a": {"b": 3, "c": 2}, "d": [2]}));
    }
}
