//! Finished aggregations: what is written as JSON, and what pipelines compute with.

use serde_json::{Map, Value};

use super::request::Path;
use super::show::Show;

/// A finished aggregation.
#[derive(Debug, Clone)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// What `typed_keys` puts before the name.
    pub type_tag: String,
    /// `meta`.
    pub meta: Option<Value>,
    /// The result.
    pub result: Final,
}

/// A result.
#[derive(Debug, Clone)]
pub enum Final {
    /// Several buckets.
    Multi(Multi),
    /// One bucket.
    One(FinalBucket),
    /// Numbers.
    Numbers(Numbers),
    /// Something without numbers: hits.
    Raw(Map<String, Value>),
}

/// Several buckets.
#[derive(Debug, Clone, Default)]
pub struct Multi {
    /// Keys before `buckets`.
    pub head: Map<String, Value>,
    /// The buckets.
    pub buckets: Vec<FinalBucket>,
    /// Keys behind them.
    pub tail: Map<String, Value>,
    /// Whether they are an object instead of a list.
    pub keyed: bool,
}

/// A finished bucket.
#[derive(Debug, Clone, Default)]
pub struct FinalBucket {
    /// The name of a keyed bucket.
    pub name: String,
    /// Keys before `doc_count`: `key`, `from`, ….
    pub head: Map<String, Value>,
    /// The key as a number, if it is one: milliseconds of a date.
    pub key: Option<f64>,
    /// Documents.
    pub count: u64,
    /// Keys behind it.
    pub tail: Map<String, Value>,
    /// What is below.
    pub subs: Vec<Named>,
}

/// Numbers with their JSON.
#[derive(Debug, Clone)]
pub struct Numbers {
    /// As it is written.
    pub json: Map<String, Value>,
    /// The numbers by name; the only one of a single-valued metric is `value`.
    pub values: Vec<(String, f64)>,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Looked {
    /// A number; NaN where there is no value.
    Number(f64),
    /// Nothing that is a number.
    Nothing,
    /// Several numbers, none of which is named.
    Several,
    /// An aggregation that this bucket does not have: a pipeline gave it no number.
    Absent,
}

// === impl Numbers ===

impl Numbers {
    /// One number called `value`.
    pub fn one(value: Option<f64>, show: &Show) -> Self {
        let mut json = Map::new();
        json.insert("value".into(), value.map_or(Value::Null, super::show::float_json));
        if let Some(text) = value
            .filter(|value| value.is_finite())
            .and_then(|value| show.text(value))
        {
            json.insert("value_as_string".into(), text.into());
        }
        Self {
            json,
            values: vec![("value".to_owned(), value.unwrap_or(f64::NAN))],
        }
    }

    /// A number by name.
    pub fn get(&self, property: Option<&str>) -> Looked {
        let wanted = property.unwrap_or("value");
        let found = self.values.iter().find(|(name, _)| name == wanted).or_else(|| {
            // Percentiles are found by their number, however it is written.
            let number: f64 = wanted.parse().ok()?;
            self.values
                .iter()
                .find(|(name, _)| name.parse::<f64>().is_ok_and(|n| n.total_cmp(&number).is_eq()))
        });
        match found {
            Some((_, value)) => Looked::Number(*value),
            None if property.is_none() && self.values.len() > 1 => Looked::Several,
            None => Looked::Nothing,
        }
    }
}

// === impl FinalBucket ===

impl FinalBucket {
    /// The number that a path leads to from here.
    pub fn look(&self, path: &Path) -> Looked {
        if path.is("_count") {
            return Looked::Number(exact(self.count));
        }
        if path.is("_key") {
            return self.key.map_or(Looked::Nothing, Looked::Number);
        }
        look(&self.subs, path)
    }
}

/// The number that a path leads to from a level of aggregations.
pub fn look(level: &[Named], path: &Path) -> Looked {
    let mut at = level;
    let mut inside: Option<&FinalBucket> = None;
    for (name, key) in &path.steps {
        let Some(found) = at.iter().find(|named| named.name == *name) else {
            return Looked::Absent;
        };
        let bucket = match (&found.result, key) {
            (Final::One(bucket), None) => bucket,
            (Final::Multi(multi), Some(key)) => match multi.bucket(key) {
                Some(bucket) => bucket,
                None => return Looked::Number(f64::NAN),
            },
            _ => return Looked::Nothing,
        };
        inside = Some(bucket);
        at = &bucket.subs;
    }
    let (name, property) = path.target(|name| at.iter().any(|named| named.name == name));
    if let ("_count", Some(bucket)) = (name, inside) {
        return Looked::Number(exact(bucket.count));
    }
    match at
        .iter()
        .find(|named| named.name == name)
        .map(|named| &named.result)
    {
        Some(Final::Numbers(numbers)) => numbers.get(property),
        Some(Final::One(bucket)) => match property {
            None | Some("_count" | "doc_count") => Looked::Number(exact(bucket.count)),
            _ => Looked::Nothing,
        },
        Some(Final::Multi(multi)) => match property {
            Some("_bucket_count") => Looked::Number(exact(multi.buckets.len() as u64)),
            Some(key) => multi
                .bucket(key.strip_suffix("._count").unwrap_or(key))
                .map_or(Looked::Number(f64::NAN), |bucket| {
                    Looked::Number(exact(bucket.count))
                }),
            None => Looked::Nothing,
        },
        Some(Final::Raw(_)) => Looked::Nothing,
        None => Looked::Absent,
    }
}

// === impl Multi ===

impl Multi {
    /// The bucket of a key.
    pub fn bucket(&self, key: &str) -> Option<&FinalBucket> {
        self.buckets.iter().find(|bucket| bucket.name == key)
    }
}

/// A count as a number.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub fn exact(count: u64) -> f64 {
    count as f64
}

/// Writes a level of aggregations.
pub fn render(level: Vec<Named>, typed: bool) -> Map<String, Value> {
    level
        .into_iter()
        .map(|named| {
            let name = if typed {
                format!("{}#{}", named.type_tag, named.name)
            } else {
                named.name
            };
            let mut out = Map::new();
            if let Some(meta) = named.meta {
                out.insert("meta".into(), meta);
            }
            match named.result {
                Final::Multi(multi) => {
                    out.extend(multi.head);
                    let buckets: Value = if multi.keyed {
                        multi
                            .buckets
                            .into_iter()
                            .map(|mut bucket| {
                                // A keyed range is named by its key alone.
                                let name = std::mem::take(&mut bucket.name);
                                if bucket.head.get("key").is_some_and(|key| key == name.as_str()) {
                                    bucket.head.shift_remove("key");
                                }
                                (name, render_bucket(bucket, typed).into())
                            })
                            .collect::<Map<_, _>>()
                            .into()
                    } else {
                        multi
                            .buckets
                            .into_iter()
                            .map(|bucket| Value::from(render_bucket(bucket, typed)))
                            .collect()
                    };
                    out.insert("buckets".into(), buckets);
                    out.extend(multi.tail);
                }
                Final::One(bucket) => out.extend(render_bucket(bucket, typed)),
                Final::Numbers(numbers) => out.extend(numbers.json),
                Final::Raw(json) => out.extend(json),
            }
            (name, out.into())
        })
        .collect()
}

fn render_bucket(bucket: FinalBucket, typed: bool) -> Map<String, Value> {
    let mut out = bucket.head;
    out.insert("doc_count".into(), bucket.count.into());
    out.extend(bucket.tail);
    out.extend(render(bucket.subs, typed));
    out
}
