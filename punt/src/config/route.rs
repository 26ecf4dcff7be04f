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
    /// Names of transforms, in order, that an event goes through on this route only.
    #[serde(default)]
    pub(crate) transforms: Vec<String>,
    /// Names of sinks. An event goes to a sink by the first route that leads it there.
    pub(crate) sinks: Vec<String>,
}
