//! Reads the hits: what was found becomes what is shown, whatever version it is shown as.

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};
use tantivy::query::{EnableScoring, Query as Lowered, Scorer as _};
use tantivy::{DocAddress, DocSet as _, TERMINATED};

use super::execute::Outcome;
use super::fetch;
use super::highlight::highlight;
use super::request::SearchRequest;
use super::source::SourceFilter;
use super::view::View;
use crate::date::Millis;
use crate::engine::existing;
use crate::error::{ApiError, ApiResult};
use crate::query::Lowering;

/// One hit.
#[derive(Debug)]
pub struct Hit {
    /// The name of its index.
    pub index: String,
    /// `_id`; `None` where `stored_fields: _none_` asks for nothing at all.
    pub id: Option<String>,
    /// What of `_source` is shown.
    pub source: Option<Box<RawValue>>,
    /// `_version`.
    pub version: u64,
    /// `_seq_no`.
    pub seq_no: u64,
    /// `_score`.
    pub score: Option<f32>,
    /// `sort`, ready to be written; empty when the order is the default one.
    pub sort: Vec<Value>,
    /// `fields` and `docvalue_fields`.
    pub fields: Map<String, Value>,
    /// Marked parts of the text.
    pub highlight: Map<String, Value>,
    /// How the score came about.
    pub explanation: Option<Value>,
    /// The names of the queries that it matches, with their scores where those were asked for.
    pub matched: Vec<(String, Option<f32>)>,
    /// The fields whose value did not fit and was left out.
    pub ignored: Vec<String>,
    /// More hits of the same group.
    pub inner: Vec<(String, Outcome)>,
}

/// The column of the names of fields whose value was left out.
const IGNORED_COLUMN: &str = "keyword._ignored";

/// Characters of a text that are analysed to highlight it, unless a setting of its index says otherwise.
const MAX_ANALYZED: usize = 1_000_000;

/// Reads hits of one view.
pub struct Reading<'a> {
    view: &'a View,
    request: &'a SearchRequest,
    /// What of `_source` is shown.
    source: SourceFilter,
    /// The queries with a name.
    named: Vec<(String, Box<dyn Lowered>)>,
    /// The whole query, for explanations.
    whole: Option<Box<dyn Lowered>>,
}

// === impl Reading ===

impl<'a> Reading<'a> {
    /// Prepares what hits of a view are asked for.
    pub fn new(view: &'a View, request: &'a SearchRequest, now: Millis) -> ApiResult<Self> {
        let lowering = Lowering::new(&view.0.name, &view.1, now);
        let mut queries = Vec::new();
        request
            .query
            .each_named(&mut |name, query| queries.push((name.to_owned(), query.clone())));
        if let Some(filter) = &request.post_filter {
            filter.each_named(&mut |name, query| queries.push((name.to_owned(), query.clone())));
        }
        let named = queries
            .into_iter()
            .map(|(name, query)| Ok((name, lowering.lower(&query)?)))
            .collect::<ApiResult<_>>()?;
        let whole = if request.explain {
            Some(lowering.lower(&request.query)?)
        } else {
            None
        };
        Ok(Self {
            view,
            request,
            source: request.source.within(&view.1),
            named,
            whole,
        })
    }

