//! The log store over HTTP: searches and counts, and a follower that polls. The store has no push, so following
//! is asking again once a second for what is newer, with a little overlap; the ring drops what it has.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc::Sender;

use super::query;
use crate::state::logs::{Batch, Bucket, LogQuery};
use crate::state::{Feed, Msg};

/// How often a follower asks.
const POLL: Duration = Duration::from_secs(1);
/// How long it waits at most after failures.
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// Records of one message.
const CHUNK: usize = 250;
/// How long a search may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A client of the store.
#[derive(Debug, Clone)]
pub struct Store {
    http: reqwest::Client,
    base: String,
    index: String,
}

/// Counts over time.
pub struct Counts {
    /// The start of the first bucket.
    pub from: Timestamp,
    /// The width of a bucket, in milliseconds.
    pub bucket_ms: u64,
    /// One entry a bucket.
    pub buckets: Vec<Bucket>,
}

// === impl Store ===

impl Store {
    /// A client of the store at `base`, searching `index` (a pattern).
    pub fn new(base: &str, index: &str) -> Self {
        Self {
            http: reqwest::Client::new(),
            base: base.trim_end_matches('/').to_owned(),
            index: index.to_owned(),
        }
    }

    /// The newest records, oldest first. With `newest`, what came after it, and how many were too many to fetch.
    pub async fn records(&self, log_query: &LogQuery, newest: Option<Timestamp>) -> Result<Batch, String> {
        let body = query::search_body(log_query, Timestamp::now(), newest);
        let mut batch = query::read_records(&self.call("_search", &body).await?)?;
        let first = batch.records.first().map(|record| record.at);
        if let (Some(newest), Some(first)) = (newest, first)
            && batch.records.len() >= log_query.page
            && first > newest
        {
            let body = query::between_body(log_query, newest, first);
            batch.skipped = self.call("_count", &body).await?["count"].as_u64().unwrap_or(0);
        }
        Ok(batch)
    }

    /// Counts of the query's window over time, in buckets of `bucket_ms`.
    pub async fn counts(&self, log_query: &LogQuery, bucket_ms: u64) -> Result<Counts, String> {
        let now = Timestamp::now();
        let from = query::counts_start(log_query, now, bucket_ms);
        let body = query::counts_body(log_query, now, bucket_ms);
        let answer = self.call("_search", &body).await?;
        Ok(Counts {
            buckets: query::read_counts(&answer, from, bucket_ms, now)?,
            from,
            bucket_ms,
        })
    }

    /// Follows a query until nobody listens.
    pub async fn follow(self, feed: Feed, generation: u64, log_query: LogQuery, messages: Sender<Msg>) {
        let mut newest = None;
        let mut pause = POLL;
        loop {
            let msgs = match self.records(&log_query, newest).await {
                Ok(batch) => {
                    newest = batch.records.last().map(|record| record.at).max(newest);
                    pause = POLL;
                    let chunks = chunks(batch).into_iter();
                    chunks.map(|batch| Msg::Logs(feed, generation, batch)).collect()
                }
                Err(reason) => {
                    pause = (pause * 2).min(MAX_BACKOFF);
                    vec![Msg::LogsFailed(feed, generation, reason)]
                }
            };
            for msg in msgs {
                if messages.send(msg).await.is_err() {
                    return;
                }
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn call(&self, endpoint: &str, body: &Value) -> Result<Value, String> {
        // A store without any record yet is no error.
        let url = format!(
            "{}/{}/{endpoint}?ignore_unavailable=true&allow_no_indices=true",
            self.base, self.index
        );
        let request = self.http.post(url).timeout(TIMEOUT).json(body);
        let unreachable =
            |error: reqwest::Error| format!("cannot reach the store at {}: {}", self.base, cause(&error));
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let text = response.text().await.map_err(unreachable)?;
        if !status.is_success() {
            return Err(query::read_error(status.as_u16(), &text));
        }
        serde_json::from_str(&text)
            .map_err(|error| format!("the store at {} answered no JSON: {error}", self.base))
    }
}

/// A batch in pieces that are taken in well within a frame. An empty one stays: it says that the store answered.
fn chunks(batch: Batch) -> Vec<Batch> {
    let mut records = batch.records.into_iter().peekable();
    let mut chunks = vec![Batch {
        records: records.by_ref().take(CHUNK).collect(),
        skipped: batch.skipped,
    }];
    while records.peek().is_some() {
        chunks.push(Batch {
            records: records.by_ref().take(CHUNK).collect(),
            skipped: 0,
        });
    }
    chunks
}

/// The innermost cause: "connection refused" rather than "error sending request for url".
pub(super) fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string().to_lowercase();
    // The number says nothing that the words before it do not.
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}
