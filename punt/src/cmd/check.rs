//! `punt check`: all faults of a configuration file, without opening anything.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{complain, say, terminal::BAD_CONFIG};
use crate::config;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The configuration file, or an original Punt's config.json.
    #[arg(value_name = "FILE", required_unless_present = "config")]
    file: Option<PathBuf>,
    /// The same, as the other commands have it.
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    config: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let given = arguments.file.as_ref().or(arguments.config.as_ref());
    let path = given.expect("clap requires one of them");
    match config::load(path) {
        Ok(config) => {
            let (sources, routes) = (config.sources.len(), config.routes.len());
            let (path, sinks) = (path.display(), config.sinks.len());
            say(&format!(
                "{path}: no faults (sources: {sources}, routes: {routes}, sinks: {sinks})"
            ));
            if let Some(report) = config.converted.map(|report| report.to_string())
                && !report.is_empty()
            {
                say(&report);
            }
            ExitCode::SUCCESS
        }
        Err(faults) => {
            complain(&format!("punt: {faults}"));
            ExitCode::from(BAD_CONFIG)
        }
    }
}
