//! Finishes `terms`, `multi_terms` and `rare_terms`.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};
use tantivy::u64_to_i64;

use super::{Finish, One};
use crate::aggs::partial::{Bucket, Buckets, Key, Partial};
use crate::aggs::plan::ip_text;
use crate::aggs::request::{AggKind, By, Order, Terms};
use crate::aggs::result::{FinalBucket, Looked, Multi, Named, look};
use crate::aggs::show::{float_json, float_text};
use crate::aggs::values::{Resolved, Type};
use crate::error::ApiResult;

/// A bucket on its way, with what was finished of it to sort by.
pub struct Waiting {
    /// Its key.
    pub key: Key,
    /// The bucket; empty below once that is finished.
    pub bucket: Bucket,
    /// What is below, if it was finished already.
    pub subs: Option<Vec<Named>>,
}

/// The name that `typed_keys` uses.
pub(super) fn tag(one: One<'_>) -> String {
    let letter = match one.plan.sources.first().map(|source| source.kind) {
        Some(Type::Float) => "d",
        Some(Type::Unsigned) => "ul",
        Some(Type::Word | Type::Ip) | None => "s",
        Some(_) => "l",
    };
    match one.agg.kind {
        AggKind::MultiTerms(_) => "multi_terms".to_owned(),
        AggKind::RareTerms(_) => format!("{letter}rareterms"),
        _ => format!("{letter}terms"),
    }
}

/// Whether any key of an order is below the buckets.
pub fn looks_below(order: &Order) -> bool {
    order.iter().any(|(by, _)| matches!(by, By::Path(_)))
}

/// Compares two buckets by an order; ties end at the key.
pub fn compare(order: &Order, a: &Waiting, b: &Waiting) -> Ordering {
    for (by, descending) in order {
        let ordering = match by {
            By::Count => a.bucket.count.cmp(&b.bucket.count),
            By::Key => a.key.cmp(&b.key),
            By::Path(path) => {
                let number = |waiting: &Waiting| match look(waiting.subs.as_deref().unwrap_or_default(), path)
                {
                    Looked::Number(number) => number,
                    Looked::Nothing | Looked::Absent => f64::NAN,
                };
                let (a, b) = (number(a), number(b));
                // Buckets without a number come last in either direction.
                match (a.is_nan(), b.is_nan()) {
                    (false, false) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
                    (a, b) if a != b => return a.cmp(&b),
                    _ => Ordering::Equal,
                }
            }
        };
        if ordering.is_ne() {
            return if *descending { ordering.reverse() } else { ordering };
        }
    }
    a.key.cmp(&b.key)
}

