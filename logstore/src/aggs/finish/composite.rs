//! Finishes `composite`: the first page behind `after`, and the key to go on with.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};
use tantivy::u64_to_i64;

use super::terms::number_json;
use super::{Finish, One};
use crate::aggs::partial::{Bucket, Key, Partial};
use crate::aggs::plan::ip_text;
use crate::aggs::request::{Composite, CompositeSource, SourceKind};
use crate::aggs::result::Multi;
use crate::aggs::show::Show;
use crate::aggs::values::{Resolved, Type};
use crate::error::ApiResult;

impl Finish<'_> {
    /// Finishes a page.
    pub(super) fn composite(
        &self,
        one: One<'_>,
        composite: &Composite,
        partial: Option<Partial>,
    ) -> ApiResult<Multi> {
        let mut found: Vec<(Box<[Key]>, Bucket)> = match partial {
            Some(Partial::Buckets(buckets)) => buckets
                .map
                .into_iter()
                .filter_map(|(key, bucket)| match key {
                    Key::Tuple(parts) => Some((parts, bucket)),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        found.sort_by(|(a, _), (b, _)| compare(&composite.sources, a, b));
        found.truncate(composite.size);
        let mut multi = Multi::default();
        for (parts, bucket) in found {
            let mut key = Map::new();
            for ((part, asked), source) in parts.iter().zip(&composite.sources).zip(&one.plan.sources) {
                key.insert(asked.name.clone(), part_json(part, asked, source));
            }
            let mut head = Map::new();
            head.insert("key".into(), key.clone().into());
            let name = Value::from(key.clone()).to_string();
            multi.head.insert("after_key".into(), key.into());
            multi.buckets.push(self.bucket(one, name, head, None, bucket)?);
        }
        Ok(multi)
    }
}

fn compare(sources: &[CompositeSource], a: &[Key], b: &[Key]) -> Ordering {
    for (source, (a, b)) in sources.iter().zip(a.iter().zip(b)) {
        let missing_first = source.missing_first.unwrap_or(!source.descending);
        let ordering = match (a, b) {
            (Key::Missing, Key::Missing) => Ordering::Equal,
            (Key::Missing, _) if missing_first => Ordering::Less,
            (Key::Missing, _) => Ordering::Greater,
            (_, Key::Missing) if missing_first => Ordering::Greater,
            (_, Key::Missing) => Ordering::Less,
            (a, b) if source.descending => b.cmp(a),
            (a, b) => a.cmp(b),
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
    Ordering::Equal
}

/// A part of a key. Dates are numbers unless a format was asked for.
fn part_json(part: &Key, asked: &CompositeSource, source: &Resolved) -> Value {
    match part {
        Key::Missing | Key::Tuple(_) => Value::Null,
        Key::Word(word) => json!(word),
        Key::Ip(bits) => ip_text(*bits).into(),
        Key::Number(raw) => match (&asked.kind, source.kind) {
            (SourceKind::Histogram(_), _) => number_json(*raw, Type::Float),
            (SourceKind::Terms, Type::Boolean) => json!(u64_to_i64(*raw) != 0),
            (SourceKind::Dates(_), _) | (SourceKind::Terms, Type::Date) => {
                match (&asked.source.format, &source.show) {
                    (Some(_), show @ Show::Date { .. }) => show.date(u64_to_i64(*raw)).into(),
                    _ => json!(u64_to_i64(*raw)),
                }
            }
            (SourceKind::Terms, Type::Unsigned) => json!(raw),
            (SourceKind::Terms, kind) => match source.show.text(kind.number(*raw)) {
                Some(text) => text.into(),
                None => number_json(*raw, kind),
            },
        },
    }
}
