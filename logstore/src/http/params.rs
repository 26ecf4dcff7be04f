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
    options_over(Options::default(), params)
}

/// The same over other defaults.
pub fn options_over(default: Options, params: &Params) -> Options {
    let flag = |name: &str, default: bool| params.get(name).map_or(default, |v| v != "false");
    let mut options = Options {
        ignore_unavailable: flag("ignore_unavailable", default.ignore_unavailable),
        allow_no_indices: flag("allow_no_indices", default.allow_no_indices),
        ..default
    };
    if let Some(words) = params.get("expand_wildcards") {
        let has = |word: &str| words.split(',').any(|one| one == word || one == "all");
        (options.open, options.closed, options.hidden) = (has("open"), has("closed"), has("hidden"));
        // `hidden` alone says nothing of the state.
        if !options.open && !options.closed && options.hidden {
            options.open = true;
        }
    }
    options
}
