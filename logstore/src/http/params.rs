//! The parameters of a URL.

use std::collections::HashMap;

use crate::engine::op::Given;
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

/// Whether a write is to be seen by searches at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// When the index is refreshed the next time.
    No,
    /// A refresh is forced, and the answer says so.
    Forced,
    /// The answer waits for a refresh. One is made here, since nothing is won by waiting.
    WaitedFor,
}

// === impl Refresh ===

impl Refresh {
    /// Reads the parameter `refresh`.
    pub fn of(params: &Params) -> ApiResult<Self> {
        match params.get("refresh").map(String::as_str) {
            None | Some("false") => Ok(Self::No),
            Some("true" | "") => Ok(Self::Forced),
            Some("wait_for") => Ok(Self::WaitedFor),
            Some(other) => Err(ApiError::argument(format!(
                "Unknown value for refresh: [{other}]."
            ))),
        }
    }

    /// Whether the answer says that a refresh was forced.
    pub fn is_forced(self) -> bool {
        self == Self::Forced
    }
}

/// The version that a client gives a document itself, by the parameters `version` and `version_type`.
pub fn given_version(params: &Params) -> ApiResult<Option<Given>> {
    let number = number(params, "version")?;
    let kind = params.get("version_type").map(String::as_str);
    given(number, kind)
}

/// The same from what a request says in any other place.
pub fn given(number: Option<u64>, kind: Option<&str>) -> ApiResult<Option<Given>> {
    let or_equal = match kind {
        None | Some("internal") => {
            return match number {
                None => Ok(None),
                Some(_) => Err(ApiError::validation(
                    "internal versioning can not be used for optimistic concurrency control. Please use `if_seq_no` and `if_primary_term` instead",
                )),
            };
        }
        Some("external" | "external_gt") => false,
        Some("external_gte") => true,
        Some(other) => {
            return Err(ApiError::argument(format!("No version type match [{other}]")));
        }
    };
    match number {
        Some(number) => Ok(Some(Given { number, or_equal })),
        None => Err(ApiError::validation(
            "illegal version value [-3] for version type [EXTERNAL]",
        )),
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
