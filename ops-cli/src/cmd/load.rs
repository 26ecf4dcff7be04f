//! `ops load`: loads the stack as its users do, and judges what it delivers.

use std::time::Duration;

use clap::Args;

use crate::cli::Output;
use crate::context::{self, Context};
use crate::duration;
use crate::failure::{Code, Failure, Outcome};
use crate::output;

/// Loads the stack.
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// Simulated users, each with one session.
    #[arg(long, default_value_t = 100)]
    users: usize,
    /// Guilds that they are spread over.
    #[arg(long, default_value_t = 10)]
    guilds: usize,
    /// Messages a second, over all guilds.
    #[arg(long, default_value_t = 100.0)]
    rate: f64,
    /// How long messages are sent.
    #[arg(long, default_value = "30s", value_parser = duration::parse)]
    duration: Duration,
    /// Users that connect a second.
    #[arg(long, default_value_t = 50.0)]
    ramp: f64,
    /// How long to wait at the end for what is missing.
    #[arg(long, default_value = "15s", value_parser = duration::parse)]
    settle: Duration,
    #[command(flatten)]
    pub(crate) output: Output,
}

// === impl Load ===

impl Load {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let options = ops_load::Options {
            control: context.control()?,
            edge: context.stack()?.edge,
            users: self.users,
            guilds: self.guilds,
            rate: self.rate,
            duration: self.duration,
            ramp: self.ramp,
            settle: self.settle,
            by: context::by("load"),
            progress: !self.output.json(),
        };
        let report = ops_load::run(options, lifecycle::stop_token()?).await?;
        if self.output.json() {
            output::object("LoadReport", &report)?;
        } else {
            let mut text = Vec::new();
            report.write_table(&mut text)?;
            output::print(&String::from_utf8_lossy(&text))?;
        }
        if report.ok() {
            return Ok(());
        }
        Err(Failure::new(
            Code::Unhealthy,
            "the stack did not keep its word: see what was lost, duplicated, reordered or failed above",
            "",
        ))
    }
}
