//! What every request passes first, and every answer last.
//!
//! In: cross-origin rules, the paths of older versions brought into today's form, hidden indices sent to the
//! small document store. Out: headers, `filter_path`, `pretty`, YAML.

use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::app::App;
use super::call::DocType;
use super::params::Params;
use super::{hidden, reply, security};
use crate::engine::name;
use crate::error::ApiError;
use crate::mapping::pattern;
use crate::present::Presented;
use crate::security::{Privilege, Scope};

/// Endpoints that stand behind a document type in older paths.
const BEHIND_TYPE: &[&str] = &[
    "_search",
    "_count",
    "_bulk",
    "_mget",
    "_msearch",
    "_mapping",
    "_delete_by_query",
    "_update_by_query",
    "_validate",
    "_termvectors",
];

/// How credentials are asked for.
const BASIC: &str = "Basic realm=\"security\" charset=\"UTF-8\"";

/// The whole way of a request.
pub async fn front(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let origin = allowed_origin(&app, request.headers());
    if request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    {
        return with_cors(StatusCode::OK.into_response(), origin, true);
    }
    let accept = request.headers().get(header::ACCEPT).cloned();
    modernize(app.presented, &mut request);
    let params = Query::<Params>::try_from_uri(request.uri())
        .map(|query| query.0)
        .unwrap_or_default();
    let response = match admitted(&app, &mut request).await {
        Ok(Some(scope)) => scope.around(answered(Arc::clone(&app), request, next)).await,
        Ok(None) => answered(Arc::clone(&app), request, next).await,
        Err(refusal) => refusal,
    };
    let response = reply::finish(response, &params, app.presented, accept.as_ref()).await;
    with_cors(response, origin, false)
}

async fn answered(app: Arc<App>, request: Request, next: Next) -> Response {
    match hidden_target(&app, &request) {
        Some(target) => hidden::answer(app, request, target).await,
        None => next.run(request).await,
    }
}

/// Recognises who asks and whether they may. `None`: security is off.
async fn admitted(app: &Arc<App>, request: &mut Request) -> Result<Option<Scope>, Response> {
    let Some(registry) = app.security.clone() else {
        return Ok(None);
    };
    let header = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|header| header.to_str().ok())
        .map(ToOwned::to_owned);
    let missing = header.is_none();
    let known = match header {
        None => None,
        // The hash of a password takes its time.
        Some(header) => app
            .blocking(move |_| Ok(security::recognise(&registry, &header)))
            .await
            .map_err(IntoResponse::into_response)?,
    };
    let path = request.uri().path().to_owned();
    let Some(known) = known else {
        let what = if missing {
            "missing authentication credentials"
        } else {
            "unable to authenticate"
        };
        let error = ApiError::new(
            401,
            "security_exception",
            format!("{what} for REST request [{path}]"),
        )
        .with(
            "header",
            serde_json::json!({"WWW-Authenticate": [BASIC, "ApiKey"]}),
        );
        let mut response = error.into_response();
        let headers = response.headers_mut();
        headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static(BASIC));
        headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static("ApiKey"));
        return Err(response);
    };
    let scope = Scope {
        user: known.user.as_str().into(),
        grants: Arc::new(known.grants.clone()),
        need: Privilege::of(request.method(), &path),
    };
    security::admit(&scope, &path).map_err(IntoResponse::into_response)?;
    request.extensions_mut().insert(known);
    Ok(Some(scope))
}

/// The origin that may read the answer, if the request comes from a page that may.
fn allowed_origin(app: &App, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let text = origin.to_str().ok()?;
    app.cors_origins
        .iter()
        .any(|allowed| pattern::matches(allowed, text))
        .then(|| origin.clone())
}

fn with_cors(mut response: Response, origin: Option<HeaderValue>, preflight: bool) -> Response {
    let Some(origin) = origin else { return response };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
        HeaderValue::from_static("true"),
    );
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("X-elastic-product"),
    );
    if preflight {
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("OPTIONS, HEAD, GET, POST, PUT, DELETE"),
        );
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("X-Requested-With, Content-Type, Content-Length, Authorization, Accept, User-Agent, X-Elastic-Client-Meta"),
        );
        headers.insert(
            header::ACCESS_CONTROL_MAX_AGE,
            HeaderValue::from_static("1728000"),
        );
    }
    response
}

