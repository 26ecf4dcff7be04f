//! `_search` and `_count`: what a request asks, from its body and its parameters, and the answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};
use tracing::warn;

use super::app::App;
use super::body;
use super::lookup::source_filter;
use super::params::{Params, flag, index_options, number};
use super::reply::Reply;
use super::scroll;
use crate::aggs::request::metric::step_percentiles;
use crate::engine::block::Doing;
use crate::engine::resolve::{Options, closed};
use crate::engine::settings::duration;
use crate::engine::store::Store;
use crate::error::{ApiError, ApiResult};
use crate::present::search::Envelope;
use crate::present::{self, Presented};
use crate::query::ast::{Operator, Query as Tree};
use crate::query::query_string::Options as Syntax;
use crate::query::{check, dsl};
use crate::search::held::Held;
use crate::search::request::{AskedField, Track, bad_time};
use crate::search::source::SourceFilter;
use crate::search::{Outcome, SearchRequest, View, execute, sort, views};

/// Longest part of a slow search's body that is logged, in characters.
const LOGGED_BODY: usize = 2_048;

/// What a search needs besides its body.
#[derive(Clone)]
pub struct Searching {
    /// What the listener claims to be.
    pub presented: Presented,
    /// Scrolls and points in time.
    pub held: Arc<Held>,
}

// === impl Searching ===

impl Searching {
    /// The searching part of the application.
    pub fn of(app: &App) -> Self {
        Self {
            presented: app.presented,
            held: Arc::clone(&app.held),
        }
    }

    /// Runs a search over what an expression names, or over a point in time, and writes the answer.
    pub fn run(
        &self,
        store: &Store,
        expression: &str,
        options: Options,
        mut request: SearchRequest,
        mut envelope: Envelope,
    ) -> ApiResult<String> {
        self.ready(store, &mut request, options)?;
        let (seen, point) = self.views(store, expression, options, &mut request)?;
        envelope.pit_id = point;
        let outcome = timed(store, &seen, &request)?;
        present::search::search(self.presented, &request, &outcome, &envelope)
    }

    /// Looks up what a request takes from elsewhere, and settles what depends on the presented version.
    pub fn ready(&self, store: &Store, request: &mut SearchRequest, options: Options) -> ApiResult<()> {
        check::look_up(&mut request.query, store)?;
        if let Some(filter) = &mut request.post_filter {
            check::look_up(filter, store)?;
        }
        check::look_up_below(&mut request.aggs, store)?;
        request.indices_boost = boosted(store, std::mem::take(&mut request.indices_boost), options)?;
        if self.presented == Presented::OpenSearch3 {
            step_percentiles(&mut request.aggs);
        }
        Ok(())
    }

    /// What a search looks at: the present, or the point in time that the request names.
    fn views(
        &self,
        store: &Store,
        expression: &str,
        options: Options,
        request: &mut SearchRequest,
    ) -> ApiResult<(Vec<View>, Option<String>)> {
        let Some(point) = request.point.clone() else {
            return Ok((seen(store, expression, options, &mut request.query)?, None));
        };
        if !expression.is_empty() {
            return Err(ApiError::validation(
                "[indices] cannot be used with point in time. Do not specify any index with point in time.",
            ));
        }
        let context = self.held.touch(&point.id, point.keep_alive)?;
        // With an order of its own, hits of a point in time show what tells them apart.
        request.tiebreak = !request.sort.is_empty() || request.search_after.is_some();
        Ok((context.views.to_vec(), Some(point.id)))
    }
}

/// The factors of indices, with aliases replaced by theirs. A name that there is none of is an error.
fn boosted(store: &Store, asked: Vec<(String, f32)>, options: Options) -> ApiResult<Vec<(String, f32)>> {
    let state = store.state();
    let mut boosts = Vec::with_capacity(asked.len());
    for (name, boost) in asked {
        if let Some(indices) = state.aliases.indices(&name) {
            boosts.extend(indices.keys().map(|index| (index.clone(), boost)));
        } else if name.contains('*') || name == "_all" || store.entry(&name).is_some() {
            boosts.push((name, boost));
        } else if !options.ignore_unavailable {
            return Err(ApiError::index_not_found(&name));
        }
    }
    Ok(boosts)
}

/// What a request sees of an expression: its indices, none of which may be blocked for reading, with the filters
/// of the aliases in it put on the query.
pub fn seen(store: &Store, expression: &str, options: Options, query: &mut Tree) -> ApiResult<Vec<View>> {
    let indices = store.resolve(expression, options)?;
    for index in &indices {
        // A wildcard that asks for closed indices finds what cannot be searched.
        if index.is_closed() {
            return Err(closed(&index.name));
        }
        index.check_block(Doing::Reading)?;
    }
    if let Some(filter) = store.alias_filter(expression)? {
        *query = std::mem::replace(query, Tree::All).and_filter(filter);
    }
    Ok(views(&indices))
}

