//! `punt stats`: the counters of a running punt, as a table or as JSON.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use punt_control::{Client, Stats};

use super::{failed, say, table};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The control socket: `control` in the configuration, or DATA/punt.sock.
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// How to print it.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    Table,
    Json,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match fetch(&arguments.socket).and_then(|stats| render(&stats, arguments.output)) {
        Ok(text) => {
            say(text.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

fn fetch(socket: &std::path::Path) -> anyhow::Result<Stats> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    Ok(runtime.block_on(Client::new(socket).stats())?)
}

fn render(stats: &Stats, output: Output) -> anyhow::Result<String> {
    match output {
        Output::Json => serde_json::to_string_pretty(stats).context("writing JSON"),
        Output::Table => Ok(table::stats(stats)),
    }
}
