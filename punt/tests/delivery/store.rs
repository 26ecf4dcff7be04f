//! What a server of these tests has taken: documents by index and id, each once, and what was asked of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::server::{Reply, Request};
use crate::wait::until;

/// An engine's memory. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Store(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
pub(crate) struct Inner {
    pub(crate) documents: HashMap<(String, String), Value>,
    /// Items that were there already.
    pub(crate) duplicates: usize,
    /// How often each id was offered.
    pub(crate) offered: HashMap<String, usize>,
    /// Method and path of every request.
    pub(crate) requests: Vec<String>,
    /// Bodies of what is no bulk request, by path.
    pub(crate) bodies: HashMap<String, Value>,
    /// Action lines.
    pub(crate) actions: Vec<Value>,
}

/// One item of a bulk request.
pub(crate) struct Item {
    pub(crate) index: String,
    pub(crate) id: String,
    pub(crate) number: usize,
    /// How often it was offered before.
    pub(crate) before: usize,
    document: Value,
    operation: String,
}

// === impl Store ===

impl Store {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().documents.len()
    }

    pub(crate) fn wait_for(&self, count: usize) {
        until(&format!("{count} documents are stored"), || {
            let found = self.count();
            assert!(found <= count, "{found} documents are more than {count}");
            (found == count).then_some(())
        });
    }

    /// Fails unless these messages are stored, each once.
    pub(crate) fn assert_each_once(&self, numbers: impl Iterator<Item = usize>) {
        let mut found: Vec<usize> = self.lock().documents.values().map(number).collect();
        found.sort_unstable();
        assert_eq!(found, numbers.collect::<Vec<_>>());
    }

    /// Answers like an engine of this version whose items fare as `judge` says: a status, or 201 to store it.
    pub(crate) fn answer(&self, request: &Request, version: &Value, judge: impl Fn(&Item) -> Value) -> Reply {
        self.lock()
            .requests
            .push(format!("{} {}", request.method, request.path));
        let path = request.path.split('?').next().unwrap_or_default();
        if path.ends_with("/_bulk") {
            return Reply::Json(200, self.bulk(&request.body, judge));
        }
        if request.path == "/" {
            return Reply::Json(
                200,
                json!({ "name": "n", "cluster_name": "c", "version": version }),
            );
        }
        let body = serde_json::from_slice(&request.body).unwrap_or_default();
        self.lock().bodies.insert(path.to_owned(), body);
        Reply::Json(200, json!({ "acknowledged": true }))
    }

    /// The items of a bulk request, each judged and, if it may be, stored.
    pub(crate) fn bulk(&self, body: &[u8], judge: impl Fn(&Item) -> Value) -> Value {
        let verdicts: Vec<Value> = self
            .items(body)
            .into_iter()
            .map(|item| self.item(item, &judge))
            .collect();
        json!({ "took": 1, "errors": true, "items": verdicts })
    }

    fn items(&self, body: &[u8]) -> Vec<Item> {
        let mut inner = self.lock();
        let lines: Vec<Value> = body
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).expect("each line of a bulk body is JSON"))
            .collect();
        assert_eq!(lines.len() % 2, 0, "actions and documents come in pairs");
        lines
            .chunks(2)
            .map(|pair| {
                let (operation, action) = pair[0]
                    .as_object()
                    .and_then(|o| o.iter().next())
                    .expect("an action");
                inner.actions.push(pair[0].clone());
                let id = action["_id"].as_str().expect("an id").to_owned();
                let offered = inner.offered.entry(id.clone()).or_default();
                *offered += 1;
                Item {
                    index: action["_index"].as_str().unwrap_or_default().to_owned(),
                    before: *offered - 1,
                    id,
                    number: number(&pair[1]),
                    document: pair[1].clone(),
                    operation: operation.clone(),
                }
            })
            .collect()
    }

    fn item(&self, item: Item, judge: &impl Fn(&Item) -> Value) -> Value {
        let mut verdict = judge(&item);
        let stores = verdict["status"] == 201 && verdict["failure_store"].is_null();
        let mut inner = self.lock();
        let key = (item.index.clone(), item.id.clone());
        if stores && inner.documents.contains_key(&key) {
            inner.duplicates += 1;
            verdict = json!({ "status": 409, "error": { "type": "version_conflict_engine_exception" } });
        } else if stores {
            inner.documents.insert(key, item.document);
        }
        verdict["_index"] = item.index.into();
        verdict["_id"] = item.id.into();
        json!({ item.operation: verdict })
    }
}

/// Every item is stored.
pub(crate) fn stored(_: &Item) -> Value {
    json!({ "status": 201 })
}

/// An item with this status and error type.
pub(crate) fn refused(status: u16, kind: &str) -> Value {
    json!({ "status": status, "error": { "type": kind, "reason": "the reason" } })
}

/// A current engine.
pub(crate) fn modern() -> Value {
    json!({ "number": "8.15.0" })
}

/// Number `n` of a message `... message n`.
pub(crate) fn number(document: &Value) -> usize {
    let message = document["message"].as_str().unwrap_or_default();
    let last = message.rsplit(' ').next().unwrap_or_default();
    last.parse().unwrap_or_default()
}