/// Runs a search, and logs it if it was slow.
pub fn timed(store: &Store, views: &[View], request: &SearchRequest) -> ApiResult<Outcome> {
    let started = Instant::now();
    let outcome = execute(views, request, &store.search_limits());
    let elapsed = started.elapsed();
    metrics::histogram!("logstore_search_seconds").record(elapsed.as_secs_f64());
    for (index, ..) in views {
        index.activity.searched(elapsed, &request.groups);
    }
    if elapsed >= store.limits.slow_search {
        let names: Vec<&str> = views.iter().map(|view| view.0.name.as_str()).take(8).collect();
        let query: String = format!("{:?}", request.query).chars().take(LOGGED_BODY).collect();
        warn!(
            event.action = "slow-search",
            event.duration = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX),
            labels.indices = names.join(","),
            labels.query = query,
            "search was slow"
        );
    }
    outcome
}

/// `_search`, with or without an index.
pub async fn search(
    State(app): State<Arc<App>>,
    path: Option<Path<String>>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    let body = read_body(&app, &params, &headers, body).await?;
    let _permit = app.search_permit().await?;
    let searching = Searching::of(&app);
    app.blocking(move |store| {
        let mut request = parse(&body, &params)?;
        let expression = path.as_ref().map_or("", |Path(index)| index.as_str());
        let envelope = Envelope {
            totals_as_int: present::search::totals_as_int(&params),
            ..Envelope::default()
        };
        let text = match time(&params, "scroll")? {
            Some(keep_alive) => {
                if flag(&params, "request_cache") && request.size > 0 {
                    return Err(ApiError::validation(
                        "[request_cache] cannot be used in a scroll context",
                    ));
                }
                searching.ready(store, &mut request, index_options(&params))?;
                let views = seen(store, expression, index_options(&params), &mut request.query)?;
                scroll::start(&searching, store, views, request, envelope, keep_alive)?
            }
            None => searching.run(store, expression, index_options(&params), request, envelope)?,
        };
        Ok(Reply::raw(200, text))
    })
    .await
}

/// The body of a search, which a `GET` may also carry in its URL.
pub async fn read_body(app: &App, params: &Params, headers: &HeaderMap, body: Body) -> ApiResult<Value> {
    match params.get("source") {
        Some(source) => body::json(source.as_bytes()),
        None => body::read_json(headers, body, app.store.limits.max_content_length).await,
    }
}

/// A search from its body and its parameters.
pub fn parse(body: &Value, params: &Params) -> ApiResult<SearchRequest> {
    let mut request = SearchRequest::parse(body)?;
    from_url(&mut request, params)?;
    if present::search::totals_as_int(params) {
        match request.track {
            Track::UpTo(_) if !asks_to_count(body, params) => request.track = Track::Exact,
            Track::UpTo(limit) => {
                return Err(ApiError::argument(format!(
                    "[rest_total_hits_as_int] cannot be used if the tracking of total hits is not accurate, got {limit}"
                )));
            }
            _ => {}
        }
    }
    Ok(request)
}

fn asks_to_count(body: &Value, params: &Params) -> bool {
    body.get("track_total_hits").is_some() || params.contains_key("track_total_hits")
}

/// A time in a parameter, if it is there.
pub fn time(params: &Params, name: &str) -> ApiResult<Option<Duration>> {
    match params.get(name) {
        None => Ok(None),
        Some(text) => duration(text).map(Some).ok_or_else(|| bad_time(name, text)),
    }
}

