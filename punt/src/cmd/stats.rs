//! `punt stats`: the counters of a running punt, as a table, as JSON, or for Prometheus.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use punt_control::Client;

use super::{failed, say, table};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The control socket: `control` in the configuration, or DATA/punt.sock.
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// How to print it.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// Prints again and again, every so many seconds (2 without a number).
    #[arg(short, long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    watch: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    Table,
    Json,
    /// As `/metrics` has it.
    Prometheus,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime");
    let result = runtime.and_then(|runtime| runtime.block_on(show(arguments)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

async fn show(arguments: &Arguments) -> anyhow::Result<()> {
    let client = Client::new(&arguments.socket);
    // A screen is cleared; a file or a pipe gets one answer after the other.
    let clear =
        arguments.watch.is_some() && arguments.output == Output::Table && std::io::stdout().is_terminal();
    loop {
        let text = match arguments.output {
            Output::Json if arguments.watch.is_some() => {
                serde_json::to_string(&client.stats().await?).context("writing JSON")?
            }
            Output::Json => serde_json::to_string_pretty(&client.stats().await?).context("writing JSON")?,
            Output::Table => table::stats(&client.stats().await?),
            Output::Prometheus => client.metrics().await?,
        };
        let clear = if clear { "\u{1b}[2J\u{1b}[H" } else { "" };
        let heard = say(&format!("{clear}{}", text.trim_end()));
        match arguments.watch {
            Some(seconds) if heard => tokio::time::sleep(Duration::from_secs(seconds)).await,
            _ => return Ok(()),
        }
    }
}
