//! `punt reload`: has a running punt read its configuration again, and says what came of it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use punt_control::{Client, Error, Reload};

use super::{complain, failed, say, terminal::BAD_CONFIG};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The control socket: `control` in the configuration, or DATA/punt.sock.
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime");
    let answer = match runtime {
        Ok(runtime) => runtime.block_on(Client::new(&arguments.socket).reload()),
        Err(error) => return failed(&error),
    };
    match answer {
        Ok(reload) => {
            say(&text(&reload));
            ExitCode::SUCCESS
        }
        Err(Error::Refused(reason)) => {
            complain(&format!("punt: refused, the old configuration stays: {reason}"));
            ExitCode::from(BAD_CONFIG)
        }
        Err(error) => failed(&error.into()),
    }
}

fn text(reload: &Reload) -> String {
    let mut lines = Vec::new();
    for (verb, parts) in [
        ("added", &reload.added),
        ("changed", &reload.changed),
        ("removed", &reload.removed),
    ] {
        if !parts.is_empty() {
            lines.push(format!("{verb}: {}", parts.join(", ")));
        }
    }
    lines.push(match reload.is_empty() {
        true => "reloaded, nothing changed".to_owned(),
        false => format!("reloaded; sources and sinks left alone: {}", reload.unchanged),
    });
    lines.extend(reload.notes.iter().map(|note| format!("note: {note}")));
    lines.join("\n")
}
