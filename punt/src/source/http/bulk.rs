//! Reading the body of a `_bulk` request, as Elasticsearch 7 does: all of it is understood, or all is refused.
//!
//! ```text
//! {"create":{"_index":"logs","_id":"1"}}\n
//! {"message":"..."}\n
//! ```

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::refusal::Refusal;

/// What a client wants of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Index,
    Create,
    /// Not possible here: what was shipped cannot be changed.
    Update,
    /// Not possible here.
    Delete,
}

/// One item of a bulk.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) operation: Operation,
    pub(super) index: Option<String>,
    pub(super) id: Option<String>,
    /// Where the document stands in the body.
    pub(super) document: Range<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Index(Meta),
    Create(Meta),
    Update(Meta),
    Delete(Meta),
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "_index")]
    index: Option<String>,
    #[serde(rename = "_id")]
    id: Option<Id>,
    /// An older way to say `create`.
    op_type: Option<String>,
}

/// A text, or a number that is one.
struct Id(String);

// === impl Operation ===

impl Operation {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

// === impl Id ===

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Id;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a number as _id")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Id, E> {
                Ok(Id(text.to_owned()))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Id, E> {
                Ok(Id(number.to_string()))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Id, E> {
                Ok(Id(number.to_string()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// The items of a body, in order.
pub(super) fn parse(body: &[u8]) -> Result<Vec<Item>, Refusal> {
    if body.is_empty() {
        return Err(Refusal::new(400, "parse_exception", "request body is required"));
    }
    if body.last() != Some(&b'\n') {
        return Err(Refusal::argument(
            "The bulk request must be terminated by a newline [\\n]",
        ));
    }
    let mut items = Vec::new();
    let mut line_number = 0;
    let mut lines = lines(body);
    while let Some(line) = lines.next() {
        line_number += 1;
        let action = &body[line];
        if action.trim_ascii().is_empty() {
            continue;
        }
        let malformed = |error: &dyn fmt::Display| {
            Refusal::argument(format!("Malformed action/metadata line [{line_number}]: {error}"))
        };
        let action: Action = serde_json::from_slice(action).map_err(|error| malformed(&error))?;
        let (operation, meta) = match action {
            Action::Index(meta) if meta.op_type.as_deref() == Some("create") => (Operation::Create, meta),
            Action::Index(meta) => (Operation::Index, meta),
            Action::Create(meta) => (Operation::Create, meta),
            Action::Update(meta) => (Operation::Update, meta),
            Action::Delete(meta) => (Operation::Delete, meta),
        };
        let document = match operation {
            Operation::Delete => 0..0,
            _ => {
                line_number += 1;
                let missing =
                    format!("Malformed action/metadata line [{line_number}]: no document follows it");
                lines.next().ok_or(Refusal::argument(missing))?
            }
        };
        items.push(Item {
            operation,
            index: meta.index.filter(|index| !index.is_empty()),
            id: meta.id.map(|id| id.0).filter(|id| !id.is_empty()),
            document,
        });
    }
    match items.is_empty() {
        true => Err(Refusal::new(
            400,
            "action_request_validation_exception",
            "Validation Failed: 1: no requests added;",
        )),
        false => Ok(items),
    }
}

/// Where the lines stand, without their line ends. A body ends with a line end.
fn lines(body: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    memchr::memchr_iter(b'\n', body).map(move |end| {
        let line = start..end;
        start = end + 1;
        line
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn actions_and_documents_come_in_pairs_and_a_delete_comes_alone() {
        let body = b"{\"create\":{\"_index\":\"a\",\"_id\":7}}\n{\"m\":1}\n\n{\"delete\":{\"_id\":\"x\"}}\n\
                     {\"index\":{\"op_type\":\"create\"}}\r\n{\"m\":2}\r\n{\"index\":{}}\n{}\n";
        let items = parse(body).unwrap();
        let found: Vec<_> = items
            .iter()
            .map(|item| {
                let document = std::str::from_utf8(&body[item.document.clone()]).unwrap().trim();
                (
                    item.operation,
                    item.index.as_deref(),
                    item.id.as_deref(),
                    document,
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                (Operation::Create, Some("a"), Some("7"), "{\"m\":1}"),
                (Operation::Delete, None, Some("x"), ""),
                (Operation::Create, None, None, "{\"m\":2}"),
                (Operation::Index, None, None, "{}"),
            ]
        );
    }

    #[test]
    fn what_is_no_bulk_is_refused_whole_with_its_line() {
        for (body, part) in [
            (&b""[..], "required"),
            (b"{\"index\":{}}\n{}", "terminated by a newline"),
            (b"\n \n", "no requests"),
            (b"{\"index\":{}}\n", "line [2]"),
            (b"{\"m\":1}\n{}\n", "line [1]"),
            (b"{\"index\":{}}\n{}\n[]\n", "line [3]"),
            (b"\xff\n", "line [1]"),
        ] {
            let refusal = parse(body).unwrap_err();
            assert_eq!(refusal.status, 400);
            assert!(refusal.reason.contains(part), "{}", refusal.reason);
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(parse(&body));
        }

        #[test]
        fn every_item_that_is_written_is_read(documents in prop::collection::vec("[ -~]{0,30}", 1..20)) {
            let mut body = String::new();
            for (number, document) in documents.iter().enumerate() {
                body.push_str(&format!("{{\"index\":{{\"_id\":\"{number}\"}}}}\n{document}\n"));
            }
            let items = parse(body.as_bytes()).unwrap();
            let read: Vec<&str> = items.iter().map(|item| &body[item.document.clone()]).collect();
            prop_assert_eq!(read, documents);
        }
    }
}
