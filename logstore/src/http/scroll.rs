//! Scrolls: `_search?scroll=`, `_search/scroll`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::app::App;
use super::params::Params;
use super::reply::Reply;
use super::search::{self, Searching, read_body, timed};
use crate::engine::settings::duration;
use crate::engine::store::Store;
use crate::error::{ApiError, ApiResult};
use crate::present;
use crate::present::search::Envelope;
use crate::query::dsl;
use crate::search::held::Purpose;
use crate::search::request::{Track, bad_time};
use crate::search::{SearchRequest, View};

/// The first page of a scroll.
pub fn start(
    searching: &Searching,
    store: &Store,
    views: Vec<View>,
    mut request: SearchRequest,
    mut envelope: Envelope,
    keep_alive: Duration,
) -> ApiResult<String> {
    let refuse = |reason: &str| Err(ApiError::validation(reason));
    if request.from > 0 {
        return refuse("using [from] is not allowed in a scroll context");
    }
    if request.size == 0 {
        return refuse("[size] cannot be [0] in a scroll context");
    }
    if request.track == Track::Off {
        return refuse("disabling [track_total_hits] is not allowed in a scroll context");
    }
    if request.search_after.is_some() {
        return Err(ApiError::argument(
            "`search_after` cannot be used in a scroll context.",
        ));
    }
    if request.collapse.is_some() {
        return Err(ApiError::argument("cannot use `collapse` in a scroll context"));
    }
    if request.point.is_some() {
        return refuse("using [point in time] is not allowed in a scroll context");
    }
    request.tiebreak = true;
    request.track = Track::Exact;
    searching
        .held
        .check_keep_alive(keep_alive, store.search_limits().max_keep_alive)?;
    // Opened before the search runs: a place that is not there is no work done.
    let purpose = Purpose::Scroll(Arc::new(request.clone()));
    let id = searching.held.open(views.clone(), purpose, keep_alive)?;
    let outcome = match timed(store, &views, &request) {
        Ok(outcome) => outcome,
        Err(error) => {
            searching.held.close(&id, true);
            return Err(error);
        }
    };
    envelope.scroll_id = Some(id.clone());
    let text = present::search::search(searching.presented, &request, &outcome, &envelope)?;
    // Aggregations are of the first page alone.
    request.aggs.clear();
    request.search_after = outcome.last.or(request.search_after);
    searching.held.advance(&id, request);
    Ok(text)
}

/// The next page: `_search/scroll`, with the id in the body, a parameter or the path.
pub async fn next(
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
        let id = ids(path.as_ref(), &params, &body)
            .into_iter()
            .next()
            .ok_or_else(|| ApiError::validation("scrollId is missing"))?;
        let keep_alive = match body.get("scroll").and_then(Value::as_str) {
            Some(text) => Some(duration(text).ok_or_else(|| bad_time("scroll", text))?),
            None => search::time(&params, "scroll")?,
        };
        if let Some(keep_alive) = keep_alive {
            let longest = store.search_limits().max_keep_alive;
            searching.held.check_keep_alive(keep_alive, longest)?;
        }
        let context = searching.held.touch(&id, keep_alive)?;
        let Purpose::Scroll(request) = &context.purpose else {
            return Err(ApiError::argument(format!(
                "Cannot parse scroll id: [{id}] is a point in time"
            )));
        };
        let outcome = timed(store, &context.views, request)?;
        let envelope = Envelope {
            totals_as_int: present::search::totals_as_int(&params),
            scroll_id: Some(id.clone()),
            ..Envelope::default()
        };
        let text = present::search::search(searching.presented, request, &outcome, &envelope)?;
        if outcome.last.is_some() {
            let mut request = SearchRequest::clone(request);
            request.search_after = outcome.last;
            searching.held.advance(&id, request);
        }
        Ok(Reply::raw(200, text))
    })
    .await
}

/// Ends scrolls: one, several or `_all`.
pub async fn clear(
    State(app): State<Arc<App>>,
    path: Option<Path<String>>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    let body = read_body(&app, &params, &headers, body).await?;
    let ids = ids(path.as_ref(), &params, &body);
    if ids.is_empty() {
        return Err(ApiError::validation("no scroll ids specified"));
    }
    let freed = if ids.iter().any(|id| id == "_all") {
        app.held.close_all(true)
    } else {
        let freed = ids.iter().filter(|id| app.held.close(id, true)).count();
        if freed == 0 {
            return Ok(Reply::status(404, &json!({"succeeded": true, "num_freed": 0})));
        }
        freed
    };
    Ok(Reply::json(&json!({"succeeded": true, "num_freed": freed})))
}

fn ids(path: Option<&Path<String>>, params: &Params, body: &Value) -> Vec<String> {
    let split = |text: &str| text.split(',').map(ToOwned::to_owned).collect();
    // The body wins, as in Elasticsearch.
    match (body.get("scroll_id"), params.get("scroll_id"), path) {
        (None, Some(text), _) | (None, None, Some(Path(text))) => split(text),
        (listed, ..) => dsl::list(listed).iter().map(dsl::text).collect(),
    }
}
