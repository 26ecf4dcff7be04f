//! `collapse`: one hit for each value of a field, and, if asked, more hits of the same value inside it.

use serde_json::Value;

use super::request::SearchRequest;
use crate::error::{ApiError, ApiResult};
use crate::query::dsl;

/// Most `inner_hits` of one collapse.
const MAX_INNER: usize = 16;

/// What hits are collapsed by.
#[derive(Debug, Clone)]
pub struct Collapse {
    /// The field.
    pub field: String,
    /// Searches within the group of each hit, by name.
    pub inner: Vec<(String, SearchRequest)>,
}

// === impl Collapse ===

impl Collapse {
    /// Reads `collapse`.
    pub fn parse(value: &Value) -> ApiResult<Self> {
        let spec = value
            .as_object()
            .ok_or_else(|| ApiError::parsing("[collapse] must be an object"))?;
        let field = spec
            .get("field")
            .and_then(Value::as_str)
            .ok_or_else(|| ApiError::argument("Required [field]"))?
            .to_owned();
        let mut inner = Vec::new();
        for one in dsl::list(spec.get("inner_hits")) {
            let name = one
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or(&field)
                .to_owned();
            let mut request = SearchRequest::parse(one)?;
            if one.get("size").is_none() {
                request.size = 3;
            }
            if request.collapse.is_some() {
                return Err(ApiError::unsupported("collapse inside inner_hits"));
            }
            inner.push((name, request));
        }
        if inner.len() > MAX_INNER {
            return Err(ApiError::argument(format!(
                "[collapse] has more than [{MAX_INNER}] inner_hits"
            )));
        }
        Ok(Self { field, inner })
    }
}