    /// Reads one hit.
    pub fn read(&self, address: DocAddress, score: Option<f32>, sort: Vec<Value>) -> ApiResult<Hit> {
        let (index, mapping, searcher) = self.view;
        let request = self.request;
        let (id, bytes) = existing::stored(searcher, address)?;
        let (seq_no, version) = existing::numbers(searcher, address)?;
        let unreadable = |error: serde_json::Error| {
            ApiError::internal(format!("stored document [{id}] cannot be read: {error}"))
        };
        let looks_inside = !request.fields.is_empty()
            || !request.docvalue_fields.is_empty()
            || request.highlight.is_some()
            || request.stored_fields.is_some()
            || matches!(self.source, SourceFilter::Some { .. });
        if !request.fields.is_empty() && SourceFilter::All.within(mapping) == SourceFilter::Nothing {
            return Err(ApiError::argument(format!(
                "Unable to retrieve the requested [fields] since _source is disabled in the mappings for index [{}]",
                index.name
            )));
        }
        let tree: Value = if looks_inside {
            serde_json::from_slice(&bytes).map_err(unreadable)?
        } else {
            Value::Null
        };
        let source = match &self.source {
            SourceFilter::Nothing => None,
            SourceFilter::All => {
                let raw: &RawValue = serde_json::from_slice(&bytes).map_err(unreadable)?;
                Some(raw.to_owned())
            }
            filter => Some(to_raw_value(&filter.apply(&tree)).map_err(unreadable)?),
        };
        let mut fields =
            fetch::doc_values(&tree, mapping, &request.docvalue_fields, &id, &index.name, seq_no)?;
        fields.extend(fetch::fields(&tree, mapping, &request.fields)?);
        if let Some(names) = &request.stored_fields {
            fields.extend(fetch::stored(&tree, mapping, names));
        }
        let shows_id = request
            .stored_fields
            .as_ref()
            .is_none_or(|names| !names.iter().any(|name| name == "_none_"));
        Ok(Hit {
            index: index.name.clone(),
            source,
            version,
            seq_no,
            score,
            sort,
            fields,
            highlight: match &request.highlight {
                Some(asked) => {
                    let most = index
                        .setting("index.highlight.max_analyzed_offset")
                        .and_then(|text| text.parse().ok());
                    highlight(
                        asked,
                        &request.query,
                        &tree,
                        mapping,
                        most.unwrap_or(MAX_ANALYZED),
                    )
                    .map_err(|reason| {
                        ApiError::argument(format!("{reason} in index [{}], document [{id}]", index.name))
                    })?
                }
                None => Map::new(),
            },
            explanation: match &self.whole {
                Some(query) => Some(explanation(query.as_ref(), self.view, address)?),
                None => None,
            },
            matched: self.matched(address)?,
            ignored: self.ignored(address)?,
            inner: Vec::new(),
            id: shows_id.then_some(id),
        })
    }

    /// The fields whose value did not fit.
    fn ignored(&self, address: DocAddress) -> ApiResult<Vec<String>> {
        let columns = self.view.2.segment_reader(address.segment_ord).fast_fields();
        let Some(column) = columns.str(IGNORED_COLUMN)? else {
            return Ok(Vec::new());
        };
        let mut names = Vec::new();
        for ord in column.term_ords(address.doc_id) {
            let mut name = String::new();
            if column.ord_to_str(ord, &mut name).is_ok_and(|found| found) {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn matched(&self, address: DocAddress) -> ApiResult<Vec<(String, Option<f32>)>> {
        let mut names = Vec::new();
        for (name, query) in &self.named {
            if self.request.named_scores {
                let score = score_of(query.as_ref(), self.view, address)?;
                names.extend(score.map(|score| (name.clone(), Some(score))));
                continue;
            }
            let weight = query.weight(EnableScoring::disabled_from_searcher(&self.view.2))?;
            let segment = self.view.2.segment_reader(address.segment_ord);
            let mut scorer = weight.scorer(segment, 1.0)?;
            let matches = scorer.doc() == address.doc_id
                || scorer.doc() < address.doc_id && scorer.seek(address.doc_id) == address.doc_id;
            if matches {
                names.push((name.clone(), None));
            }
        }
        Ok(names)
    }
}

/// How the score of a document came about, in Elasticsearch's shape.
pub fn explanation(query: &dyn Lowered, view: &View, address: DocAddress) -> ApiResult<Value> {
    let scorer_says = score_of(query, view, address)?;
    let Some(score) = scorer_says else {
        return Ok(json!({"value": 0.0, "description": "no matching term", "details": []}));
    };
    // Not every query of tantivy can explain itself; the number is true in any case.
    Ok(match query.explain(&view.2, address) {
        Ok(tree) => {
            let mut tree = shape(
                &serde_json::from_str(&tree.to_pretty_json()).unwrap_or(Value::Null),
                score,
            );
            tree["value"] = score.into();
            tree
        }
        Err(_) => json!({"value": score, "description": "score of the query", "details": []}),
    })
}

/// The score of one document; `None` when it does not match.
pub fn score_of(query: &dyn Lowered, view: &View, address: DocAddress) -> ApiResult<Option<f32>> {
    let weight = query.weight(EnableScoring::enabled_from_searcher(&view.2))?;
    let mut scorer = weight.scorer(view.2.segment_reader(address.segment_ord), 1.0)?;
    if scorer.doc() != TERMINATED && scorer.doc() < address.doc_id {
        scorer.seek(address.doc_id);
    }
    Ok(if scorer.doc() == address.doc_id {
        Some(scorer.score())
    } else {
        None
    })
}

fn shape(node: &Value, score: f32) -> Value {
    let details: Vec<Value> = node
        .get("details")
        .and_then(Value::as_array)
        .map(|all| all.iter().map(|one| shape(one, 0.0)).collect())
        .unwrap_or_default();
    json!({
        "value": node.get("value").cloned().unwrap_or_else(|| json!(score)),
        "description": node.get("description").cloned().unwrap_or_else(|| json!("score of the query")),
        "details": details,
    })
}
