//! Documents of hidden indices: the endpoints of `_doc`, `_search` and their kind, over the small document
//! store. The front sends requests here that name hidden indices and nothing else; bulks, multi-gets and
//! multi-searches ask here for their parts.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::app::App;
use super::call::Call;
use super::lookup::source_filter;
use super::params::{Params, index_options, number};
use super::reply::Reply;
use crate::engine::entry::Entry;
use crate::engine::op::Done;
use crate::engine::store::Store;
use crate::engine::update::Update;
use crate::error::{ApiError, ApiResult};
use crate::hidden::search::{Asked, search, select, shown_type};
use crate::hidden::{Document, HiddenIndex, Write};
use crate::mapping::pattern;
use crate::present::{Presented, legacy, write};
use crate::search::source::SourceFilter;
use crate::security::scope;

/// What may stand behind the name of a hidden index to be answered here.
pub const VERBS: &[&str] = &[
    "_doc",
    "_create",
    "_update",
    "_source",
    "_search",
    "_count",
    "_field_caps",
    "_delete_by_query",
    "_update_by_query",
];

/// What a request names.
#[derive(Debug)]
pub struct Target {
    /// An expression of hidden indices.
    pub index: String,
    /// One of [`VERBS`].
    pub verb: String,
    /// The last part of the path.
    pub id: Option<String>,
}

/// Answers a request that names hidden indices.
pub async fn answer(app: Arc<App>, request: Request, target: Target) -> Response {
    let names = vec![
        ("index".to_owned(), target.index),
        ("verb".to_owned(), target.verb),
        ("id".to_owned(), target.id.unwrap_or_default()),
    ];
    match Call::read(app, request, names).await {
        Ok(call) => call.run(work).await.into_response(),
        Err(error) => error.into_response(),
    }
}

fn work(call: &Call) -> ApiResult<Reply> {
    let has_id = !call.name("id").is_empty();
    match (call.name("verb"), &call.method) {
        ("_doc", &Method::GET | &Method::HEAD) if has_id => get(call),
        ("_doc", &Method::PUT | &Method::POST) => {
            put(call, call.params.get("op_type").is_some_and(|op| op == "create"))
        }
        ("_doc", &Method::DELETE) if has_id => delete(call),
        ("_create", &Method::PUT | &Method::POST) if has_id => put(call, true),
        ("_update", &Method::POST) if has_id => update(call),
        ("_source", &Method::GET | &Method::HEAD) if has_id => source(call),
        ("_search", &Method::GET | &Method::POST) => searched(call),
        ("_count", &Method::GET | &Method::POST) => count(call),
        ("_field_caps", &Method::GET | &Method::POST) => field_caps(call),
        ("_delete_by_query", &Method::POST) => by_query(call, true),
        ("_update_by_query", &Method::POST) => by_query(call, false),
        (verb, method) => Err(ApiError::new(
            405,
            "method_not_allowed_exception",
            format!(
                "Incorrect HTTP method for uri [/{}/{verb}] and method [{method}]",
                call.name("index")
            ),
        )),
    }
}

/// The document type that the store keeps for one that a client names.
fn kept_type(presented: Presented, named: Option<&str>) -> String {
    match named {
        Some(name)
            if presented.has_types() && name != legacy::DOC_TYPE_5 && name != "_doc" && name != "_all" =>
        {
            name.to_owned()
        }
        _ => String::new(),
    }
}

fn doc_type(call: &Call) -> String {
    kept_type(call.app.presented, call.doc_type.as_deref())
}

/// The one index that a request for a document names.
fn one(call: &Call) -> ApiResult<Arc<HiddenIndex>> {
    target(call.store(), call.name("index")).ok_or_else(|| ApiError::index_not_found(call.name("index")))
}

/// The hidden index of a name or alias.
pub fn target(store: &Store, name: &str) -> Option<Arc<HiddenIndex>> {
    if !scope::sees(name) {
        return None;
    }
    if let Some(index) = store.hidden.get(name) {
        return Some(index);
    }
    match store.state().aliases.write_index(name)? {
        Ok(index) => store.hidden.get(index),
        Err(_) => None,
    }
}

fn to_write(call: &Call) -> ApiResult<Arc<HiddenIndex>> {
    match call.store().write_entry(call.name("index"), None)? {
        Entry::Hidden(index) => Ok(index),
        Entry::Log(index) => Err(ApiError::internal(format!("[{}] is no hidden index", index.name))),
    }
}

fn if_seq_no(call: &Call) -> ApiResult<Option<u64>> {
    number(&call.params, "if_seq_no")
}

fn refreshed(call: &Call) -> bool {
    call.params
        .get("refresh")
        .is_some_and(|value| value != "false" && value != "wait_for")
}

