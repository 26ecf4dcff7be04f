//! Which sinks an event goes to.

use punt_lucene::Expression;

use crate::config::RouteConfig;
use crate::event::Event;
use crate::transform::{Chain, Made, Work};

/// A set of sinks, as bits. (A configuration with more than 64 sinks is refused.)
pub(crate) type Sinks = u64;

/// The routes, resolved to sinks by number.
pub(crate) struct Routes {
    all: Sinks,
    routes: Vec<Route>,
    /// The document that a route's transforms made.
    document: Vec<u8>,
}

struct Route {
    when: Expression,
    sinks: Sinks,
    transforms: Option<(Chain, Work)>,
}

// === impl Routes ===

impl Routes {
    /// The routes over these sinks, whose names were checked with the configuration, as were those that `chain` is
    /// asked for.
    pub(crate) fn new(
        routes: &[(String, RouteConfig)],
        sinks: &[String],
        chain: impl Fn(&[String]) -> Option<Chain>,
    ) -> Self {
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
                .map(|(_, route)| Route {
                    when: route.when.0.clone(),
                    sinks: bits(&route.sinks),
                    transforms: chain(&route.transforms).map(|chain| (chain, Work::default())),
                })
                .collect(),
            document: Vec::new(),
        }
    }

    /// Hands the event to its sinks: to each once, by the first route that leads there, and as that route's
    /// transforms made it. False: no route matched.
    pub(crate) fn route(&mut self, event: Event<'_>, mut to: impl FnMut(Sinks, Event<'_>)) -> bool {
        if self.routes.is_empty() {
            to(self.all, event);
            return true;
        }
        let (mut matched, mut taken) = (false, 0);
        for route in &mut self.routes {
            if !route.when.matches(event.document) {
                continue;
            }
            matched = true;
            let sinks = route.sinks & !taken;
            taken |= sinks;
            if sinks == 0 {
                continue;
            }
            let Some((chain, work)) = &mut route.transforms else {
                to(sinks, event);
                continue;
            };
            match chain.run(event, work) {
                Made::Same => to(sinks, event),
                Made::Dropped => {}
                Made::Changed(index_time_ms) => {
                    self.document.clear();
                    work.write(&mut self.document);
                    let event = Event {
                        index_time_ms,
                        id: event.id,
                        document: &self.document,
                    };
                    to(sinks, event);
                }
            }
        }
        matched
    }

    /// To be called before the events of a batch.
    pub(crate) fn begin(&mut self) {
        for (_, work) in self
            .routes
            .iter_mut()
            .filter_map(|route| route.transforms.as_mut())
        {
            work.begin();
        }
    }

    /// Hands the counts of the transforms over. To be called after the events of a batch.
    pub(crate) fn settle(&mut self) {
        for (chain, work) in self
            .routes
            .iter_mut()
            .filter_map(|route| route.transforms.as_mut())
        {
            chain.settle(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::When;

    fn route(when: &[(&str, &str)], sinks: &[&str]) -> (String, RouteConfig) {
        let when = When(Expression::all_of(when.iter().copied()));
        let sinks = sinks.iter().map(|s| (*s).to_owned()).collect();
        let transforms = Vec::new();
        (
            "r".to_owned(),
            RouteConfig {
                when,
                transforms,
                sinks,
            },
        )
    }

    /// The sinks of a document, and how often it came to one.
    fn sinks(routes: &mut Routes, document: &[u8]) -> (Sinks, u32) {
        let event = Event {
            index_time_ms: 0,
            id: b"id",
            document,
        };
        let (mut all, mut times) = (0, 0);
        routes.route(event, |sinks, _| {
            all |= sinks;
            times += sinks.count_ones();
        });
        (all, times)
    }

    #[test]
    fn an_event_goes_once_to_each_sink_of_every_route_it_matches() {
        let names = ["a".to_owned(), "b".to_owned()];
        let mut routes = Routes::new(
            &[
                route(&[("service.name", "guilds")], &["a"]),
                route(&[("log.level", "err*"), ("service.name", "g*")], &["b", "a"]),
            ],
            &names,
            |_| None,
        );
        let both = br#"{"service.name":"guilds","log.level":"error"}"#;
        assert_eq!(sinks(&mut routes, both), (0b11, 2));
        assert_eq!(
            sinks(&mut routes, br#"{"service.name":"api","log.level":"error"}"#),
            (0, 0)
        );
        assert_eq!(sinks(&mut Routes::new(&[], &names, |_| None), b"{}"), (0b11, 2));
    }
}