/// Brings a path with a document type into the form without, and asks for what an older version answers.
fn modernize(presented: Presented, request: &mut Request) {
    let path = request.uri().path();
    let mut new_path = None;
    if !matches!(presented, Presented::V8 | Presented::OpenSearch3)
        && let Some((path, doc_type)) = without_type(request.method(), path)
    {
        new_path = Some(path);
        if let Some(doc_type) = doc_type {
            request.extensions_mut().insert(DocType(doc_type));
        }
    }
    let path = new_path.as_deref().unwrap_or_else(|| request.uri().path());
    let asks_for_hits =
        path.ends_with("_search") || path.ends_with("_msearch") || path.ends_with("_search/scroll");
    let mut query = request.uri().query().unwrap_or_default().to_owned();
    if presented.total_is_number() && asks_for_hits {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str("rest_total_hits_as_int=true");
    } else if new_path.is_none() {
        return;
    }
    let joined = if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    };
    // Made of parts that were a path and a query before.
    if let Ok(joined) = PathAndQuery::try_from(joined) {
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = Some(joined);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
}

/// `/logs/event/1` becomes `/logs/_doc/1` and `event`. `None`: the path has no document type.
fn without_type(method: &Method, path: &str) -> Option<(String, Option<String>)> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (index, doc_type) = match parts.as_slice() {
        [index, doc_type, ..]
            if !index.starts_with('_') && !doc_type.starts_with('_') && !doc_type.is_empty() =>
        {
            (*index, *doc_type)
        }
        _ => return None,
    };
    let named = Some(decoded(doc_type));
    let path = match parts.as_slice() {
        [_, _] if method == Method::POST => format!("/{index}/_doc"),
        [_, _] => return Some((format!("/{index}/_mapping/{doc_type}"), None)),
        [_, _, rest @ ..] if BEHIND_TYPE.contains(&rest[0]) => format!("/{index}/{}", rest.join("/")),
        [_, _, id] => format!("/{index}/_doc/{id}"),
        [_, _, id, verb @ ("_update" | "_create" | "_source")] => format!("/{index}/{verb}/{id}"),
        _ => return None,
    };
    Some((path, named))
}

/// A part of a path without its percent signs.
pub fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match (first, digits.and_then(|pair| u8::from_str_radix(pair, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What a request for documents of hidden indices names.
fn hidden_target(app: &App, request: &Request) -> Option<hidden::Target> {
    let path = request.uri().path().trim_matches('/');
    let mut parts = path.split('/');
    let (index, verb) = (parts.next()?, parts.next()?);
    if index.starts_with('_') || !hidden::VERBS.contains(&verb) {
        return None;
    }
    let index = decoded(index);
    // The question costs a walk over all indices, and is asked of few requests.
    let state = app.store.state();
    let maybe = name::split(&index)
        .iter()
        .any(|part| part.starts_with('.') || part.starts_with("<.") || state.aliases.contains(part));
    if !maybe || !app.store.names_hidden(&index) {
        return None;
    }
    let id = parts.next().map(decoded);
    parts.next().is_none().then(|| hidden::Target {
        index,
        verb: verb.to_owned(),
        id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_types_are_taken_out_of_paths() {
        let new = |method: Method, path| without_type(&method, path);
        let typed = |path: &str, name: &str| Some((path.to_owned(), Some(name.to_owned())));
        assert_eq!(new(Method::PUT, "/logs/event/1"), typed("/logs/_doc/1", "event"));
        assert_eq!(new(Method::POST, "/logs/event"), typed("/logs/_doc", "event"));
        assert_eq!(
            new(Method::POST, "/logs/event/1/_update"),
            typed("/logs/_update/1", "event")
        );
        assert_eq!(
            new(Method::POST, "/.kibana/index-pattern/_search"),
            typed("/.kibana/_search", "index-pattern")
        );
        assert_eq!(
            new(Method::GET, "/.kibana/index-pattern/a%2Fb"),
            typed("/.kibana/_doc/a%2Fb", "index-pattern")
        );
        assert_eq!(
            new(Method::HEAD, "/logs/event"),
            Some(("/logs/_mapping/event".to_owned(), None))
        );
        for path in [
            "/",
            "/logs",
            "/_search",
            "/logs/_doc/1",
            "/_cat/indices/logs",
            "/logs/_mapping/field/x",
        ] {
            assert_eq!(new(Method::GET, path), None, "{path}");
        }
        assert_eq!(decoded("%3Clogs-%7Bnow%2Fd%7D%3E"), "<logs-{now/d}>");
        assert_eq!(decoded("100%"), "100%");
    }
}
