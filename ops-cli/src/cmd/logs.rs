//! `ops logs`: log records from the store, as punt delivered them.

use std::collections::HashSet;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use punt_elastic::{Elastic, Hit};
use regex::Regex;
use serde_json::{Map, Value, json};

use crate::cli::Output;
use crate::context::Context;
use crate::duration;
use crate::failure::{Code, Failure, Outcome};
use crate::output;
use crate::table::clean;

/// The indices of the log.
const INDEX: &str = "guildwatch-*";
/// The most records of one page.
const MAX_TAIL: usize = 10_000;
/// Between two looks of `-f`.
const FOLLOW: Duration = Duration::from_millis(500);
/// A record may arrive in the store this much later than it was written.
const LATE: Duration = Duration::from_secs(10);
/// The store answers within this.
const LIMIT: Duration = Duration::from_secs(10);

/// Shows log records.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Only those of these clusters or nodes.
    #[arg(value_name = "CLUSTER|NODE")]
    of: Vec<String>,
    /// Go on with new ones.
    #[arg(short, long)]
    follow: bool,
    /// How far back.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration::parse)]
    since: Duration,
    /// This level and worse.
    #[arg(long, value_enum)]
    level: Option<Level>,
    /// Only those whose line matches this regular expression.
    #[arg(short, long, value_name = "REGEX")]
    grep: Option<Regex>,
    /// At most so many from before now.
    #[arg(long, default_value_t = 200)]
    tail: usize,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// A level of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

// === impl Logs ===

impl Logs {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let stack = context.stack()?;
        let elastic = Elastic::new(&stack.store)
            .map_err(store_failure)?
            .with_timeout(LIMIT);
        let since = Timestamp::now()
            .checked_sub(jiff::SignedDuration::try_from(self.since).unwrap_or(jiff::SignedDuration::MAX))
            .unwrap_or(Timestamp::MIN);
        let mut seen = HashSet::new();
        let mut newest = self.page(&elastic, since, &mut seen).await?.unwrap_or(since);
        if !self.follow {
            return Ok(());
        }
        loop {
            tokio::select! {
                () = tokio::time::sleep(FOLLOW) => {}
                interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
            }
            let from = newest
                .checked_sub(jiff::SignedDuration::try_from(LATE).unwrap_or_default())
                .unwrap_or(newest);
            match self.page(&elastic, from.max(since), &mut seen).await {
                Ok(found) => newest = found.map_or(newest, |found| found.max(newest)),
                // The store may be restarting: what it missed is still to come.
                Err(failure) if failure.code() == Code::Unreachable => {}
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Prints what was not seen yet, oldest first; the newest time of it.
    async fn page(
        &self,
        elastic: &Elastic,
        from: Timestamp,
        seen: &mut HashSet<String>,
    ) -> Result<Option<Timestamp>, Failure> {
        let size = if self.follow && !seen.is_empty() {
            MAX_TAIL
        } else {
            self.tail.min(MAX_TAIL)
        };
        let body = json!({
            "size": size,
            "sort": [{"@timestamp": {"order": "desc"}}, {"_doc": {"order": "desc"}}],
            "query": self.query(from),
        });
        let found = elastic.search(INDEX, &body).await.map_err(store_failure)?;
        let mut newest = None;
        let mut fresh = HashSet::new();
        for hit in found.hits.iter().rev() {
            let time = hit
                .source
                .get("@timestamp")
                .and_then(Value::as_str)
                .and_then(|text| text.parse().ok());
            newest = newest.max(time);
            if !seen.contains(&hit.id) {
                self.show(hit)?;
            }
            fresh.insert(hit.id.clone());
        }
        // What is older than the window will not be found again.
        if !fresh.is_empty() {
            *seen = fresh;
        }
        Ok(newest)
    }

    fn query(&self, from: Timestamp) -> Value {
        let mut filters = vec![json!({"range": {"@timestamp": {"gte": from.to_string()}}})];
        if !self.of.is_empty() {
            filters.push(json!({"bool": {"minimum_should_match": 1, "should": [
                {"terms": {"service.name": self.of}},
                {"terms": {"service.node.name": self.of}},
            ]}}));
        }
        if let Some(level) = self.level {
            let levels: Vec<&str> = LEVELS
                .iter()
                .filter(|(l, _)| *l >= level)
                .map(|(_, name)| *name)
                .collect();
            filters.push(json!({"terms": {"log.level": levels}}));
        }
        json!({"bool": {"filter": filters}})
    }

    fn show(&self, hit: &Hit) -> Outcome {
        let line = line(&hit.source);
        if self.grep.as_ref().is_some_and(|grep| !grep.is_match(&line)) {
            return Ok(());
        }
        if self.output.json() {
            let json =
                serde_json::to_string(&hit.source).map_err(|error| Failure::plain(error.to_string()))?;
            return output::print(&(json + "\n"));
        }
        output::print(&(line + "\n"))
    }
}

const LEVELS: [(Level, &str); 5] = [
    (Level::Trace, "trace"),
    (Level::Debug, "debug"),
    (Level::Info, "info"),
    (Level::Warn, "warn"),
    (Level::Error, "error"),
];

/// One record on one line: time, level, who, message, and the fields that are not constant.
fn line(record: &Map<String, Value>) -> String {
    let of = |name: &str| record.get(name).map(plain).unwrap_or_default();
    let who = match of("service.node.name") {
        node if node.is_empty() => of("service.name"),
        node => node,
    };
    let who = if who.is_empty() { of("host.name") } else { who };
    let mut line = format!(
        "{} {:<5} {who:<11} {}",
        of("@timestamp"),
        of("log.level"),
        of("message")
    );
    for (name, value) in record {
        let own = [
            "labels.",
            "numeric_labels.",
            "error.",
            "event.reason",
            "event.outcome",
            "user.",
        ];
        if own.iter().any(|prefix| name.starts_with(prefix)) {
            let short = name
                .strip_prefix("numeric_labels.")
                .or_else(|| name.strip_prefix("labels."))
                .unwrap_or(name);
            line += &format!(" {short}={}", plain(value));
        }
    }
    clean(&line)
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn store_failure(error: punt_elastic::Error) -> Failure {
    let code = if error.status().is_none() {
        Code::Unreachable
    } else {
        Code::Failed
    };
    Failure::new(
        code,
        format!("the log store does not answer: {error}"),
        "see `ops status logstore`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_line_whatever_is_in_it() {
        let record = json!({
            "@timestamp": "2026-11-24T09:46:51.123Z", "log.level": "warn", "message": "node\nlost",
            "service.name": "control", "service.node.name": "control-0", "labels.node": "guilds-1",
            "numeric_labels.generation": 7, "ecs.version": "8.11.0",
        });
        let Value::Object(record) = record else {
            panic!("an object")
        };
        assert_eq!(
            line(&record),
            "2026-11-24T09:46:51.123Z warn  control-0   node\u{fffd}lost node=guilds-1 generation=7"
        );
    }
}
