//! `ops op`: operations, which live on the server.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::operation::{conclude, page, target, wait};
use crate::cli::Output;
use crate::context::{self, Context};
use crate::duration;
use crate::failure::Outcome;
use crate::output;
use crate::table::{Table, text};

/// What to do with operations.
#[derive(Debug, Subcommand)]
pub(crate) enum Op {
    /// All that are remembered, newest first.
    List(List),
    /// One in full.
    Show(One),
    /// Wait until one has ended.
    Watch(Watch),
    /// End one early: no further node is touched, and the current one is finished or taken back.
    Abort(One),
}

/// Lists operations.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    output: Output,
}

/// One operation.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// Its id.
    id: String,
    #[command(flatten)]
    output: Output,
}

/// Waits for one operation.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Its id.
    id: String,
    /// At most this long.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    timeout: Option<Duration>,
    #[command(flatten)]
    output: Output,
}

// === impl Op ===

impl Op {
    pub(crate) fn output(&self) -> Output {
        match self {
            Self::List(verb) => verb.output,
            Self::Show(verb) | Self::Abort(verb) => verb.output,
            Self::Watch(verb) => verb.output,
        }
    }

    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let control = context.control()?;
        match self {
            Self::List(verb) => {
                let operations = control.operations().await?;
                if verb.output.json() {
                    return output::list("OperationList", &operations);
                }
                let mut table = Table::new(
                    &["ID", "RESTART", "STATE", "DONE", "BY", "CREATED", "REASON"],
                    false,
                );
                for operation in operations {
                    let (done, all) = operation.progress();
                    table.row([
                        text(&operation.id),
                        text(target(&operation)),
                        text(format!("{:?}", operation.state).to_lowercase()),
                        text(format!("{done}/{all}")),
                        text(&operation.request.by),
                        text(format!("{:.0}", operation.created)),
                        text(&operation.request.reason),
                    ]);
                }
                output::print(&table.text())
            }
            Self::Show(verb) => {
                let operation = control.operation(&verb.id).await?;
                if verb.output.json() {
                    return output::object("Operation", &operation);
                }
                output::print(&page(&operation))
            }
            Self::Watch(verb) => {
                let operation = wait(&control, &verb.id, verb.timeout).await?;
                conclude(&operation, verb.output.json())
            }
            Self::Abort(verb) => {
                control.abort(&verb.id, &context::by("cli")).await?;
                let operation = wait(&control, &verb.id, None).await?;
                if verb.output.json() {
                    return output::object("Operation", &operation);
                }
                output::print(&page(&operation))
            }
        }
    }
}
