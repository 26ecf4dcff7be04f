//! `punt convert`: the original Punt's config.json as a configuration of ours.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use super::{complain, failed, say, terminal::BAD_CONFIG};
use crate::legacy;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The original Punt's config.json.
    #[arg(value_name = "FILE")]
    config: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let path = &arguments.config;
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()));
    let text = match text {
        Ok(text) => text,
        Err(error) => return failed(&error),
    };
    match legacy::read(&text, path.parent().unwrap_or(Path::new(""))) {
        (Some(converted), _) => {
            say(converted.trim_end());
            ExitCode::SUCCESS
        }
        (None, report) => {
            complain(&format!("punt: {} cannot be converted", path.display()));
            for fault in &report.faults {
                complain(&format!("  {}: {fault}", path.display()));
            }
            ExitCode::from(BAD_CONFIG)
        }
    }
}