impl Finish<'_> {
    /// Finishes any of the three.
    pub(super) fn terms(&self, one: One<'_>, partial: Option<Partial>) -> ApiResult<Multi> {
        let buckets = match partial {
            Some(Partial::Buckets(buckets)) => buckets,
            _ => Buckets::default(),
        };
        match &one.agg.kind {
            AggKind::RareTerms(rare) => {
                let order = vec![(By::Count, false), (By::Key, false)];
                let mut waiting: Vec<Waiting> = buckets
                    .map
                    .into_iter()
                    .filter(|(_, bucket)| bucket.count <= rare.max_doc_count)
                    .map(|(key, bucket)| Waiting {
                        key,
                        bucket,
                        subs: None,
                    })
                    .collect();
                waiting.sort_by(|a, b| compare(&order, a, b));
                let mut multi = Multi::default();
                for one_bucket in waiting {
                    multi.buckets.push(self.term(one, one_bucket, None)?);
                }
                Ok(multi)
            }
            AggKind::Terms(terms) | AggKind::MultiTerms(terms) => self.most(one, terms, buckets),
            _ => Ok(Multi::default()),
        }
    }

    fn most(&self, one: One<'_>, terms: &Terms, buckets: Buckets) -> ApiResult<Multi> {
        let mut others = buckets.other;
        // A shard that cuts off by anything but the count cannot say how wrong it is; ours does not cut off, but
        // the answer says the same.
        let by_key = matches!(terms.order.first(), Some((By::Key, _)));
        let by_most = matches!(terms.order.first(), Some((By::Count, true)));
        let error = if !by_key && !by_most && buckets.map.len() >= terms.shard_size {
            json!(-1)
        } else {
            json!(buckets.error)
        };
        let mut waiting = Vec::with_capacity(buckets.map.len().min(1024));
        let below = looks_below(&terms.order);
        for (key, mut bucket) in buckets.map {
            if bucket.count < terms.min_doc_count {
                continue;
            }
            let subs = if below {
                // Buckets that are cut off do not count as buckets of the answer.
                let made = self.buckets.get();
                let subs = self.below(one, std::mem::take(&mut bucket.subs))?;
                self.buckets.set(made);
                Some(subs)
            } else {
                None
            };
            waiting.push(Waiting { key, bucket, subs });
        }
        if waiting.len() > terms.size {
            waiting.select_nth_unstable_by(terms.size, |a, b| compare(&terms.order, a, b));
            others += waiting
                .drain(terms.size..)
                .map(|cut| cut.bucket.count)
                .sum::<u64>();
        }
        waiting.sort_by(|a, b| compare(&terms.order, a, b));
        let mut multi = Multi::default();
        multi.head.insert("doc_count_error_upper_bound".into(), error);
        multi.head.insert("sum_other_doc_count".into(), others.into());
        for one_bucket in waiting {
            let error = terms.show_error.then_some(buckets.error);
            multi.buckets.push(self.term(one, one_bucket, error)?);
        }
        Ok(multi)
    }

    fn term(&self, one: One<'_>, waiting: Waiting, error: Option<u64>) -> ApiResult<FinalBucket> {
        let mut head = Map::new();
        let (name, key) = write_key(&waiting.key, &one.plan.sources, &mut head);
        let mut bucket = match waiting.subs {
            Some(subs) => {
                self.count()?;
                FinalBucket {
                    count: waiting.bucket.count,
                    subs,
                    ..FinalBucket::default()
                }
            }
            None => self.bucket(one, String::new(), Map::new(), None, waiting.bucket)?,
        };
        bucket.name = name;
        bucket.key = key;
        bucket.head = head;
        if let Some(error) = error {
            bucket
                .tail
                .insert("doc_count_error_upper_bound".into(), error.into());
        }
        Ok(bucket)
    }
}

/// Writes `key` and `key_as_string`; returns the name and the number of the key.
fn write_key(key: &Key, sources: &[Resolved], head: &mut Map<String, Value>) -> (String, Option<f64>) {
    if let Key::Tuple(parts) = key {
        let (mut values, mut texts) = (Vec::new(), Vec::new());
        for (part, source) in parts.iter().zip(sources) {
            let (value, text) = part_of(part, source);
            values.push(value);
            texts.push(text);
        }
        let name = texts.join("|");
        head.insert("key".into(), values.into());
        head.insert("key_as_string".into(), name.as_str().into());
        return (name, None);
    }
    let Some(source) = sources.first() else {
        return (String::new(), None);
    };
    match key {
        Key::Number(raw) => {
            let number = source.kind.number(*raw);
            let value = number_json(*raw, source.kind);
            let text = source.show.text(number);
            let name = text.clone().unwrap_or_else(|| match source.kind {
                Type::Float => float_text(number),
                _ => value.to_string(),
            });
            head.insert("key".into(), value);
            if let Some(text) = text {
                head.insert("key_as_string".into(), text.into());
            }
            (name, Some(number))
        }
        other => {
            let (value, text) = part_of(other, source);
            head.insert("key".into(), value);
            (text, None)
        }
    }
}

/// A number of a key.
pub fn number_json(raw: u64, kind: Type) -> Value {
    match kind {
        Type::Float => float_json(kind.number(raw)),
        Type::Unsigned => json!(raw),
        _ => json!(u64_to_i64(raw)),
    }
}

fn part_of(key: &Key, source: &Resolved) -> (Value, String) {
    match key {
        Key::Number(raw) => {
            let number = source.kind.number(*raw);
            match source.show.text(number) {
                Some(text) if source.kind == Type::Boolean => (json!(number != 0.0), text),
                Some(text) => (json!(text), text),
                None => {
                    let value = number_json(*raw, source.kind);
                    let text = match source.kind {
                        Type::Float => float_text(number),
                        _ => value.to_string(),
                    };
                    (value, text)
                }
            }
        }
        Key::Ip(bits) => {
            let text = ip_text(*bits);
            (json!(text), text)
        }
        Key::Word(word) => (json!(word), word.to_string()),
        Key::Missing | Key::Tuple(_) => (Value::Null, "null".to_owned()),
    }
}
