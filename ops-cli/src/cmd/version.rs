//! `ops version`.

use clap::Args;
use serde_json::json;

use crate::cli::Output;
use crate::failure::Outcome;
use crate::output;

/// Prints the version.
#[derive(Debug, Args)]
pub(crate) struct Version {
    #[command(flatten)]
    pub(crate) output: Output,
}

// === impl Version ===

impl Version {
    pub(crate) fn run(self) -> Outcome {
        let version = env!("CARGO_PKG_VERSION");
        if self.output.json() {
            return output::object("Version", &json!({ "version": version }));
        }
        output::print(&format!("ops {version}\n"))
    }
}
