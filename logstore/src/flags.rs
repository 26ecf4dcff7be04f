//! The command line of `logstored`. Every limit of the store is a flag.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::engine::retention;
use crate::engine::settings::duration;
use crate::limits::Limits;
use crate::present::Presented;

/// What `--help` says before the flags.
const ABOUT: &str = "\
The embedded log store: tantivy behind the Elasticsearch REST API.

It answers on http://ADDR like an Elasticsearch 7.17 of one node, so that shippers, Grafana and curl work as \
they are:

    logstored --data ./logs
    curl -H content-type:application/x-ndjson --data-binary @logs.ndjson localhost:9200/logs/_bulk
    curl 'localhost:9200/logs/_search?q=log.level:error&sort=@timestamp:desc'

What it acknowledged is on disk and survives a crash. The address it listens on is written to DATA/http.addr, \
which helps with port 0. SIGTERM stops it in order; a kill costs only a replay at the next start.";

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "logstored", version, about = "The embedded log store: tantivy behind the Elasticsearch REST API", long_about = ABOUT)]
pub struct Flags {
    /// The folder that holds the indices; it is made if missing, and used by one process at a time.
    #[arg(long, value_name = "DIR", default_value = "logstore-data")]
    pub data: PathBuf,
    /// The address to listen on. A supervisor's inherited socket called `http` comes first. One that others can
    /// reach needs --security, or --allow-open.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9200")]
    pub listen: SocketAddr,
    /// Every request needs a user or an API key. The first start makes a user `admin`, whose password is in
    /// DATA/admin-password; more users, roles and keys are made through `_security`.
    #[arg(long)]
    pub security: bool,
    /// Listen on an address that others can reach although everybody may do everything.
    #[arg(long)]
    pub allow_open: bool,
    /// A PEM file with the certificate chain: every listener then speaks HTTPS.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The PEM file with the certificate's private key.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Where this process writes its own log records, as segments of ECS JSON; without it, standard error.
    #[arg(long, value_name = "DIR")]
    pub spool: Option<PathBuf>,
    /// The node's name, in answers and in its own log records.
    #[arg(long, value_name = "NAME", default_value = "logstore-0")]
    pub node: String,
    /// The version to present: 5.6, 7.10, 7.17, 8 or opensearch-3.
    #[arg(long, value_name = "VERSION", default_value = "7.17")]
    pub present_as: Presented,
    /// Another address to listen on, with the version to present there, such as 127.0.0.1:9256=5.6. May be given
    /// several times. Its bound address is written to DATA/http-VERSION.addr.
    #[arg(long = "listener", value_name = "ADDR=VERSION")]
    pub listeners: Vec<ListenerFlag>,
    /// An origin whose pages may read answers in a browser, such as http://localhost:8080; `*` stands for
    /// anything. May be given several times. elasticvue needs it.
    #[arg(long = "cors-origin", value_name = "ORIGIN")]
    pub cors_origins: Vec<String>,
    /// Largest request body in bytes, before and after decompression; beyond it the answer is 413.
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().max_content_length, help_heading = "Limits")]
    pub max_content_length: usize,
    /// Most buckets of one request's aggregations.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_buckets, help_heading = "Limits")]
    pub max_buckets: u32,
    /// Most bytes held by one request's aggregations; beyond it the answer is 429.
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().max_aggregation_memory, help_heading = "Limits")]
    pub max_aggregation_memory: u64,
    /// Largest from + size of a search.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_result_window, help_heading = "Limits")]
    pub max_result_window: usize,
    /// Most bulk requests at once; beyond it the answer is 429, and the client waits and sends again.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_bulk_in_flight, help_heading = "Limits")]
    pub max_bulk_in_flight: usize,
    /// Most bytes of bulk requests at once, as they come in; beyond it the answer is 429.
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().max_bulk_bytes, help_heading = "Limits")]
    pub max_bulk_bytes: usize,
    /// Most searches at once; 64 times as many may wait, beyond that the answer is 429.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_search_in_flight, help_heading = "Limits")]
    pub max_search_in_flight: usize,
    /// Most scrolls and points in time open at once; each holds the files of its moment.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_open_contexts, help_heading = "Limits")]
    pub max_open_contexts: usize,
    /// Longest keep-alive of a scroll or a point in time.
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = time, help_heading = "Limits")]
    pub max_keep_alive: Duration,
    /// Most slices of a scroll or a point in time.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_slices, help_heading = "Limits")]
    pub max_slices: u64,
    /// Most docvalue_fields of a search.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_docvalue_fields, help_heading = "Limits")]
    pub max_docvalue_fields: usize,
    /// Most clauses of a query, with what its wildcards over fields stand for.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_clauses, help_heading = "Limits")]
    pub max_clauses: usize,
    /// Most values of a terms query.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_terms, help_heading = "Limits")]
    pub max_terms: usize,
    /// Longest regular expression of a query, in characters.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_regex_length, help_heading = "Limits")]
    pub max_regex_length: usize,
    /// A search that took longer is logged as a warning, with what it asked.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time, help_heading = "Limits")]
    pub slow_search: Duration,
    /// Most fields of an index, unless its settings say otherwise.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_fields, help_heading = "Limits")]
    pub max_fields: usize,
    /// Memory of each open index writer in bytes, at least 15 MB a thread.
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().writer_memory, help_heading = "Limits")]
    pub writer_memory: usize,
    /// Indexing threads of each open index writer.
    #[arg(long, value_name = "N", default_value_t = Limits::default().writer_threads, help_heading = "Limits")]
    pub writer_threads: usize,
    /// Most index writers kept open.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_open_writers, help_heading = "Limits")]
    pub max_open_writers: usize,
    /// An index writer that is unused this long is closed, which frees its memory.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = time, help_heading = "Limits")]
    pub writer_idle: Duration,
    /// An index commits early once this many bytes are uncommitted.
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().flush_bytes, help_heading = "Limits")]
    pub flush_bytes: u64,
    /// Most bytes of documents in hidden indices (`.kibana*`), which are held in memory; beyond it the answer is 429.
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().max_hidden_bytes, help_heading = "Limits")]
    pub max_hidden_bytes: usize,
    /// How soon writes become visible to searches, unless an index's settings say otherwise.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time, help_heading = "Limits")]
    pub refresh_interval: Duration,
    /// Bytes of the data folder's disk that must stay free: below it writes are refused with 429 until there is space
    /// again. 0 watches nothing.
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().disk_reserve, help_heading = "Limits")]
    pub disk_reserve: u64,
    /// Drop an index whose newest document is older than this, such as 14d; or PATTERN=TIME for the indices of a
    /// pattern. May be given several times; the first rule that is about an index decides.
    #[arg(long, value_name = "[PATTERN=]TIME", value_parser = retention::parse_age, help_heading = "Retention")]
    pub retention: Vec<retention::Rule>,
    /// Drop the oldest indices while all of them, or those of a pattern, are larger than this, such as 50gb.
    #[arg(long, value_name = "[PATTERN=]BYTES", value_parser = retention::parse_bytes, help_heading = "Retention")]
    pub retention_bytes: Vec<retention::Rule>,
    /// A folder that snapshot repositories may lie in; may be given several times. `snapshots` in the data folder is
    /// always one.
    #[arg(long, value_name = "DIR", help_heading = "Retention")]
    pub path_repo: Vec<PathBuf>,
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What else the program does.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Check every file of the data folder against its checksum, and change nothing. The exit code is 1 when something
    /// is damaged.
    Verify {
        /// The data folder; no logstored may be using it.
        #[arg(long, value_name = "DIR", default_value = "logstore-data")]
        data: PathBuf,
    },
}

