//! The log record, its spool, and the metrics registry: what every process of ours says about itself.
//!
//! A `tracing` event becomes one line of flat Elastic Common Schema JSON ([`record`], design section 5) and is
//! written with `write(2)` to the process's own spool ([`spool`]) before the call returns, so that a record
//! which was logged before a reply survives a `kill -9` after it. punt tails the spools and owns their
//! deletion. Nothing here knows Elasticsearch or the network.

mod layer;
pub mod metrics;
pub mod record;
pub mod spool;

use std::path::PathBuf;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

pub use record::Identity;
pub use spool::SpoolSettings;

/// What [`init`] needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `service.name`: the cluster (`guilds`), or `punt`, `logstore`, `control`, `supervisor`.
    pub service: String,
    /// `service.node.name`: the process (`guilds-0`).
    pub node: String,
    /// The folder of this process's own spool; without one, records go to standard error only.
    pub spool: Option<PathBuf>,
    /// The filter used when `RUST_LOG` is not set, in `tracing_subscriber::EnvFilter` syntax.
    pub default_filter: String,
}

impl Settings {
    /// Settings for a service process: level `info`, spool in `spool` when given.
    pub fn service(service: &str, node: &str, spool: Option<PathBuf>) -> Self {
        Self {
            service: service.to_owned(),
            node: node.to_owned(),
            spool,
            default_filter: "info".to_owned(),
        }
    }
}

/// Why logging could not start.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The spool folder cannot be created or written.
    #[error("cannot open the log spool {path}: {source}", path = path.display())]
    Spool {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A subscriber or recorder is installed already.
    #[error("logging is initialised already: {0}")]
    Twice(String),
}

/// Installs the subscriber and the metrics recorder of this process. Call it once, early in `main`.
///
/// With a spool, standard error gets warnings and worse; without one, everything.
pub fn init(settings: &Settings) -> Result<(), InitError> {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(&settings.default_filter));
    let identity = Identity::new(&settings.service, &settings.node);
    let spool = match &settings.spool {
        None => None,
        Some(path) => {
            let spool =
                spool::Spool::open(path, SpoolSettings::default()).map_err(|source| InitError::Spool {
                    path: path.clone(),
                    source,
                })?;
            Some(layer::EcsLayer::new(identity, spool))
        }
    };
    let terminal_level = if spool.is_some() {
        tracing_subscriber::filter::LevelFilter::WARN
    } else {
        tracing_subscriber::filter::LevelFilter::TRACE
    };
    let terminal = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_filter(terminal_level);
    metrics::install().map_err(InitError::Twice)?;
    tracing_subscriber::registry()
        .with(filter)
        .with(spool)
        .with(terminal)
        .try_init()
        .map_err(|error| InitError::Twice(error.to_string()))
}
