//! `punt tail`: events as they pass, one a line.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use punt_control::{Answer, Client, Filter};

use super::layout::Layout;
use super::terminal::no_color;
use super::{complain, failed, say};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The control socket: `control` in the configuration, or DATA/punt.sock.
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// Only events for which this holds: FIELD=VALUE, such as log.level=err*, or an expression in Lucene's syntax,
    /// such as 'service.name:guilds AND NOT log.level:(debug OR trace)'. Several must all hold.
    #[arg(short, long = "filter", value_name = "EXPR")]
    filters: Vec<String>,
    /// How to write an event: json, logfmt, pretty, or a template such as '{log.level} {message}'.
    #[arg(short = 'o', long, value_name = "FORMAT", default_value = "json", value_parser = Layout::parse)]
    format: Layout,
    /// Stops after so many events.
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<u64>,
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
    let mut fields = Filter::new();
    let mut expressions = Vec::new();
    for filter in arguments.filters {
        match condition(&filter) {
            Some((field, value)) => drop(fields.insert(field, value)),
            None => expressions.push(format!("({filter})")),
        }
    }
    let expression = (!expressions.is_empty()).then(|| expressions.join(" AND "));
    let mut tail = Client::new(&arguments.socket)
        .tail(fields, expression, arguments.sample)
        .await?;
    let colour = std::io::stdout().is_terminal() && !no_color();
    let mut left = arguments.limit.unwrap_or(u64::MAX);
    while left > 0
        && let Some(line) = tail.next().await?
    {
        match line {
            Answer::Event(event) => {
                left -= 1;
                if !say(&arguments.format.line(&event, colour)) {
                    break;
                }
            }
            Answer::Dropped(missed) => complain(&format!(
                "({missed} events skipped, they passed too fast to show)"
            )),
            Answer::Stats(_) | Answer::Metrics(_) | Answer::Reloaded(_) | Answer::Error(_) => {}
        }
    }
    Ok(())
}

/// `FIELD=VALUE`; everything else is an expression.
fn condition(text: &str) -> Option<(String, String)> {
    let (field, value) = text.split_once('=')?;
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    (!field.is_empty() && field.chars().all(plain)).then(|| (field.to_owned(), value.to_owned()))
}
