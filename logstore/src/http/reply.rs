//! Answers: what handlers return, and what is added to every answer on its way out.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::params::{Params, flag};
use crate::error::ApiError;
use crate::mapping::pattern;
use crate::present::{self, Presented};

/// By this header clients of 7.14 and later know what they talk to.
const PRODUCT: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-elastic-product"),
    HeaderValue::from_static("Elasticsearch"),
);

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=UTF-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=UTF-8");

/// An answer.
#[derive(Debug)]
pub struct Reply {
    status: u16,
    content_type: HeaderValue,
    body: String,
}

// === impl Reply ===

impl Reply {
    /// 200 with JSON.
    pub fn json(value: &Value) -> Self {
        Self::raw(200, value.to_string())
    }

    /// A status with JSON.
    pub fn status(status: u16, value: &Value) -> Self {
        Self::raw(status, value.to_string())
    }

    /// A status with JSON that is text already.
    pub fn raw(status: u16, body: String) -> Self {
        Self {
            status,
            content_type: JSON,
            body,
        }
    }

    /// 200 with plain text.
    pub fn text(body: String) -> Self {
        Self {
            status: 200,
            content_type: TEXT,
            body,
        }
    }

    /// `{"acknowledged": true}`.
    pub fn acknowledged() -> Self {
        Self::raw(200, r#"{"acknowledged":true}"#.to_owned())
    }

    /// A status without a body, as `HEAD` answers.
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            content_type: JSON,
            body: String::new(),
        }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(header::CONTENT_TYPE, self.content_type)], self.body).into_response()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if self.status >= 500 {
            tracing::warn!(error = %self, "request failed");
        }
        Reply::status(self.status, &present::error::body(&self)).into_response()
    }
}

/// Adds the headers of the presented version, and shapes JSON by `filter_path`, `pretty` and `format`.
pub async fn finish(
    mut response: Response,
    params: &Params,
    presented: Presented,
    accept: Option<&HeaderValue>,
) -> Response {
    let yaml = params.get("format").is_some_and(|format| format == "yaml")
        || accept.is_some_and(|accept| accept.as_bytes().starts_with(b"application/yaml"));
    let reshape = params.contains_key("filter_path") || flag(params, "pretty") || yaml;
    let is_json = response.headers().get(header::CONTENT_TYPE) == Some(&JSON);
    if reshape && is_json {
        response = shaped(response, params, yaml).await;
    }
    // A client that speaks a vendor type gets its answer in it.
    if is_json
        && !yaml
        && let Some(version) = presented.compatible_with()
        && accept.is_some_and(|accept| accept.as_bytes().starts_with(b"application/vnd.elasticsearch+"))
        && let Ok(kind) = HeaderValue::try_from(format!(
            "application/vnd.elasticsearch+json;compatible-with={version}"
        ))
    {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    if presented.has_product_header() {
        response.headers_mut().insert(PRODUCT.0, PRODUCT.1);
    }
    response
}

async fn shaped(response: Response, params: &Params, yaml: bool) -> Response {
    let (mut parts, body) = response.into_parts();
    // Bodies here are whole strings in memory already.
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        return ApiError::internal("the answer could not be read back").into_response();
    };
    let Ok(mut value) = serde_json::from_slice::<Value>(&bytes) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    if let Some(paths) = params.get("filter_path") {
        let paths: Vec<&str> = paths.split(',').filter(|path| !path.is_empty()).collect();
        let (excludes, includes): (Vec<&str>, Vec<&str>) =
            paths.into_iter().partition(|path| path.starts_with('-'));
        if !includes.is_empty() {
            let includes: Vec<Vec<&str>> = includes.iter().map(|path| path.split('.').collect()).collect();
            value = keep(&value, &includes.iter().map(Vec::as_slice).collect::<Vec<_>>())
                .unwrap_or_else(|| Value::Object(Map::new()));
        }
        for path in excludes {
            drop_path(&mut value, &path[1..].split('.').collect::<Vec<_>>());
        }
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    if yaml {
        parts
            .headers
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/yaml"));
        return Response::from_parts(parts, Body::from(super::yaml::write(&value)));
    }
    let text = if flag(params, "pretty") {
        serde_json::to_string_pretty(&value).map(|text| text + "\n")
    } else {
        serde_json::to_string(&value)
    };
    Response::from_parts(parts, Body::from(text.unwrap_or_default()))
}

/// The parts of a value on any of the paths, whose steps may be wildcards and `**`.
fn keep(value: &Value, paths: &[&[&str]]) -> Option<Value> {
    if paths.iter().any(|path| path.is_empty()) {
        return Some(value.clone());
    }
    match value {
        Value::Object(map) => {
            let mut kept = Map::new();
            for (key, child) in map {
                let mut rest: Vec<&[&str]> = Vec::new();
                for path in paths {
                    match path.split_first() {
                        Some((&"**", tail)) => {
                            rest.push(path);
                            if let Some((step, tail)) = tail.split_first()
                                && pattern::matches(step, key)
                            {
                                rest.push(tail);
                            }
                        }
                        Some((step, tail)) if pattern::matches(step, key) => rest.push(tail),
                        _ => {}
                    }
                }
                if !rest.is_empty()
                    && let Some(child) = keep(child, &rest)
                {
                    kept.insert(key.clone(), child);
                }
            }
            (!kept.is_empty()).then(|| kept.into())
        }
        Value::Array(items) => {
            let kept: Vec<Value> = items.iter().filter_map(|item| keep(item, paths)).collect();
            (!kept.is_empty()).then(|| kept.into())
        }
        _ => None,
    }
}

fn drop_path(value: &mut Value, path: &[&str]) {
    match (&mut *value, path) {
        (Value::Array(items), path) => items.iter_mut().for_each(|item| drop_path(item, path)),
        (Value::Object(map), ["**", rest @ ..]) if !rest.is_empty() => {
            // What may be any number of steps is none, or one and then again any number.
            for child in map.values_mut() {
                drop_path(child, path);
            }
            drop_path(value, rest);
        }
        (Value::Object(map), [last]) => map.retain(|key, _| !pattern::matches(last, key)),
        (Value::Object(map), [step, rest @ ..]) => {
            for (key, child) in map.iter_mut() {
                if pattern::matches(step, key) {
                    drop_path(child, rest);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn filter_path_keeps_what_its_steps_match() {
        let value = json!({"nodes": {"n1": {"version": "7", "ip": "x"}}, "items": [{"index": {"status": 201, "_id": "a"}}]});
        let kept = |path: &str| {
            let steps: Vec<&str> = path.split('.').collect();
            keep(&value, &[&steps])
        };
        assert_eq!(
            kept("nodes.*.version"),
            Some(json!({"nodes": {"n1": {"version": "7"}}}))
        );
        assert_eq!(
            kept("items.*.status"),
            Some(json!({"items": [{"index": {"status": 201}}]}))
        );
        assert_eq!(kept("**.ip"), Some(json!({"nodes": {"n1": {"ip": "x"}}})));
        assert_eq!(kept("nothing"), None);
    }
}
