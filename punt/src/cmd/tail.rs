//! `punt tail`: events as they pass, as JSON, one a line.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use punt_control::{Answer, Client, Filter};

use super::{complain, failed, say};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The control socket: `control` in the configuration, or DATA/punt.sock.
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// Only events with this field, such as service.name=guilds or log.level=err*. Several must all match.
    #[arg(long = "filter", value_name = "FIELD=VALUE", value_parser = condition)]
    filters: Vec<(String, String)>,
    /// The share of events to show, such as 0.01.
    #[arg(long, value_name = "SHARE", default_value_t = 1.0)]
    sample: f64,
}

pub(crate) fn run(arguments: Arguments) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime");
    match runtime.and_then(|runtime| runtime.block_on(follow(arguments))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

async fn follow(arguments: Arguments) -> anyhow::Result<()> {
    let filter: Filter = arguments.filters.into_iter().collect();
    let mut tail = Client::new(&arguments.socket)
        .tail(filter, arguments.sample)
        .await?;
    while let Some(line) = tail.next().await? {
        match line {
            Answer::Event(event) => {
                if !say(&serde_json::to_string(&event).context("writing JSON")?) {
                    break;
                }
            }
            Answer::Dropped(missed) => complain(&format!("({missed} events passed too fast to show)")),
            Answer::Stats(_) | Answer::Reloaded(_) | Answer::Error(_) => {}
        }
    }
    Ok(())
}

fn condition(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((field, value)) if !field.is_empty() => Ok((field.to_owned(), value.to_owned())),
        _ => Err(format!("{text:?} is no FIELD=VALUE")),
    }
}
