//! The process's metrics registry (the `metrics` facade over a Prometheus renderer).
//!
//! Code records with `metrics::counter!` and friends; the admin port serves [`render`] at `/metrics`.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Bucket bounds in seconds for every `*_seconds` histogram.
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

pub(crate) fn install() -> Result<(), String> {
    if HANDLE.get().is_some() {
        return Ok(());
    }
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(
            metrics_exporter_prometheus::Matcher::Suffix("_seconds".into()),
            SECONDS,
        )
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| error.to_string())?;
    HANDLE
        .set(handle)
        .map_err(|_| "metrics recorder installed twice".to_owned())
}

/// The registry in Prometheus text format; empty before [`crate::init`].
pub fn render() -> String {
    HANDLE
        .get()
        .map(|handle| {
            handle.run_upkeep();
            handle.render()
        })
        .unwrap_or_default()
}
