//! One dead letter: a line of a dead-letter file.
//!
//! ```text
//! {"@timestamp":..,"status":400,"error.type":..,"error.message":..,"action":{"create":{..}},"document":{..}}
//! ```
//!
//! Action and document are what was sent, so that a line is all that a replay needs.

use punt_elastic::Rejection;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::item::Item;
use crate::event::Document;

/// What a replay reads of a line.
#[derive(Debug, Deserialize)]
pub(super) struct Letter<'a> {
    #[serde(borrow)]
    pub(super) action: &'a RawValue,
    #[serde(borrow)]
    pub(super) document: &'a RawValue,
    #[serde(rename = "error.type", default)]
    pub(super) kind: String,
}

/// What makes an event one: where it goes and its id.
#[derive(Debug, Deserialize)]
struct Action {
    #[serde(alias = "index")]
    create: Target,
}

#[derive(Debug, Deserialize)]
struct Target {
    #[serde(rename = "_index", default)]
    index: String,
    #[serde(rename = "_id", default)]
    id: Option<String>,
}

// === impl Letter ===

impl<'a> Letter<'a> {
    /// Reads a line; the error says what is wrong with it.
    pub(super) fn read(line: &'a [u8]) -> Result<Self, String> {
        let letter: Self = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        match letter.document.get().starts_with('{') {
            true => Ok(letter),
            false => Err("its document is no object".to_owned()),
        }
    }

    /// The same for every letter about the same event; none when it names no id.
    pub(super) fn identity(&self) -> Option<String> {
        let action: Action = serde_json::from_str(self.action.get()).ok()?;
        Some(format!("{}\n{}", action.create.index, action.create.id?))
    }

    /// Appends the event in the form that a buffer has it.
    pub(super) fn payload(&self, out: &mut Vec<u8>) {
        for part in [self.action, self.document] {
            // Somebody may have laid it out by hand; a line end would be the end of the item.
            let plain = |byte: &u8| !matches!(byte, b'\n' | b'\r');
            out.extend(part.get().bytes().filter(plain));
            out.push(b'\n');
        }
    }
}

/// Appends the line about this payload.
pub(super) fn write(out: &mut Vec<u8>, payload: &[u8], rejection: &Rejection) {
    let item = Item::read(payload);
    let mut line = Document::at(out, jiff::Timestamp::now());
    line.number("status", rejection.status.into());
    line.text("error.type", &rejection.kind);
    line.text("error.message", &rejection.reason);
    line.raw("action", item.action);
    line.raw("document", item.document);
    line.end();
    out.push(b'\n');
}
