//! `punt check`: all faults of a configuration file, without opening anything.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{complain, say, terminal::BAD_CONFIG};
use crate::config;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match config::load(&arguments.config) {
        Ok(config) => {
            let (sources, routes) = (config.sources.len(), config.routes.len());
            let (path, sinks) = (arguments.config.display(), config.sinks.len());
            say(&format!(
                "{path}: no faults (sources: {sources}, routes: {routes}, sinks: {sinks})"
            ));
            ExitCode::SUCCESS
        }
        Err(faults) => {
            complain(&format!("punt: {faults}"));
            ExitCode::from(BAD_CONFIG)
        }
    }
}
