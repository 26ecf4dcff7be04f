//! `logstored`: the log store as a process. Everything it does is in the library.

use std::process::ExitCode;

use clap::Parser as _;
use logstore::engine::check;
use logstore::flags::{Command, Flags};
use logstore::server;

fn main() -> ExitCode {
    // Before any thread exists: it reads and clears the environment.
    let sockets = lifecycle::Sockets::inherit();
    let flags = Flags::parse();
    if let Some(Command::Verify { data }) = &flags.command {
        return verify(data);
    }
    match sockets
        .map_err(anyhow::Error::from)
        .and_then(|sockets| start(flags, sockets))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("logstored: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(flags: Flags, sockets: lifecycle::Sockets) -> anyhow::Result<()> {
    telemetry::init(&telemetry::Settings::service(
        "logstore",
        &flags.node,
        flags.spool.clone(),
    ))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = lifecycle::stop_token()?;
        server::run(flags, sockets, stop).await
    })
}

/// Prints what is damaged, and how much is not.
#[expect(clippy::print_stdout, reason = "the report is what the command is run for")]
fn verify(data: &std::path::Path) -> ExitCode {
    match check::folder(data) {
        Ok(report) => {
            for damage in &report.damaged {
                println!("{damage}");
            }
            println!(
                "{} indices, {} segments, {} bytes verified, {} damaged",
                report.indices,
                report.segments,
                report.bytes,
                report.damaged.len()
            );
            if report.damaged.is_empty() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("logstored: {error:#}");
            ExitCode::FAILURE
        }
    }
}
