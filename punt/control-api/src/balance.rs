//! The law of the counters: what was received was sent, is buffered, or was counted where it was lost.
//!
//! It is checked stage by stage, so that a difference names the place:
//!
//! ```text
//! sources      received           = what the router got + what their transforms kept back + dropped at the sources
//! transform T  received           = emitted + dead-lettered + dropped
//! sink NAME    routed             = buffered + dropped before the buffer
//! sink NAME    restored, buffered = acknowledged + dead-lettered + in the buffer + dropped behind the buffer
//! ```
//!
//! Counters are read one after another while events pass, so a difference of a busy punt is what is in flight.

use serde::{Deserialize, Serialize};

use crate::stats::{ComponentStats, Kind, Stats};

/// Reasons for which events are dropped before they are in a sink's buffer; all others are behind it.
const BEFORE_THE_BUFFER: &[&str] = &["buffer_full", "stopped"];

/// Reasons that count places of a damaged disk and not events: nobody knows how many events were there.
const NOT_EVENTS: &[&str] = &["buffer_corrupt"];

/// Whether each stage accounts for what it got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// The stages, in the order of the flow.
    pub stages: Vec<StageBalance>,
}

/// One stage's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageBalance {
    /// Such as `sources` or `sink logs`.
    pub stage: String,
    /// Events that came to it.
    pub came: u64,
    /// Events that it passed on for good.
    pub went: u64,
    /// Events that it holds on disk.
    pub held: u64,
    /// Events that it lost and counted, with a reason each.
    pub dropped: u64,
}

// === impl Stats ===

impl Stats {
    /// The account of every stage.
    pub fn balance(&self) -> Balance {
        let of = |kind| {
            self.components
                .iter()
                .filter(move |component| component.kind == kind)
        };
        let router: u64 = of(Kind::Router).map(|router| router.counter("routed")).sum();
        let mut stages = vec![StageBalance {
            stage: "sources".to_owned(),
            came: of(Kind::Source).map(|source| source.counter("received")).sum(),
            went: router
                + of(Kind::Source)
                    .map(|source| source.counter("filtered"))
                    .sum::<u64>(),
            held: 0,
            dropped: of(Kind::Source).map(|source| dropped(source, |_| true)).sum(),
        }];
        for transform in of(Kind::Transform) {
            stages.push(StageBalance {
                stage: format!("transform {}", transform.name),
                came: transform.counter("received"),
                went: transform.counter("emitted") + transform.counter("dead_lettered"),
                held: 0,
                dropped: dropped(transform, |_| true),
            });
        }
        for sink in of(Kind::Sink) {
            let before = |reason: &str| BEFORE_THE_BUFFER.contains(&reason);
            stages.push(StageBalance {
                stage: format!("way to sink {}", sink.name),
                came: sink.counter("routed"),
                went: sink.counter("buffered"),
                held: 0,
                dropped: dropped(sink, before),
            });
            stages.push(StageBalance {
                stage: format!("sink {}", sink.name),
                came: sink.counter("restored") + sink.counter("buffered"),
                went: sink.counter("acknowledged") + sink.counter("dead_lettered"),
                held: sink.buffer.as_ref().map_or(0, |buffer| buffer.events),
                dropped: dropped(sink, |reason| !before(reason)),
            });
        }
        Balance { stages }
    }
}

fn dropped(component: &ComponentStats, which: impl Fn(&str) -> bool) -> u64 {
    let reasons = component.dropped.iter();
    reasons
        .filter(|(reason, _)| which(reason) && !NOT_EVENTS.contains(&reason.as_str()))
        .map(|(_, events)| events)
        .sum()
}

// === impl Balance ===

impl Balance {
    /// Whether every stage accounts for all that came to it. True of an idle punt, always.
    pub fn holds(&self) -> bool {
        self.stages.iter().all(|stage| stage.in_flight() == 0)
    }
}

// === impl StageBalance ===

impl StageBalance {
    /// What came and is not accounted for yet. Below zero only for the moment between two counters.
    pub fn in_flight(&self) -> i64 {
        let accounted = i128::from(self.went) + i128::from(self.held) + i128::from(self.dropped);
        let difference = i128::from(self.came) - accounted;
        i64::try_from(difference).unwrap_or(if difference > 0 { i64::MAX } else { i64::MIN })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(lost: u64) -> Stats {
        let component = |kind: &str, counters: &str, dropped: &str, buffer: &str| {
            format!(
                r#"{{"kind":"{kind}","name":"x","counters":{{{counters}}},"dropped":{{{dropped}}}{buffer}}}"#
            )
        };
        let text = format!(
            r#"{{"node":"n","time":"t","uptime_seconds":1,"queue_depth":0,"queue_capacity":16,"components":[{},{},{}]}}"#,
            component("source", r#""received":10"#, r#""stopped":1"#, ""),
            component("router", r#""routed":9"#, r#""no_route":2"#, ""),
            component(
                "sink",
                r#""routed":7,"restored":3,"buffered":6,"acknowledged":4,"dead_lettered":1"#,
                &format!(r#""buffer_full":1,"dead_letter_full":{lost},"buffer_corrupt":9"#),
                r#","buffer":{"events":2,"bytes":1,"max_bytes":9,"lag_ms":0}"#
            ),
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn an_account_that_is_complete_holds() {
        assert!(stats(2).balance().holds(), "{:?}", stats(2).balance());
    }

    #[test]
    fn an_event_that_nobody_accounts_for_is_seen_where_it_is_missing() {
        let balance = stats(1).balance();
        assert!(!balance.holds());
        let missing: Vec<_> = balance.stages.iter().filter(|s| s.in_flight() != 0).collect();
        assert_eq!((missing.len(), missing[0].stage.as_str()), (1, "sink x"));
        assert_eq!(missing[0].in_flight(), 1);
    }
}
