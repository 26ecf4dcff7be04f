//! The order of buckets.

use serde_json::Value;

use super::{Agg, AggKind, MetricKind};
use crate::error::{ApiError, ApiResult};

/// What buckets are ordered by, the first key first; ties end at the bucket's key.
pub type Order = Vec<(By, bool)>;

/// One key of an order; the flag beside it says whether it descends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// `_count`.
    Count,
    /// `_key`.
    Key,
    /// A number of an aggregation below: `a>b.avg`.
    Path(Path),
}

/// The way to a number below a bucket: `a>b.avg`, `a['key']>b`, `p[99.9]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Aggregations on the way, each perhaps with the one bucket that is meant.
    pub steps: Vec<(String, Option<String>)>,
    /// The last aggregation, with which of its numbers is meant; names may hold dots, so that only those who
    /// know the aggregations can tell the two apart.
    last: String,
    bracket: Option<String>,
    /// As it was sent, for errors.
    pub text: String,
}

// === impl Path ===

impl Path {
    /// Reads a path.
    pub fn parse(text: &str) -> Self {
        let split = |element: &str| match element.strip_suffix(']').and_then(|rest| rest.split_once('[')) {
            Some((name, key)) => (
                name.trim().to_owned(),
                Some(key.trim_matches(['\'', '"']).to_owned()),
            ),
            None => (element.trim().to_owned(), None),
        };
        let mut steps: Vec<(String, Option<String>)> = text.split('>').map(split).collect();
        let (last, bracket) = steps.pop().unwrap_or_default();
        Self {
            steps,
            last,
            bracket,
            text: text.to_owned(),
        }
    }

    /// Whether the path is a word of its own such as `_count`.
    pub fn is(&self, word: &str) -> bool {
        self.steps.is_empty() && self.last == word
    }

    /// The first name on the way.
    pub fn first(&self, exists: impl Fn(&str) -> bool) -> &str {
        match self.steps.first() {
            Some((name, _)) => name,
            None => self.target(exists).0,
        }
    }

    /// The last aggregation's name and which of its numbers is meant. `exists` knows the names at that place.
    pub fn target(&self, exists: impl Fn(&str) -> bool) -> (&str, Option<&str>) {
        if let Some(bracket) = &self.bracket {
            return (&self.last, Some(bracket));
        }
        let split = self
            .last
            .rmatch_indices('.')
            .filter_map(|(at, _)| Some((self.last.get(..at)?, self.last.get(at + 1..)?)))
            .find(|(name, property)| exists(name) && !property.is_empty());
        match split {
            Some((name, property)) => (name, Some(property)),
            None => (&self.last, None),
        }
    }
}

/// Reads `order` in all its shapes.
pub fn parse(value: Option<&Value>, default: (By, bool)) -> ApiResult<Order> {
    let list = match value {
        None | Some(Value::Null) => return Ok(vec![default]),
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    let mut order = Vec::with_capacity(list.len());
    for entry in list {
        let entry = entry.as_object().ok_or_else(|| {
            ApiError::parsing("Must specify at least one field for [order]; an order is an object")
        })?;
        for (target, direction) in entry {
            let descending = match direction.as_str().map(str::to_ascii_lowercase).as_deref() {
                Some("asc") => false,
                Some("desc") => true,
                _ => {
                    return Err(ApiError::parsing(format!(
                        "Unknown order direction [{direction}] of [{target}]"
                    )));
                }
            };
            let by = match target.as_str() {
                "_key" | "_term" | "_time" => By::Key,
                "_count" => By::Count,
                path => By::Path(Path::parse(path)),
            };
            order.push((by, descending));
        }
    }
    if order.is_empty() {
        order.push(default);
    }
    Ok(order)
}

/// Refuses a path that leads nowhere or to several buckets.
pub fn check(order: &Order, subs: &[Agg]) -> ApiResult<()> {
    for (by, _) in order {
        let By::Path(path) = by else { continue };
        let wrong = |reason: String| {
            ApiError::new(
                500,
                "aggregation_execution_exception",
                format!("Invalid aggregator order path [{}]. {reason}", path.text),
            )
        };
        let mut level = subs;
        let find = |level: &'_ [Agg], name: &str| -> Option<usize> {
            level
                .iter()
                .position(|sub| sub.name == name && !sub.is_pipeline())
        };
        let mut names: Vec<&str> = path.steps.iter().map(|(name, _)| name.as_str()).collect();
        let before = names.len();
        for name in names.clone() {
            let Some(place) = find(level, name) else { break };
            level = &level[place].subs;
        }
        let (last, property) = path.target(|name| find(level, name).is_some());
        names.push(last);
        level = subs;
        for (place, name) in names.into_iter().enumerate() {
            let found = find(level, name).map(|place| &level[place]).ok_or_else(|| {
                wrong(format!("The provided aggregation [{name}] either does not exist, or is a pipeline aggregation and cannot be used to sort the buckets."))
            })?;
            match &found.kind {
                AggKind::Filter(_) | AggKind::Missing(_) | AggKind::Global | AggKind::Sampler(_) => {}
                AggKind::Metric(metric) if place == before => {
                    if matches!(metric.kind, MetricKind::TopHits(_)) {
                        return Err(wrong(format!("[{name}] has no number to sort by.")));
                    }
                    if !metric.is_single() && property.is_none() {
                        return Err(wrong(format!(
                            "When ordering on a multi-value metrics aggregation a metric name must be specified for [{name}]."
                        )));
                    }
                }
                _ => {
                    return Err(wrong(format!(
                        "Buckets can only be sorted on a sub-aggregator path that is built out of zero or more single-bucket aggregations within the path and a final single-bucket or a metrics aggregation at the path end. Sub-path [{name}] points to non single-bucket aggregation"
                    )));
                }
            }
            level = &found.subs;
        }
    }
    Ok(())
}
