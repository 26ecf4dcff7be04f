//! The parameters of a URL.

use std::collections::HashMap;

use crate::engine::resolve::Options;
use crate::error::{ApiError, ApiResult};

/// Parameters by name.
pub type Params = HashMap<String, String>;

/// Whether a parameter is there and not `false`; one without a value is true.
pub fn flag(params: &Params, name: &str) -> bool {
    params.get(name).is_some_and(|value| value != "false")
}

/// A number, if the parameter is there.
pub fn number<T: std::str::FromStr>(params: &Params, name: &str) -> ApiResult<Option<T>> {
    match params.get(name) {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| {
            ApiError::argument(format!(
                "Failed to parse int parameter [{name}] with value [{text}]"
            ))
        }),
    }
}

/// What to do about index names that match nothing.
pub fn index_options(params: &Params) -> Options {
    let default = Options::default();
    Options {
        ignore_unavailable: params
            .get("ignore_unavailable")
            .map_or(default.ignore_unavailable, |v| v != "false"),
        allow_no_indices: params
            .get("allow_no_indices")
            .map_or(default.allow_no_indices, |v| v != "false"),
    }
}
