//! `ops audit`: who did what, why, and how it ended.

use clap::Args;

use crate::cli::Output;
use crate::context::Context;
use crate::failure::Outcome;
use crate::output;
use crate::table::{Table, text};

/// Shows the audit log, newest first.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// At most so many entries.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    pub(crate) output: Output,
}

// === impl Audit ===

impl Audit {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let entries = context.control()?.audit(self.limit).await?;
        if self.output.json() {
            return output::list("AuditEntryList", &entries);
        }
        let mut table = Table::new(&["AT", "BY", "ACTION", "OUTCOME", "OPERATION", "REASON"], false);
        for entry in entries {
            table.row([
                text(format!("{:.0}", entry.at)),
                text(entry.by),
                text(entry.action),
                text(entry.outcome),
                text(entry.operation.unwrap_or_default()),
                text(entry.reason),
            ]);
        }
        output::print(&table.text())
    }
}
