//! Which sinks an event goes to.

use punt_lucene::Expression;

use crate::config::RouteConfig;

/// A set of sinks, as bits. (A configuration with more than 64 sinks is refused.)
pub(crate) type Sinks = u64;

/// The routes, resolved to sinks by number.
#[derive(Debug)]
pub(crate) struct Routes {
    all: Sinks,
    routes: Vec<(Expression, Sinks)>,
}

// === impl Routes ===

impl Routes {
    /// The routes over these sinks, whose names were checked with the configuration.
    pub(crate) fn new(routes: &[(String, RouteConfig)], sinks: &[String]) -> Self {
        let bits = |names: &[String]| {
            names
                .iter()
                .filter_map(|name| sinks.iter().position(|sink| sink == name))
                .fold(0, |bits, number| bits | 1 << number)
        };
        Self {
            all: bits(sinks),
            routes: routes
                .iter()
                .map(|(_, route)| (route.when.0.clone(), bits(&route.sinks)))
                .collect(),
        }
    }

    /// The sinks of this document; none: no route matched.
    pub(crate) fn sinks(&self, document: &[u8]) -> Sinks {
        if self.routes.is_empty() {
            return self.all;
        }
        self.routes
            .iter()
            .filter(|(condition, _)| condition.matches(document))
            .fold(0, |bits, (_, sinks)| bits | sinks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::When;

    fn route(when: &[(&str, &str)], sinks: &[&str]) -> (String, RouteConfig) {
        let when = When(Expression::all_of(when.iter().copied()));
        let sinks = sinks.iter().map(|s| (*s).to_owned()).collect();
        ("r".to_owned(), RouteConfig { when, sinks })
    }

    #[test]
    fn an_event_goes_to_the_sinks_of_every_route_it_matches() {
        let sinks = ["a".to_owned(), "b".to_owned()];
        let routes = Routes::new(
            &[
                route(&[("service.name", "guilds")], &["a"]),
                route(&[("log.level", "err*"), ("service.name", "g*")], &["b"]),
            ],
            &sinks,
        );
        assert_eq!(
            routes.sinks(br#"{"service.name":"guilds","log.level":"error"}"#),
            0b11
        );
        assert_eq!(
            routes.sinks(br#"{"service.name":"gateway","log.level":"error"}"#),
            0b10
        );
        assert_eq!(routes.sinks(br#"{"service.name":"api","log.level":"error"}"#), 0);
        assert_eq!(Routes::new(&[], &sinks).sinks(b"{}"), 0b11);
    }
}
