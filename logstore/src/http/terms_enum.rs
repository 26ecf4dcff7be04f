//! `_terms_enum`: the terms of a field that start with a text, for search bars.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::app::App;
use super::params::{Params, index_options};
use super::reply::Reply;
use super::search::read_body;
use crate::engine::schema;
use crate::engine::settings::duration;
use crate::error::{ApiError, ApiResult};
use crate::present;
use crate::query::dsl;
use crate::query::terms;
use crate::search::{View, views};

/// How long it looks unless told otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);

/// Most terms of an answer.
const MAX_SIZE: usize = 10_000;

/// What is looked for.
struct Wanted {
    field: String,
    text: String,
    ignore_case: bool,
    after: Option<String>,
    size: usize,
    until: Instant,
}

/// `{index}/_terms_enum`.
pub async fn terms_enum(
    State(app): State<Arc<App>>,
    Path(index): Path<String>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    let body = read_body(&app, &params, &headers, body).await?;
    let _permit = app.search_permit().await?;
    app.blocking(move |store| {
        let text = |name: &str| body.get(name).map(dsl::text);
        let timeout = text("timeout")
            .and_then(|text| duration(&text))
            .unwrap_or(DEFAULT_TIMEOUT);
        let wanted = Wanted {
            field: text("field").ok_or_else(|| ApiError::validation("field cannot be null"))?,
            text: text("string").unwrap_or_default(),
            ignore_case: body.get("case_insensitive") == Some(&Value::Bool(true)),
            after: text("search_after"),
            size: body
                .get("size")
                .and_then(Value::as_u64)
                .map_or(10, |size| usize::try_from(size).unwrap_or(MAX_SIZE))
                .min(MAX_SIZE),
            until: Instant::now() + timeout,
        };
        store.refuse_filtered(&index, "_terms_enum")?;
        let seen = views(&store.resolve(&index, index_options(&params))?);
        let (mut found, mut complete) = (BTreeSet::new(), true);
        for view in &seen {
            complete &= collect(view, &wanted, &mut found)?;
        }
        let terms: Vec<String> = found.into_iter().take(wanted.size).collect();
        Ok(Reply::json(&json!({
            "_shards": present::search::shards(seen.len()),
            "terms": terms,
            "complete": complete,
        })))
    })
    .await
}

/// Adds the first terms of each segment, and says whether the time sufficed.
fn collect(view: &View, wanted: &Wanted, found: &mut BTreeSet<String>) -> ApiResult<bool> {
    let Some(field) = view
        .1
        .get(&wanted.field)
        .filter(|field| field.kind.is_exact_string())
    else {
        return Ok(true);
    };
    let family = schema::fields().keyword;
    let whole = terms::string(family, &field.path, "")
        .serialized_value_bytes()
        .to_vec();
    // Without regard to case any letter may come first, so that all terms of the field are looked at.
    let start = if wanted.ignore_case { "" } else { &wanted.text };
    let from = terms::string(family, &field.path, start)
        .serialized_value_bytes()
        .to_vec();
    let folded = wanted.text.to_lowercase();
    for segment in view.2.segment_readers() {
        let index = segment.inverted_index(family)?;
        let mut range = index.terms().range().ge(&from);
        if let std::ops::Bound::Excluded(end) = terms::end_of_prefix(&from) {
            range = range.lt(end);
        }
        let mut stream = range.into_stream()?;
        let (mut taken, mut looked_at) = (0, 0_usize);
        while taken < wanted.size && stream.advance() {
            looked_at += 1;
            if looked_at.is_multiple_of(1_024) && Instant::now() >= wanted.until {
                return Ok(false);
            }
            let Some(term) = stream
                .key()
                .get(whole.len()..)
                .and_then(|term| std::str::from_utf8(term).ok())
            else {
                continue;
            };
            let fits = !wanted.ignore_case || term.to_lowercase().starts_with(&folded);
            if fits && wanted.after.as_deref().is_none_or(|after| term > after) {
                found.insert(term.to_owned());
                taken += 1;
            }
        }
    }
    Ok(true)
}
