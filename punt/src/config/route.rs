//! `[routes.NAME]`: which events go to which sinks.

use std::collections::BTreeMap;

use serde::Deserialize;

/// One route. Without any route, every event goes to every sink; with routes, an event goes to the sinks of
/// each route that it matches, and one that matches none is dropped and counted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteConfig {
    /// Fields and their values, all of which must match. A value that ends in `*` matches what starts with it.
    /// Empty: every event.
    #[serde(default)]
    pub(crate) when: BTreeMap<String, String>,
    /// Names of sinks.
    pub(crate) sinks: Vec<String>,
}