/// Makes one write, and answers with what came of it.
fn written(call: &Call, index: &HiddenIndex, write: Write) -> ApiResult<Reply> {
    let kept = write.doc_type.clone();
    let outcome = call
        .store()
        .hidden
        .apply(index, vec![write])?
        .pop()
        .ok_or_else(|| ApiError::internal("a write came to nothing"))??;
    let text = write::outcome_of(call.app.presented, &index.name, &kept, &outcome, refreshed(call));
    Ok(Reply::raw(outcome.done.status(), text))
}

fn put(call: &Call, create: bool) -> ApiResult<Reply> {
    let index = to_write(call)?;
    let write = Write {
        doc_type: doc_type(call),
        id: Some(call.name("id").to_owned()).filter(|id| !id.is_empty()),
        source: Some(call.required_body()?.clone()),
        create,
        if_seq_no: if_seq_no(call)?,
    };
    written(call, &index, write)
}

fn delete(call: &Call) -> ApiResult<Reply> {
    let index = one(call)?;
    let write = Write {
        doc_type: doc_type(call),
        id: Some(call.name("id").to_owned()),
        source: None,
        create: false,
        if_seq_no: if_seq_no(call)?,
    };
    written(call, &index, write)
}

fn update(call: &Call) -> ApiResult<Reply> {
    let index = to_write(call)?;
    let kept = doc_type(call);
    let update = Update {
        if_seq_no: if_seq_no(call)?,
        ..Update::parse(call.required_body()?)?
    };
    let (outcome, source) = call
        .store()
        .hidden
        .update(&index, &kept, call.name("id"), &update)?;
    let mut text = write::outcome_of(call.app.presented, &index.name, &kept, &outcome, refreshed(call));
    let wants_source = call.body.get("_source").is_some()
        || ["_source", "_source_includes", "_source_excludes", "fields"]
            .iter()
            .any(|name| call.params.contains_key(*name));
    if wants_source {
        let filter = match call.body.get("_source") {
            Some(spec) => SourceFilter::parse(spec)?,
            None => source_filter(&call.params),
        };
        let shown = json!({"_seq_no": outcome.seq_no, "_primary_term": 1, "found": true, "_source": filter.apply(&source)});
        text.pop();
        text = format!("{text},\"get\":{shown}}}");
    }
    let status = if outcome.done == Done::Created { 201 } else { 200 };
    Ok(Reply::raw(status, text))
}

/// A document as `GET _doc` and `_mget` show it.
pub fn shown(
    presented: Presented,
    index: &HiddenIndex,
    named_type: Option<&str>,
    id: &str,
    filter: &SourceFilter,
) -> (bool, Value) {
    let kept = kept_type(presented, named_type);
    let found = index.get(&kept, id);
    let mut out = Map::new();
    out.insert("_index".into(), index.name.as_str().into());
    if let Some(default) = presented.doc_type() {
        let own = found
            .as_ref()
            .map_or(kept.as_str(), |document| document.doc_type.as_str());
        out.insert("_type".into(), shown_type(default, own).into());
    }
    out.insert("_id".into(), id.into());
    if let Some(document) = &found {
        out.insert("_version".into(), document.version.into());
        out.insert("_seq_no".into(), document.seq_no.into());
        out.insert("_primary_term".into(), 1.into());
    }
    out.insert("found".into(), found.is_some().into());
    if let Some(document) = &found
        && *filter != SourceFilter::Nothing
    {
        out.insert("_source".into(), filter.apply(&document.source));
    }
    (found.is_some(), out.into())
}

fn get(call: &Call) -> ApiResult<Reply> {
    let index = one(call)?;
    let (found, body) = shown(
        call.app.presented,
        &index,
        call.doc_type.as_deref(),
        call.name("id"),
        &source_filter(&call.params),
    );
    Ok(Reply::status(if found { 200 } else { 404 }, &body))
}

fn source(call: &Call) -> ApiResult<Reply> {
    let index = one(call)?;
    let document = index.get(&doc_type(call), call.name("id")).ok_or_else(|| {
        ApiError::new(
            404,
            "resource_not_found_exception",
            format!("Document not found [{}]/[_doc]/[{}]", index.name, call.name("id")),
        )
    })?;
    Ok(Reply::json(&source_filter(&call.params).apply(&document.source)))
}

/// The hidden indices of an expression.
fn indices(store: &Store, expression: &str, params: &Params) -> ApiResult<Vec<Arc<HiddenIndex>>> {
    let entries = store.resolve_all(expression, index_options(params))?;
    Ok(entries
        .into_iter()
        .filter_map(|entry| match entry {
            Entry::Hidden(index) => Some(index),
            Entry::Log(_) => None,
        })
        .collect())
}

fn asked(presented: Presented, params: &Params, named_type: Option<&str>) -> ApiResult<Asked> {
    let query = super::search::url_query(params)?;
    let types = match named_type {
        Some(names) if presented.has_types() && names != "_all" => {
            names.split(',').map(ToOwned::to_owned).collect()
        }
        _ => Vec::new(),
    };
    let filter = source_filter(params);
    Ok(Asked {
        types,
        query,
        total_as_int: presented.total_is_number() || crate::present::search::totals_as_int(params),
        source: (filter != SourceFilter::All).then_some(filter),
        default_type: presented.doc_type(),
    })
}

