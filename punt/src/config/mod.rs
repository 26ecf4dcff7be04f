//! The configuration of a topology: sources, routes and sinks by name.
//!
//! Every table refuses keys that it does not know. A file with faults is refused with all of them, each with
//! its line, before anything is opened.

mod alert;
mod duration;
mod fault;
mod file;
mod index;
mod route;
mod sink;
mod source;
mod test;
mod transform;
mod variable;
mod when;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

pub(crate) use alert::{ActionConfig, AlertConfig, SendingConfig};
pub(crate) use file::load;
pub(crate) use index::IndexPattern;
pub(crate) use route::RouteConfig;
pub(crate) use sink::{
    BufferKind, Concurrency, DeliveryConfig, ElasticsearchConfig, Encoding, FileSinkConfig, Fsync,
    HttpEncoding, HttpSinkConfig, LokiConfig, LokiLine, Operation, Retention, RetentionBy, SinkConfig,
    TargetConfig, WhenFull,
};
pub(crate) use source::{
    ClientIndex, FileConfig, FileFormat, HttpAuth, HttpConfig, HttpFormat, HttpIds, JournaldConfig,
    MultilineConfig, ReadFrom, SourceConfig, SpoolConfig, StdinConfig, SyslogConfig, TlsConfig, WhenLimited,
};
pub(crate) use test::{InputConfig, OutputConfig, TestConfig};
pub(crate) use transform::{
    Format, GeoStyle, OnFailure, ParseConfig, Scalar, Secret, TransformConfig, Unit, UnpackConfig, VrlConfig,
};
pub(crate) use when::When;

/// A valid configuration.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) process: ProcessConfig,
    pub(crate) sources: Vec<(String, SourceConfig)>,
    /// The transforms that a source's events go through, in order, by source.
    pub(crate) source_transforms: BTreeMap<String, Vec<String>>,
    pub(crate) transforms: Vec<(String, TransformConfig)>,
    pub(crate) alerts: Vec<(String, AlertConfig)>,
    pub(crate) actions: Vec<(String, ActionConfig)>,
    pub(crate) routes: Vec<(String, RouteConfig)>,
    pub(crate) sinks: Vec<(String, SinkConfig)>,
    /// What `punt test` runs.
    pub(crate) tests: Vec<TestConfig>,
    /// All of it as it was read, to see what a reload changes.
    pub(crate) table: toml::Table,
    /// What was remarked when it was converted from the original Punt's.
    pub(crate) converted: Option<crate::legacy::Report>,
}

/// The keys at the top of the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProcessConfig {
    /// The folder of buffers, checkpoints and dead letters. One punt at a time uses it.
    pub(crate) data: PathBuf,
    /// Where `/metrics`, `/livez` and `/readyz` are served. Without it, nowhere.
    pub(crate) metrics: Option<SocketAddr>,
    /// The control socket, for `punt stats` and `punt tail`. Without it, `DATA/punt.sock`.
    pub(crate) control: Option<PathBuf>,
    /// Where the original Punt's `punt-cli` may connect. Without it, nowhere.
    pub(crate) tail: Option<TailConfig>,
    /// How long a stop may take to drain before what is left stays in the buffers.
    #[serde(default = "grace", with = "duration")]
    pub(crate) grace: Duration,
}

/// `[tail]`: the original Punt's control protocol, over TCP and without a token: whoever connects sees the logs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TailConfig {
    /// Such as `127.0.0.1:1234`, where `punt-cli` looks by default.
    pub(crate) address: SocketAddr,
    /// The syslog tags that can be asked for; without it, any.
    #[serde(default)]
    pub(crate) types: Vec<String>,
}

fn grace() -> Duration {
    Duration::from_secs(10)
}

// === impl ProcessConfig ===

impl ProcessConfig {
    pub(crate) fn control(&self) -> PathBuf {
        self.control
            .clone()
            .unwrap_or_else(|| self.data.join("punt.sock"))
    }
}
