//! One request as most handlers see it: the names of its path, its parameters, its body as JSON.
//!
//! Writes of documents and searches read their bodies themselves; everything else is a function from a
//! [`Call`] to a [`Reply`] that runs where blocking is allowed.

use std::sync::Arc;

use axum::RequestExt as _;
use axum::extract::{FromRequest, Query, RawPathParams, Request};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::app::App;
use super::body;
use super::params::{Params, flag, index_options};
use super::reply::Reply;
use crate::engine::entry::Entry;
use crate::engine::resolve::Options;
use crate::engine::store::Store;
use crate::error::{ApiError, ApiResult};
use crate::security::registry::Known;

/// The document type that a path of Elasticsearch 5 names; the front takes it out of the path.
#[derive(Debug, Clone)]
pub struct DocType(pub String);

/// A request.
#[derive(Debug)]
pub struct Call {
    /// What is shared.
    pub app: Arc<App>,
    /// Its method.
    pub method: Method,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its parameters.
    pub params: Params,
    /// Its body; null when empty.
    pub body: Value,
    /// The document type that the path names, if any.
    pub doc_type: Option<String>,
    /// Who asks, if security is on.
    pub known: Option<Known>,
    names: Vec<(String, String)>,
}

/// What answers a call.
pub type Work = fn(&Call) -> ApiResult<Reply>;

// === impl Call ===

impl Call {
    /// A request whose path was taken apart already.
    pub async fn read(app: Arc<App>, request: Request, names: Vec<(String, String)>) -> ApiResult<Self> {
        let params = Query::<Params>::try_from_uri(request.uri())
            .map(|query| query.0)
            .unwrap_or_default();
        let method = request.method().clone();
        let headers = request.headers().clone();
        let doc_type = request
            .extensions()
            .get::<DocType>()
            .map(|DocType(name)| name.clone());
        let known = request.extensions().get::<Known>().cloned();
        let limit = app.store.limits.max_content_length;
        let body = match params.get("source") {
            Some(source) if method == Method::GET => body::json(source.as_bytes())?,
            _ => body::read_json(&headers, request.into_body(), limit).await?,
        };
        Ok(Self {
            app,
            method,
            headers,
            params,
            body,
            doc_type,
            known,
            names,
        })
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.app.store
    }

    /// A part of the path by its name in the route; empty when the route has none.
    pub fn name(&self, name: &str) -> &str {
        self.names
            .iter()
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value.as_str())
    }

    /// Sets a part of the path that the route has as a word.
    pub fn set_name(&mut self, name: &str, value: &str) {
        self.names.push((name.to_owned(), value.to_owned()));
    }

    /// Whether a parameter is there and not `false`.
    pub fn flag(&self, name: &str) -> bool {
        flag(&self.params, name)
    }

    /// Whether mappings are shown below the name of a document type.
    pub fn typed(&self) -> bool {
        match self.params.get("include_type_name") {
            Some(value) => value != "false",
            None => self.app.presented.has_types(),
        }
    }

    /// The indices of both kinds that the path names, as asked for by the parameters.
    pub fn entries(&self) -> ApiResult<Vec<Entry>> {
        self.store()
            .resolve_all(self.name("index"), index_options(&self.params))
    }

    /// The same, closed ones included: for what is asked of indices as such.
    pub fn entries_of_metadata(&self) -> ApiResult<Vec<Entry>> {
        self.store().resolve_all(
            self.name("index"),
            super::params::options_over(Options::of_metadata(), &self.params),
        )
    }

    /// The body as an object that must be there.
    pub fn required_body(&self) -> ApiResult<&Value> {
        if self.body.is_null() {
            return Err(ApiError::parsing("request body is required"));
        }
        Ok(&self.body)
    }

    /// Does the work where blocking is allowed.
    pub async fn run(self, work: Work) -> ApiResult<Reply> {
        let app = Arc::clone(&self.app);
        app.blocking(move |_| work(&self)).await
    }
}

impl FromRequest<Arc<App>> for Call {
    type Rejection = Response;

    async fn from_request(mut request: Request, app: &Arc<App>) -> Result<Self, Response> {
        let names = request
            .extract_parts::<RawPathParams>()
            .await
            .map(|names| {
                names
                    .iter()
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect()
            })
            .unwrap_or_default();
        Self::read(Arc::clone(app), request, names)
            .await
            .map_err(IntoResponse::into_response)
    }
}
