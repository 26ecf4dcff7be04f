//! `ops man --out DIR`: the manual pages.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};

use crate::cli::Cli;
use crate::failure::{Failure, Outcome};
use crate::output;

/// Writes a manual page for `ops` and one for each verb.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The folder to write them to.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

// === impl Man ===

impl Man {
    pub(crate) fn run(self) -> Outcome {
        let written = std::fs::create_dir_all(&self.out)
            .and_then(|()| clap_mangen::generate_to(Cli::command(), &self.out));
        written
            .map_err(|error| Failure::plain(format!("cannot write to {}: {error}", self.out.display())))?;
        output::say(&format!("the manual pages are in {}", self.out.display()));
        Ok(())
    }
}