/// An address and what is presented there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenerFlag {
    /// Where to listen.
    pub listen: SocketAddr,
    /// What to present.
    pub present_as: Presented,
}

impl std::str::FromStr for ListenerFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, version) = text
            .split_once('=')
            .ok_or_else(|| format!("[{text}] is not an address and a version such as 127.0.0.1:9256=5.6"))?;
        Ok(Self {
            listen: address
                .parse()
                .map_err(|error| format!("[{address}] is no address: {error}"))?,
            present_as: version.parse()?,
        })
    }
}

fn time(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| format!("[{text}] is not a time such as 500ms, 30s, 5m or 1h"))
}

// === impl Flags ===

impl Flags {
    /// The limits that the flags say.
    pub fn limits(&self) -> Result<Limits, String> {
        const LEAST: usize = 15_000_000;
        let per_thread = self.writer_memory / self.writer_threads.max(1);
        if self.writer_threads == 0 || per_thread < LEAST {
            return Err(format!(
                "--writer-memory {} is too small for --writer-threads {}: each thread needs at least {LEAST} bytes",
                self.writer_memory, self.writer_threads
            ));
        }
        if self.max_bulk_bytes < self.max_content_length {
            return Err(format!(
                "--max-bulk-bytes {} is less than --max-content-length {}: one full request would never fit",
                self.max_bulk_bytes, self.max_content_length
            ));
        }
        for (flag, value) in [
            ("--max-bulk-in-flight", self.max_bulk_in_flight),
            ("--max-search-in-flight", self.max_search_in_flight),
            ("--max-open-writers", self.max_open_writers),
            ("--max-result-window", self.max_result_window),
        ] {
            if value == 0 {
                return Err(format!("{flag} must be at least 1"));
            }
        }
        Ok(Limits {
            max_content_length: self.max_content_length,
            max_buckets: self.max_buckets,
            max_aggregation_memory: self.max_aggregation_memory,
            max_result_window: self.max_result_window,
            max_bulk_in_flight: self.max_bulk_in_flight,
            max_bulk_bytes: self.max_bulk_bytes,
            max_search_in_flight: self.max_search_in_flight,
            max_open_contexts: self.max_open_contexts,
            max_keep_alive: self.max_keep_alive,
            max_slices: self.max_slices,
            max_docvalue_fields: self.max_docvalue_fields,
            max_clauses: self.max_clauses,
            max_terms: self.max_terms,
            max_regex_length: self.max_regex_length,
            slow_search: self.slow_search,
            max_fields: self.max_fields,
            writer_memory: self.writer_memory,
            writer_threads: self.writer_threads,
            max_open_writers: self.max_open_writers,
            writer_idle: self.writer_idle,
            flush_bytes: self.flush_bytes,
            max_hidden_bytes: self.max_hidden_bytes,
            refresh_interval: self.refresh_interval,
            disk_reserve: self.disk_reserve,
            path_repo: self.path_repo.clone(),
            retention: retention::merged(&self.retention, &self.retention_bytes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_the_flags_are_the_defaults_of_the_limits() {
        let flags = Flags::parse_from(["logstored"]);
        assert_eq!(
            format!("{:?}", flags.limits().unwrap()),
            format!("{:?}", Limits::default())
        );
    }

    #[test]
    fn an_unknown_version_is_refused_by_name() {
        let error = Flags::try_parse_from(["logstored", "--present-as", "9"])
            .unwrap_err()
            .to_string();
        assert!(error.contains("cannot present [9]"), "{error}");
        assert!(error.contains("opensearch-3"), "{error}");
    }

    #[test]
    fn a_listener_is_an_address_and_a_version() {
        let flags = Flags::parse_from([
            "logstored",
            "--listener",
            "127.0.0.1:9256=5.6",
            "--listener",
            "[::1]:1=8",
        ]);
        assert_eq!(flags.listeners[0].present_as, Presented::V5_6);
        assert_eq!(flags.listeners[1].listen.port(), 1);
        assert!(Flags::try_parse_from(["logstored", "--listener", "127.0.0.1:9256"]).is_err());
    }
}
