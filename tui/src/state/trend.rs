//! The last minutes of every cluster, one sample a second, kept by time: a pause in the stream is a hole in the
//! chart, not a line drawn through it.

use std::collections::{BTreeMap, VecDeque};

use ops_api::Fleet;

/// How long samples are kept, in milliseconds.
pub const SPAN_MS: u64 = 15 * 60_000;
/// Samples closer together than this are one.
const STEP_MS: u64 = 900;

/// What was measured at one time.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    at_ms: u64,
    /// Requests or events a second.
    pub rate: f64,
    /// Failed ones in a hundred.
    pub error_percent: f64,
    /// 99th percentile, in milliseconds.
    pub p99_ms: f64,
    /// What waits.
    pub queue: f64,
}

/// Samples of all clusters.
#[derive(Debug, Default)]
pub struct Trends {
    clusters: BTreeMap<String, VecDeque<Sample>>,
}

// === impl Trends ===

impl Trends {
    /// Takes a picture in. Clusters that are no more are forgotten.
    pub fn push(&mut self, fleet: &Fleet, now_ms: u64) {
        self.clusters.retain(|name, _| fleet.cluster(name).is_some());
        for cluster in &fleet.clusters {
            let samples = self.clusters.entry(cluster.name.clone()).or_default();
            if samples.back().is_some_and(|last| now_ms < last.at_ms + STEP_MS) {
                continue;
            }
            samples.push_back(Sample {
                at_ms: now_ms,
                rate: cluster.rate,
                error_percent: cluster.error_percent,
                p99_ms: cluster.p99_ms,
                #[expect(clippy::cast_precision_loss, reason = "a chart of eight steps")]
                queue: cluster.queue as f64,
            });
            while samples
                .front()
                .is_some_and(|first| first.at_ms + SPAN_MS < now_ms)
            {
                samples.pop_front();
            }
        }
    }

    /// One value a column over the last `span_ms`, newest last: the greatest sample of the column's time, or
    /// `None` when there is none.
    pub fn series(
        &self,
        cluster: &str,
        columns: usize,
        span_ms: u64,
        now_ms: u64,
        value: impl Fn(&Sample) -> f64,
    ) -> Vec<Option<f64>> {
        let mut series = vec![None; columns];
        let Some(samples) = self.clusters.get(cluster) else {
            return series;
        };
        let step = (span_ms / columns.max(1) as u64).max(1);
        for sample in samples.iter().rev() {
            let age = now_ms.saturating_sub(sample.at_ms) / step;
            let Some(column) = usize::try_from(age)
                .ok()
                .and_then(|age| columns.checked_sub(1 + age))
            else {
                break;
            };
            let sampled = value(sample);
            let slot: &mut Option<f64> = &mut series[column];
            *slot = Some(slot.map_or(sampled, |other| other.max(sampled)));
        }
        series
    }
}
