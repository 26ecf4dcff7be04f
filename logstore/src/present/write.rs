//! Answers to writes: of one document, and of a bulk.
//!
//! A bulk answer has thousands of items, so it is written as text, without a tree.

use std::fmt::Write as _;

use super::{Presented, error};
use crate::engine::op::{Done, Outcome};
use crate::error::ApiError;
use crate::hidden::search::shown_type;

/// One item of a bulk answer.
#[derive(Debug)]
pub struct Item {
    /// `index`, `create`, `update` or `delete`.
    pub verb: &'static str,
    /// The index asked for.
    pub index: String,
    /// The document type that the client named, if any.
    pub doc_type: Option<String>,
    /// The id asked for, if any.
    pub id: Option<String>,
    /// What came of it.
    pub result: Result<Outcome, ApiError>,
    /// The document after an update, where it was asked for.
    pub get: Option<serde_json::Value>,
}

/// The answer to one write, as JSON text.
pub fn outcome(presented: Presented, index: &str, outcome: &Outcome, refreshed: bool) -> String {
    let mut out = String::with_capacity(200);
    out.push('{');
    push_outcome(&mut out, presented, index, "", outcome, refreshed);
    out.push('}');
    out
}

/// The same for a document with a type of its own; an empty one is the version's.
pub fn outcome_of(
    presented: Presented,
    index: &str,
    doc_type: &str,
    outcome: &Outcome,
    refreshed: bool,
) -> String {
    let mut out = String::with_capacity(200);
    out.push('{');
    push_outcome(&mut out, presented, index, doc_type, outcome, refreshed);
    out.push('}');
    out
}

/// The answer to a bulk, as JSON text.
pub fn bulk(presented: Presented, took: u64, items: &[Item], refreshed: bool) -> String {
    let errors = items.iter().any(|item| item.result.is_err());
    let mut out = String::with_capacity(200 * items.len() + 64);
    push(
        &mut out,
        format_args!("{{\"took\":{took},\"errors\":{errors},\"items\":["),
    );
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        push(&mut out, format_args!("{{\"{}\":{{", item.verb));
        let doc_type = item.doc_type.as_deref().unwrap_or_default();
        match &item.result {
            Ok(done) => {
                push_outcome(&mut out, presented, &item.index, doc_type, done, refreshed);
                push(&mut out, format_args!(",\"status\":{}", done.done.status()));
                if let Some(get) = &item.get {
                    push(&mut out, format_args!(",\"get\":{get}"));
                }
            }
            Err(refused) => {
                push_names(&mut out, presented, &item.index, doc_type, item.id.as_deref());
                push(
                    &mut out,
                    format_args!(
                        ",\"status\":{},\"error\":{}",
                        refused.status,
                        error::cause(refused)
                    ),
                );
            }
        }
        out.push_str("}}");
    }
    out.push_str("]}");
    out
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a string cannot fail");
}

/// A string as JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn push_names(out: &mut String, presented: Presented, index: &str, doc_type: &str, id: Option<&str>) {
    push(out, format_args!("\"_index\":{}", quoted(index)));
    if let Some(default) = presented.doc_type() {
        let shown = shown_type(default, doc_type);
        push(out, format_args!(",\"_type\":{}", quoted(shown)));
    }
    match id {
        Some(id) => push(out, format_args!(",\"_id\":{}", quoted(id))),
        None => out.push_str(",\"_id\":null"),
    }
}

fn push_outcome(
    out: &mut String,
    presented: Presented,
    index: &str,
    doc_type: &str,
    outcome: &Outcome,
    refreshed: bool,
) {
    push_names(out, presented, index, doc_type, Some(&outcome.id));
    push(
        out,
        format_args!(
            ",\"_version\":{},\"result\":\"{}\"",
            outcome.version,
            outcome.done.word()
        ),
    );
    if refreshed {
        out.push_str(",\"forced_refresh\":true");
    }
    let copies = u8::from(outcome.done != Done::Noop);
    push(
        out,
        format_args!(
            ",\"_shards\":{{\"total\":{copies},\"successful\":{copies},\"failed\":0}},\"_seq_no\":{},\"_primary_term\":1",
            outcome.seq_no
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bulk_answer_is_json_with_an_item_for_each_action() {
        let done = Outcome {
            id: "a\"b".into(),
            version: 1,
            seq_no: 7,
            done: Done::Created,
        };
        let items = [
            Item {
                verb: "create",
                index: "i".into(),
                doc_type: None,
                id: None,
                result: Ok(done),
                get: None,
            },
            Item {
                verb: "index",
                index: "i".into(),
                doc_type: None,
                id: Some("x".into()),
                result: Err(ApiError::mapper("no \"way\"")),
                get: None,
            },
        ];
        let json: serde_json::Value = serde_json::from_str(&bulk(Presented::V7_17, 3, &items, true)).unwrap();
        assert_eq!(json["errors"], true);
        assert_eq!(json["items"][0]["create"]["_id"], "a\"b");
        assert_eq!(json["items"][0]["create"]["status"], 201);
        assert_eq!(
            json["items"][1]["index"]["error"]["type"],
            "mapper_parsing_exception"
        );
    }
}
