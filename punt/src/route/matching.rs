//! Which sinks an event goes to.

use std::collections::BTreeMap;

use crate::config::RouteConfig;
use crate::event::field;

/// A set of sinks, as bits. (A configuration with more than 64 sinks is refused.)
pub(crate) type Sinks = u64;

/// Fields and the values that they must have.
#[derive(Debug, Clone)]
pub(crate) struct Condition(Vec<(String, Pattern)>);

/// The routes, resolved to sinks by number.
#[derive(Debug)]
pub(crate) struct Routes {
    all: Sinks,
    routes: Vec<(Condition, Sinks)>,
}

#[derive(Debug, Clone)]
enum Pattern {
    Equals(String),
    Prefix(String),
}

// === impl Condition ===

impl Condition {
    pub(crate) fn new(fields: &BTreeMap<String, String>) -> Self {
        let pattern = |value: &String| match value.strip_suffix('*') {
            Some(prefix) => Pattern::Prefix(prefix.to_owned()),
            None => Pattern::Equals(value.clone()),
        };
        Self(
            fields
                .iter()
                .map(|(name, value)| (name.clone(), pattern(value)))
                .collect(),
        )
    }

    /// Whether the document has all the fields. Without conditions it is not even looked at.
    pub(crate) fn holds(&self, document: &[u8]) -> bool {
        self.0.iter().all(|(name, pattern)| {
            field(document, name).is_some_and(|value| match pattern {
                Pattern::Equals(expected) => value == *expected,
                Pattern::Prefix(prefix) => value.starts_with(prefix.as_str()),
            })
        })
    }
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
                .map(|(_, route)| (Condition::new(&route.when), bits(&route.sinks)))
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
            .filter(|(condition, _)| condition.holds(document))
            .fold(0, |bits, (_, sinks)| bits | sinks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(when: &[(&str, &str)], sinks: &[&str]) -> (String, RouteConfig) {
        let when = when
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
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
