//! `logstored`: the log store as a process. Everything it does is in the library.

use std::process::ExitCode;

use clap::Parser as _;
use logstore::flags::Flags;
use logstore::server;

fn main() -> ExitCode {
    // Before any thread exists: it reads and clears the environment.
    let sockets = lifecycle::Sockets::inherit();
    let flags = Flags::parse();
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
