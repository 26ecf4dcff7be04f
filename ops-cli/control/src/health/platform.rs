//! What the platform's own processes say about themselves: the log store and punt, over HTTP.

use std::time::Duration;

use serde_json::Value;

use super::verdict::Report;

/// The store: its cluster health, and how much was written to it.
pub(crate) async fn store(http: &reqwest::Client, base: &str, limit: Duration) -> Result<Report, String> {
    let health: Value = get(http, &format!("{base}/_cluster/health"), limit).await?;
    let status = health["status"].as_str().unwrap_or("red");
    let stats: Value = get(http, &format!("{base}/_stats"), limit)
        .await
        .unwrap_or_default();
    let total = &stats["_all"]["primaries"];
    let documents = total["docs"]["count"].as_u64().unwrap_or(0);
    Ok(Report {
        complaint: (status == "red").then(|| "the store calls itself red".to_owned()),
        severe: status == "red",
        // An engine that does not count what it indexed still counts what it holds.
        requests: total["indexing"]["index_total"].as_u64().unwrap_or(documents),
        errors: total["indexing"]["index_failed"].as_u64().unwrap_or(0),
        holds: documents,
        holds_unit: "documents".to_owned(),
        ..Report::default()
    })
}

/// punt: its metrics.
pub(crate) async fn punt(http: &reqwest::Client, base: &str, limit: Duration) -> Result<Report, String> {
    let response = http.get(format!("{base}/metrics")).timeout(limit).send().await;
    let text = async { response?.error_for_status()?.text().await };
    let text = text.await.map_err(|error| brief(&error))?;
    Ok(read_punt(&text))
}

fn read_punt(metrics: &str) -> Report {
    let sum = |name: &str| total(metrics, name);
    Report {
        requests: sum("punt_received_events_total") as u64,
        // Lost, each with a reason in punt's own statistics.
        errors: sum("punt_dropped_events_total") as u64,
        queue: sum("punt_buffer_events") as u64,
        holds: sum("punt_buffer_bytes") as u64,
        holds_unit: "buffered bytes".to_owned(),
        ..Report::default()
    }
}

/// The sum of all series called `name` in Prometheus text.
fn total(metrics: &str, name: &str) -> f64 {
    metrics
        .lines()
        .filter_map(|line| line.strip_prefix(name))
        .filter(|rest| rest.starts_with(['{', ' ']))
        .filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

async fn get(http: &reqwest::Client, url: &str, limit: Duration) -> Result<Value, String> {
    let response = http.get(url).timeout(limit).send().await;
    let json = async { response?.error_for_status()?.json().await };
    json.await.map_err(|error| brief(&error))
}

/// An HTTP client's error in a few words: the innermost cause says most.
pub(crate) fn brief(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_one_name_are_summed_and_longer_names_are_not() {
        let text = "# TYPE a counter\na{x=\"1\"} 2\na{x=\"2 3\"} 3\na_total 100\na 1.5\n";
        assert_eq!(total(text, "a"), 6.5);
    }
}