/// What the parameters of the URL say, which win over the body.
fn from_url(request: &mut SearchRequest, params: &Params) -> ApiResult<()> {
    if let Some(query) = url_query(params)? {
        request.query = query;
    }
    for (name, target) in [("size", &mut request.size), ("from", &mut request.from)] {
        if let Some(given) = number::<i64>(params, name)? {
            *target = usize::try_from(given).map_err(|_| {
                ApiError::argument(format!("[{name}] parameter cannot be negative, found [{given}]"))
            })?;
        }
    }
    for (name, least, said) in [
        ("batched_reduce_size", 2, "batchedReduceSize must be >= 2"),
        ("pre_filter_shard_size", 1, "preFilterShardSize must be >= 1"),
    ] {
        if number::<i64>(params, name)?.is_some_and(|given| given < least) {
            return Err(ApiError::argument(said));
        }
    }
    if let Some(kind) = params.get("search_type")
        && !matches!(kind.as_str(), "query_then_fetch" | "dfs_query_then_fetch" | "")
    {
        return Err(ApiError::argument(format!("No search type for [{kind}]")));
    }
    if let Some(text) = params.get("sort") {
        let keys: Vec<Value> = text.split(',').map(Value::from).collect();
        request.sort = sort::parse(&keys.into())?;
    }
    match params.get("track_total_hits").map(String::as_str) {
        None => {}
        Some("true" | "") => request.track = Track::Exact,
        Some("false") => request.track = Track::Off,
        Some("-1") => request.track = Track::Exact,
        Some(text) if text.starts_with('-') => {
            return Err(ApiError::argument(format!(
                "[track_total_hits] parameter must be positive or equals to -1, got {text}"
            )));
        }
        Some(_) => request.track = Track::UpTo(number(params, "track_total_hits")?.unwrap_or(10_000)),
    }
    let names = |name: &str| -> Option<Vec<String>> {
        let text = params.get(name)?;
        Some(
            text.split(',')
                .filter(|name| !name.is_empty())
                .map(ToOwned::to_owned)
                .collect(),
        )
    };
    if let Some(names) = names("stored_fields") {
        if !names.iter().any(|name| name == "_source") {
            request.source = SourceFilter::Nothing;
        }
        request.stored_fields = Some(names);
    }
    let filter = source_filter(params);
    if filter != SourceFilter::All || params.get("_source").is_some_and(|value| value != "false") {
        request.source = filter;
    }
    if let Some(names) = names("docvalue_fields") {
        request.docvalue_fields = names
            .into_iter()
            .map(|name| AskedField { name, format: None })
            .collect();
    }
    if let Some(count) = number(params, "terminate_after")? {
        request.terminate_after = Some(count).filter(|count| *count > 0);
    }
    if params.contains_key("timeout") {
        request.timeout = time(params, "timeout")?;
    }
    for (name, target) in [
        ("version", &mut request.version),
        ("seq_no_primary_term", &mut request.seq_no),
        ("explain", &mut request.explain),
        ("track_scores", &mut request.track_scores),
        ("typed_keys", &mut request.typed_keys),
        ("include_named_queries_score", &mut request.named_scores),
    ] {
        if params.contains_key(name) {
            *target = flag(params, name);
        }
    }
    for unsupported in ["suggest_field", "suggest_text"] {
        if params.contains_key(unsupported) {
            return Err(ApiError::unsupported(unsupported));
        }
    }
    Ok(())
}

/// `q=`, in Lucene's syntax.
pub fn url_query(params: &Params) -> ApiResult<Option<Tree>> {
    let Some(text) = params.get("q") else {
        return Ok(None);
    };
    Syntax {
        fields: vec![(params.get("df").map_or("*", String::as_str).to_owned(), 1.0)],
        operator: match params.get("default_operator") {
            Some(operator) if operator.eq_ignore_ascii_case("and") => Operator::And,
            _ => Operator::Or,
        },
        lenient: flag(params, "lenient"),
        analyzer: params.get("analyzer").cloned(),
        ..Syntax::default()
    }
    .parse(text)
    .map(Some)
}

/// The query of a body whose only key is `query`, or of `q=`.
pub fn lone_query(body: &Value, params: &Params) -> ApiResult<Tree> {
    if let Some(query) = url_query(params)? {
        return Ok(query);
    }
    let mut query = Tree::All;
    for (key, value) in body.as_object().into_iter().flatten() {
        match key.as_str() {
            "query" if value.is_null() => {}
            "query" => query = dsl::parse(value)?,
            other => return Err(ApiError::parsing(format!("request does not support [{other}]"))),
        }
    }
    Ok(query)
}

/// `_count`, with or without an index.
pub async fn count(
    State(app): State<Arc<App>>,
    path: Option<Path<String>>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    let body = read_body(&app, &params, &headers, body).await?;
    let _permit = app.search_permit().await?;
    app.blocking(move |store| {
        let mut query = lone_query(&body, &params)?;
        check::look_up(&mut query, store)?;
        check::check(&query, &store.search_limits())?;
        let expression = path.as_ref().map_or("", |Path(index)| index.as_str());
        let views = seen(store, expression, index_options(&params), &mut query)?;
        let terminate_after = number(&params, "terminate_after")?.filter(|count| *count > 0);
        let (count, terminated) =
            execute::count_in(&views, &query, number(&params, "min_score")?, terminate_after)?;
        let mut answer = json!({"count": count});
        if terminate_after.is_some() {
            answer["terminated_early"] = terminated.into();
        }
        answer["_shards"] = present::search::shards(views.len());
        Ok(Reply::json(&answer))
    })
    .await
}
