//! `_analyze`: the tokens that an analyzer makes of a text.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::app::App;
use super::params::Params;
use super::reply::Reply;
use super::search::read_body;
use crate::analysis::{Analysis, Analyzer};
use crate::error::{ApiError, ApiResult};
use crate::mapping::Kind;
use crate::query::{analyzer, dsl};

/// Most tokens of an answer (`index.analyze.max_token_count`).
const MAX_TOKENS: usize = 10_000;

/// `_analyze`, with or without an index.
pub async fn analyze(
    State(app): State<Arc<App>>,
    path: Option<Path<String>>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Reply> {
    let body = read_body(&app, &params, &headers, body).await?;
    app.blocking(move |store| {
        let get = |name: &str| match body.get(name) {
            Some(value) => Some(dsl::text(value)),
            None => params.get(name).cloned(),
        };
        let texts: Vec<String> = match body.get("text") {
            Some(listed) => dsl::list(Some(listed)).iter().map(dsl::text).collect(),
            None => params.get("text").cloned().into_iter().collect(),
        };
        if texts.is_empty() {
            return Err(ApiError::validation("text is missing"));
        }
        for custom in ["tokenizer", "filter", "char_filter", "normalizer"] {
            if body
                .get(custom)
                .is_some_and(|value| value.as_array().is_none_or(|list| !list.is_empty()))
            {
                return custom_analysis(&body, &texts, custom);
            }
        }
        let most = match &path {
            Some(Path(index)) => store
                .get(index)
                .and_then(|index| index.setting("index.analyze.max_token_count"))
                .and_then(|text| text.parse().ok())
                .unwrap_or(MAX_TOKENS),
            None => MAX_TOKENS,
        };
        let explains =
            body.get("explain") == Some(&Value::Bool(true)) || super::params::flag(&params, "explain");
        let mut name = get("analyzer").unwrap_or_else(|| "standard".to_owned());
        let mut own = None;
        if let Some(Path(index)) = &path {
            let index = store.get(index).ok_or_else(|| ApiError::index_not_found(index))?;
            let mapping = index.mapping();
            match get("field").and_then(|field| mapping.get(&field).cloned()) {
                Some(field) if field.kind == Kind::Text => own.clone_from(&field.analyzer),
                Some(_) => "keyword".clone_into(&mut name),
                None => own = mapping.analysis.analyzer(&name),
            }
        }
        let tokens = match &own {
            Some(analyzer) => tokens(&texts, analyzer, &name, most)?,
            None => tokens(&texts, &*analyzer::named(&name)?, &name, most)?,
        };
        Ok(Reply::json(&if explains {
            json!({"detail": {"custom_analyzer": false, "analyzer": {"name": name, "tokens": tokens}}})
        } else {
            json!({ "tokens": tokens })
        }))
    })
    .await
}

/// A tokenizer and filters that the request names; parts that it describes are not known here.
fn custom_analysis(body: &Value, texts: &[String], what: &str) -> ApiResult<Reply> {
    let unsupported = || ApiError::unsupported(format!("_analyze with a {what} of its own"));
    let named = |key: &str| -> ApiResult<Vec<String>> {
        let parts = dsl::list(body.get(key));
        parts
            .iter()
            .map(|part| part.as_str().map(ToOwned::to_owned).ok_or_else(unsupported))
            .collect()
    };
    let [tokenizer] = &named("tokenizer")?[..] else {
        return Err(unsupported());
    };
    let filters = dsl::list(body.get("filter"));
    let char_filters = named("char_filter")?;
    let char_filters: Vec<&str> = char_filters.iter().map(String::as_str).collect();
    let all = Analysis::ad_hoc(tokenizer, filters, &char_filters)?;
    let found = tokens(texts, &all, tokenizer, MAX_TOKENS)?;
    if body.get("explain") != Some(&Value::Bool(true)) {
        return Ok(Reply::json(&json!({ "tokens": found })));
    }
    // What each part makes of what the one before it made.
    let split = Analysis::ad_hoc(tokenizer, &[], &char_filters)?;
    let mut steps = Vec::new();
    for (place, filter) in filters.iter().enumerate() {
        let upto = Analysis::ad_hoc(tokenizer, &filters[..=place], &char_filters)?;
        let name = match filter {
            Value::String(name) => name.clone(),
            _ => format!(
                "__anonymous__{}",
                filter.get("type").map_or_else(String::new, dsl::text)
            ),
        };
        steps.push(json!({"name": name, "tokens": tokens(texts, &upto, tokenizer, MAX_TOKENS)?}));
    }
    Ok(Reply::json(&json!({"detail": {
        "custom_analyzer": true,
        "charfilters": [],
        "tokenizer": {"name": tokenizer, "tokens": tokens(texts, &split, tokenizer, MAX_TOKENS)?},
        "tokenfilters": steps,
    }})))
}

/// The tokens of texts, at most so many; `name` is of the analyzer or of its tokenizer, and says what kind of tokens
/// it makes.
fn tokens(texts: &[String], analyzer: &Analyzer, name: &str, most: usize) -> ApiResult<Vec<Value>> {
    let mut tokens = Vec::new();
    let (mut places, mut offset) = (0, 0);
    for text in texts {
        let found = analyzer.tokens(text);
        if tokens.len() + found.len() > most {
            return Err(ApiError::argument(format!(
                "The number of tokens produced by calling _analyze has exceeded the allowed maximum of [{most}]. This limit can be set by changing the [index.analyze.max_token_count] index level setting."
            )));
        }
        let mut last = 0;
        for token in found {
            let chars = |at: usize| text.get(..at).map_or(0, |start| start.encode_utf16().count());
            let kind = if matches!(name, "keyword" | "whitespace" | "simple" | "letter" | "lowercase") {
                "word"
            } else if token
                .text
                .chars()
                .all(|c| c.is_numeric() || matches!(c, '.' | ','))
            {
                "<NUM>"
            } else {
                "<ALPHANUM>"
            };
            last = token.position;
            tokens.push(json!({
                "token": token.text,
                "start_offset": offset + chars(token.start),
                "end_offset": offset + chars(token.end),
                "type": kind,
                "position": places + token.position,
            }));
        }
        places += last + 1;
        offset += text.encode_utf16().count() + 1;
    }
    Ok(tokens)
}
