//! Partial updates: the document as it is now, merged with what was sent, written back if nobody else did.

use serde_json::{Map, Value};

use super::index::Index;
use super::op::{Done, Outcome};
use super::wal::Position;
use super::write::Request;
use crate::error::{ApiError, ApiResult};

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
    /// How often to try again.
    pub retries: usize,
}

impl Update {
    /// Reads the body of an update.
    pub fn parse(body: &Value) -> ApiResult<Self> {
        let body = body
            .as_object()
            .ok_or_else(|| ApiError::parsing("an update must be an object"))?;
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
            if_seq_no: None,
            retries: 0,
        })
    }
}

impl Index {
    /// Applies a partial update. It is durable after a sync of the returned position.
    pub fn update(&self, id: &str, update: &Update) -> ApiResult<(Outcome, Position)> {
        let mut tries = TRIES + update.retries;
        loop {
            match self.try_update(id, update) {
                Err(error) if error.status == 409 && tries > 0 && update.if_seq_no.is_none() => tries -= 1,
                done => return done,
            }
        }
    }

    fn try_update(&self, id: &str, update: &Update) -> ApiResult<(Outcome, Position)> {
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
                if !changed && !update.always {
                    let outcome = Outcome {
                        id: id.into(),
                        version: found.version,
                        seq_no: found.seq_no,
                        done: Done::Noop,
                    };
                    return Ok((outcome, Position::default()));
                }
                (document, false, update.if_seq_no.or(Some(found.seq_no)))
            }
        };
        let source = serde_json::to_vec(&document).map_err(|error| ApiError::internal(error.to_string()))?;
        let request = Request {
            id: Some(id.to_owned()),
            source: Some(source.into()),
            create,
            if_seq_no,
        };
        let (outcomes, position) = self.apply(self.prepare(&[request]))?;
        let outcome = outcomes
            .into_iter()
            .next()
            .ok_or_else(|| ApiError::internal("an update came to nothing"))??;
        Ok((outcome, position))
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