/// A body with what the parameters say over it.
fn body_over(body: &Value, params: &Params) -> ApiResult<Value> {
    let mut body = if body.is_null() { json!({}) } else { body.clone() };
    if !body.is_object() {
        return Err(ApiError::parsing(
            "Expected [START_OBJECT] but found another token",
        ));
    }
    for key in ["size", "from"] {
        if let Some(value) = number::<u64>(params, key)? {
            body[key] = value.into();
        }
    }
    if let Some(keys) = params.get("sort") {
        body["sort"] = keys.split(',').map(Value::from).collect();
    }
    for key in ["version", "seq_no_primary_term"] {
        if params.get(key).is_some_and(|value| value != "false") {
            body[key] = true.into();
        }
    }
    if params
        .get("track_total_hits")
        .is_some_and(|value| value == "false")
    {
        body["track_total_hits"] = false.into();
    }
    Ok(body)
}

/// Searches the hidden indices of an expression.
pub fn search_in(
    store: &Store,
    presented: Presented,
    expression: &str,
    params: &Params,
    named_type: Option<&str>,
    body: &Value,
) -> ApiResult<Value> {
    let found = indices(store, expression, params)?;
    search(
        &found,
        &body_over(body, params)?,
        &asked(presented, params, named_type)?,
        &store.limits,
    )
}

fn searched(call: &Call) -> ApiResult<Reply> {
    search_in(
        call.store(),
        call.app.presented,
        call.name("index"),
        &call.params,
        call.doc_type.as_deref(),
        &call.body,
    )
    .map(|answer| Reply::json(&answer))
}

fn matching(call: &Call) -> ApiResult<Vec<(Arc<HiddenIndex>, Arc<Document>)>> {
    let found = indices(call.store(), call.name("index"), &call.params)?;
    let asked = asked(call.app.presented, &call.params, call.doc_type.as_deref())?;
    select(&found, call.body.get("query"), &asked)
}

fn count(call: &Call) -> ApiResult<Reply> {
    let shards = indices(call.store(), call.name("index"), &call.params)?.len();
    Ok(Reply::json(
        &json!({"count": matching(call)?.len(), "_shards": crate::present::search::shards(shards)}),
    ))
}

fn field_caps(call: &Call) -> ApiResult<Reply> {
    let found = indices(call.store(), call.name("index"), &call.params)?;
    let listed = crate::query::dsl::list(call.body.get("fields"));
    let patterns: Vec<String> = match call.params.get("fields") {
        Some(names) => names.split(',').map(ToOwned::to_owned).collect(),
        None => listed.iter().map(crate::query::dsl::text).collect(),
    };
    if patterns.is_empty() {
        return Err(ApiError::validation("no fields specified"));
    }
    let mut fields = Map::new();
    for index in &found {
        let contents = index.read();
        for (doc_type, _) in contents.meta.mappings.types() {
            for (path, type_name) in contents.meta.mappings.leaves(doc_type) {
                if patterns.iter().any(|wanted| pattern::matches(wanted, &path)) {
                    let exact = type_name != "text" && type_name != "object" && type_name != "nested";
                    let caps = json!({"type": type_name, "metadata_field": false, "searchable": true, "aggregatable": exact});
                    let of_field = fields.entry(path).or_insert_with(|| json!({}));
                    of_field[type_name.as_str()] = caps;
                }
            }
        }
    }
    let names: Vec<&str> = found.iter().map(|index| index.name.as_str()).collect();
    Ok(Reply::json(&json!({"indices": names, "fields": fields})))
}

/// `_delete_by_query`, and `_update_by_query` without a script, which writes each document anew.
fn by_query(call: &Call, deletes: bool) -> ApiResult<Reply> {
    let started = std::time::Instant::now();
    if !deletes && call.body.get("script").is_some() {
        return Err(ApiError::argument(
            "[script] in an update by query is not supported by this store",
        ));
    }
    let found = matching(call)?;
    let total = found.len();
    for (index, document) in found {
        let write = Write {
            doc_type: document.doc_type.clone(),
            id: Some(document.id.clone()),
            source: (!deletes).then(|| document.source.clone()),
            create: false,
            if_seq_no: Some(document.seq_no),
        };
        call.store()
            .hidden
            .apply(&index, vec![write])?
            .into_iter()
            .try_for_each(|outcome| outcome.map(|_| ()))?;
    }
    let (deleted, updated) = if deletes { (total, 0) } else { (0, total) };
    Ok(Reply::json(&super::by_query::summary(
        started,
        total,
        deleted,
        updated,
        0,
        Vec::new(),
    )))
}
