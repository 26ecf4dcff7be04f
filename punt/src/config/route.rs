//! `[routes.NAME]`: which events go to which sinks.

use serde::Deserialize;

use super::When;

/// One route. Without any route, every event goes to every sink; with routes, an event goes to the sinks of
/// each route that it matches, and one that matches none is dropped and counted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteConfig {
    /// What an event must be. Without it: every event.
    #[serde(default)]
    pub(crate) when: When,
    /// Names of sinks.
    pub(crate) sinks: Vec<String>,
}
