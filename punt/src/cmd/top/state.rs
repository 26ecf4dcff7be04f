//! What `punt top` knows: the last counters, rates between them, and a short history. No drawing here.

use std::collections::{BTreeMap, VecDeque};

use punt_control::{ComponentStats, Kind, Stats};

/// Samples of history that are kept for the sparkline of a component.
const HISTORY: usize = 60;

/// The state of the screen.
pub(super) struct State {
    pub(super) stats: Stats,
    pub(super) sort: Sort,
    pub(super) colour: bool,
    /// Why there were no fresh counters at the last try. What is shown is then old.
    pub(super) stale: Option<String>,
    rates: BTreeMap<(String, String), Rate>,
}

/// By what the components are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// As they stand in the flow.
    Flow,
    Name,
    Rate,
    Lost,
}

/// One component's line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) kind: &'static str,
    pub(super) name: String,
    /// Events a second, in and out.
    pub(super) came: f64,
    pub(super) went: f64,
    /// Events in its buffer, and the share of its bound that it takes.
    pub(super) buffered: Option<(u64, f64)>,
    pub(super) lag_ms: u64,
    pub(super) retried: u64,
    pub(super) dead_lettered: u64,
    pub(super) failed: u64,
    pub(super) lost: u64,
    /// The reason with the most losses.
    pub(super) reason: Option<String>,
    pub(super) history: Vec<u64>,
}

#[derive(Debug, Default)]
struct Rate {
    came: f64,
    went: f64,
    history: VecDeque<u64>,
}

/// The counters of what comes to a component and what leaves it.
fn flow(component: &ComponentStats) -> (u64, u64) {
    match component.kind {
        Kind::Source => (component.counter("received"), component.counter("received")),
        Kind::Sink => (
            component.counter("routed"),
            component.counter("acknowledged") + component.counter("dead_lettered"),
        ),
        _ => (component.counter("routed"), component.counter("routed")),
    }
}

fn key(component: &ComponentStats) -> (String, String) {
    (component.kind.name().to_owned(), component.name.clone())
}

// === impl Sort ===

impl Sort {
    pub(super) fn of_key(key: char) -> Option<Self> {
        match key {
            'f' => Some(Self::Flow),
            'n' => Some(Self::Name),
            'r' => Some(Self::Rate),
            'l' => Some(Self::Lost),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Name => "name",
            Self::Rate => "rate",
            Self::Lost => "lost",
        }
    }
}

// === impl State ===

impl State {
    pub(super) fn new(stats: Stats, colour: bool) -> Self {
        Self {
            stats,
            sort: Sort::Flow,
            colour,
            stale: None,
            rates: BTreeMap::new(),
        }
    }

    /// Takes newer counters.
    pub(super) fn take(&mut self, stats: Stats) {
        let seconds = seconds_between(&self.stats.time, &stats.time);
        for component in &stats.components {
            let rate = self.rates.entry(key(component)).or_default();
            let before = self.stats.component(component.kind, &component.name);
            let (came, went) = flow(component);
            let (came_before, went_before) = before.map_or((0, 0), flow);
            if let Some(seconds) = seconds {
                // A punt that was started again counts from zero.
                rate.came = came.saturating_sub(came_before) as f64 / seconds;
                rate.went = went.saturating_sub(went_before) as f64 / seconds;
                rate.history.push_back(rate.came as u64);
                if rate.history.len() > HISTORY {
                    rate.history.pop_front();
                }
            }
        }
        self.stats = stats;
        self.stale = None;
    }

    /// There was no answer.
    pub(super) fn lost(&mut self, reason: String) {
        self.stale = Some(reason);
        for rate in self.rates.values_mut() {
            (rate.came, rate.went) = (0.0, 0.0);
        }
    }

    /// The lines, in the order that is asked for.
    pub(super) fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = self.stats.components.iter().map(|c| self.row(c)).collect();
        match self.sort {
            Sort::Flow => {}
            Sort::Name => rows.sort_by(|a, b| a.name.cmp(&b.name)),
            Sort::Rate => rows.sort_by(|a, b| b.came.total_cmp(&a.came)),
            Sort::Lost => {
                rows.sort_by_key(|row| std::cmp::Reverse(row.lost + row.dead_lettered + row.failed))
            }
        }
        rows
    }

    fn row(&self, component: &ComponentStats) -> Row {
        let rate = self.rates.get(&key(component));
        let worst = component.dropped.iter().max_by_key(|(_, events)| **events);
        Row {
            kind: component.kind.name(),
            name: component.name.clone(),
            came: rate.map_or(0.0, |rate| rate.came),
            went: rate.map_or(0.0, |rate| rate.went),
            buffered: component.buffer.as_ref().map(|buffer| {
                let share = buffer.bytes as f64 / (buffer.max_bytes.max(1)) as f64;
                (buffer.events, share.min(1.0))
            }),
            lag_ms: component.buffer.as_ref().map_or(0, |buffer| buffer.lag_ms),
            retried: component.counter("retried"),
            dead_lettered: component.counter("dead_lettered"),
            failed: component.counter("failed"),
            lost: component.dropped_total(),
            reason: worst.map(|(reason, _)| reason.clone()),
            history: rate.map_or_else(Vec::new, |rate| rate.history.iter().copied().collect()),
        }
    }
}

fn seconds_between(before: &str, after: &str) -> Option<f64> {
    let (before, after): (jiff::Timestamp, jiff::Timestamp) = (before.parse().ok()?, after.parse().ok()?);
    let seconds = after.duration_since(before).as_secs_f64();
    (seconds > 0.0).then_some(seconds)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn stats(second: u64, received: u64, lost: u64) -> Stats {
        serde_json::from_value(serde_json::json!({
            "node": "punt-0", "time": format!("2026-11-24T09:46:{second:02}Z"), "uptime_seconds": 60 + second,
            "queue_depth": 3, "queue_capacity": 16,
            "components": [
                {"kind": "source", "name": "syslog", "counters": {"received": received, "failed": 2}},
                {"kind": "router", "name": "router", "counters": {"routed": received}},
                {"kind": "sink", "name": "logs",
                 "counters": {"routed": received, "acknowledged": received / 2, "retried": 7},
                 "dropped": {"buffer_full": lost},
                 "buffer": {"events": received / 2, "bytes": 512, "max_bytes": 1024, "lag_ms": 1500}}
            ]
        }))
        .unwrap()
    }

    #[test]
    fn rates_are_events_a_second_between_two_answers() {
        let mut state = State::new(stats(1, 1000, 0), false);
        state.take(stats(3, 3000, 4));
        let rows = state.rows();
        assert_eq!((rows[0].came, rows[2].went), (1000.0, 500.0));
        assert_eq!(rows[2].buffered, Some((1500, 0.5)));
        assert_eq!(
            (rows[2].lost, rows[2].reason.as_deref()),
            (4, Some("buffer_full"))
        );
        state.sort = Sort::Lost;
        assert_eq!(state.rows()[0].name, "logs");
    }

    #[test]
    fn a_punt_that_started_again_has_no_negative_rate() {
        let mut state = State::new(stats(1, 1000, 0), false);
        state.take(stats(2, 10, 0));
        assert_eq!(state.rows()[0].came, 0.0);
        state.lost("gone".to_owned());
        assert!(state.stale.is_some());
    }
}
