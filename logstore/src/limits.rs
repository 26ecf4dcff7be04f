//! The limits of the store: each has a name, a default, and a flag of `logstored`.

use std::path::PathBuf;
use std::time::Duration;

use crate::engine::retention::Rule;
use crate::engine::settings::duration;

/// Every bound the store keeps. Memory and queues are bounded by these and by nothing else.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest request body, compressed or not, in bytes; beyond it the answer is 413.
    pub max_content_length: usize,
    /// Most buckets one request's aggregations may return.
    pub max_buckets: u32,
    /// Most bytes that one request's aggregations may hold; beyond it the answer is 429.
    pub max_aggregation_memory: u64,
    /// Largest `from + size` of a search.
    pub max_result_window: usize,
    /// Most bulk requests worked on at once; beyond it the answer is 429.
    pub max_bulk_in_flight: usize,
    /// Most bytes of bulk requests held at once; beyond it the answer is 429.
    pub max_bulk_bytes: usize,
    /// Most searches worked on at once; beyond 64 times as many waiting, the answer is 429.
    pub max_search_in_flight: usize,
    /// Most scrolls and points in time open at once; beyond it the answer is 429.
    pub max_open_contexts: usize,
    /// Longest time that a scroll or a point in time is kept for its next request.
    pub max_keep_alive: Duration,
    /// Most slices of a scroll or a point in time.
    pub max_slices: u64,
    /// Most `docvalue_fields` of a search.
    pub max_docvalue_fields: usize,
    /// Most clauses of a query, after wildcards over fields are expanded.
    pub max_clauses: usize,
    /// Most values of a `terms` query.
    pub max_terms: usize,
    /// Longest regular expression of a query, in characters.
    pub max_regex_length: usize,
    /// A search that took longer is logged.
    pub slow_search: Duration,
    /// Most mapped fields of an index.
    pub max_fields: usize,
    /// Memory of one index writer in bytes.
    pub writer_memory: usize,
    /// Indexing threads of one index writer.
    pub writer_threads: usize,
    /// Most index writers open at once; the one unused the longest is closed.
    pub max_open_writers: usize,
    /// An index writer unused this long is closed.
    pub writer_idle: Duration,
    /// An index commits early when this many bytes wait in its write-ahead log.
    pub flush_bytes: u64,
    /// Most bytes of documents in hidden indices, which are held in memory; beyond it the answer is 429.
    pub max_hidden_bytes: usize,
    /// How often a dirty index becomes visible to searches, unless its settings say otherwise.
    pub refresh_interval: Duration,
    /// Bytes of the disk that stay free: below it writes are refused with 429.
    pub disk_reserve: u64,
    /// Folders that snapshot repositories may lie in.
    pub path_repo: Vec<PathBuf>,
    /// Which indices are dropped when.
    pub retention: Vec<Rule>,
}

// === impl Limits ===

impl Limits {
    /// The limits of searches in an index, whose settings may say otherwise (`index.max_result_window` and its
    /// kind). `setting` gives a setting by its full name.
    #[must_use]
    pub fn of_index(&self, setting: impl Fn(&str) -> Option<String>) -> Self {
        let mut limits = self.clone();
        for (name, limit) in [
            ("index.max_result_window", &mut limits.max_result_window),
            (
                "index.max_docvalue_fields_search",
                &mut limits.max_docvalue_fields,
            ),
            ("index.max_terms_count", &mut limits.max_terms),
            ("index.max_regex_length", &mut limits.max_regex_length),
        ] {
            override_by(limit, setting(name));
        }
        override_by(&mut limits.max_slices, setting("index.max_slices_per_scroll"));
        limits
    }

    /// The limits of searches under the settings of the cluster, flat.
    #[must_use]
    pub fn under(&self, settings: &serde_json::Map<String, serde_json::Value>) -> Self {
        let mut limits = self.clone();
        let setting = |name: &str| settings.get(name).map(crate::query::dsl::text);
        override_by(&mut limits.max_buckets, setting("search.max_buckets"));
        override_by(
            &mut limits.max_clauses,
            setting("indices.query.bool.max_clause_count"),
        );
        if let Some(time) = setting("search.max_keep_alive").and_then(|text| duration(&text)) {
            limits.max_keep_alive = time;
        }
        limits
    }
}

fn override_by<T: std::str::FromStr>(limit: &mut T, said: Option<String>) {
    if let Some(said) = said.and_then(|text| text.parse().ok()) {
        *limit = said;
    }
}

impl Default for Limits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self {
            max_content_length: 100 << 20,
            max_buckets: 65_536,
            max_aggregation_memory: 512 << 20,
            max_result_window: 10_000,
            max_bulk_in_flight: 64,
            max_bulk_bytes: 512 << 20,
            max_search_in_flight: cores.max(2),
            max_open_contexts: 500,
            max_keep_alive: Duration::from_secs(24 * 3600),
            max_slices: 1_024,
            max_docvalue_fields: 100,
            max_clauses: 1_024,
            max_terms: 65_536,
            max_regex_length: 1_000,
            slow_search: Duration::from_secs(5),
            max_fields: 1_000,
            writer_memory: 64 << 20,
            writer_threads: 1,
            max_open_writers: 16,
            writer_idle: Duration::from_secs(300),
            flush_bytes: 48 << 20,
            max_hidden_bytes: 64 << 20,
            refresh_interval: Duration::from_secs(1),
            disk_reserve: 256 << 20,
            path_repo: Vec::new(),
            retention: Vec::new(),
        }
    }
}
