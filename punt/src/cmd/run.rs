//! `punt run`: logging, configuration, sockets, stages; then wait for the stop signal, then drain.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use lifecycle::Sockets;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{complain, failed, terminal::BAD_CONFIG};
use crate::admin;
use crate::config::{self, Config};
use crate::control::{Control, PuntCli};
use crate::legacy::Report;
use crate::topology::Topology;

/// Reloads that wait for one that is on; whoever asks for more waits before asking.
const RELOADS: usize = 4;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The configuration file, or an original Punt's config.json.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The folder for punt's own log records; without it, they go to standard error.
    #[arg(long, value_name = "DIR")]
    spool: Option<PathBuf>,
    /// What this node calls itself in its records.
    #[arg(long, value_name = "NAME", default_value = "punt-0")]
    node: String,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    // First, while there is one thread: it clears the environment.
    let sockets = match Sockets::inherit().context("taking the inherited sockets") {
        Ok(sockets) => sockets,
        Err(error) => return failed(&error),
    };
    let config = match config::load(&arguments.config) {
        Ok(config) => config,
        Err(faults) => {
            complain(&format!("punt: {faults}"));
            return ExitCode::from(BAD_CONFIG);
        }
    };
    let settings = telemetry::Settings::service("punt", &arguments.node, arguments.spool.clone());
    if let Err(error) = telemetry::init(&settings) {
        return failed(&error.into());
    }
    let runtime = match tokio::runtime::Runtime::new().context("starting the runtime") {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let result = runtime.block_on(serve(config, arguments, sockets));
    // What is still on a blocking thread has had its grace period.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

async fn serve(config: Config, arguments: &Arguments, mut sockets: Sockets) -> anyhow::Result<()> {
    let stop = lifecycle::stop_token().context("listening for signals")?;
    let mut hang_up = signal(SignalKind::hangup()).context("listening for SIGHUP")?;
    let (control, metrics) = (config.process.control(), config.process.metrics);
    let tail = config.process.tail.clone();
    if let Some(report) = &config.converted {
        say_converted(report);
    }
    let (sources, sinks) = (config.sources.len(), config.sinks.len());
    let metrics = match metrics {
        Some(address) => Some(sockets.take_or_bind("metrics", address)?),
        None => None,
    };
    let topology = Topology::start(config, &arguments.config, &arguments.node, sockets, &stop).await?;
    let stopped = CancellationToken::new();
    let mut servers = tokio::task::JoinSet::new();
    let (reload, reloads) = mpsc::channel(RELOADS);
    let control = Control::bind(
        &control,
        topology.meters.clone(),
        topology.tap.clone(),
        reload.clone(),
    )?;
    servers.spawn(control.run(stopped.clone()));
    if let Some(tail) = tail {
        let punt_cli = PuntCli::bind(tail.address, tail.types, topology.tap.clone()).await?;
        info!(event.action = "listening", labels.protocol = "punt-cli",
              labels.address = %punt_cli.listener.local_addr()?, "serving the original Punt's tail protocol");
        servers.spawn(punt_cli.run(stopped.clone()));
    }
    if let Some(listener) = metrics {
        info!(event.action = "listening", labels.protocol = "http",
              labels.address = %listener.local_addr()?, "serving metrics");
        let (meters, draining) = (topology.meters.clone(), stop.clone());
        let stopped = stopped.clone();
        servers.spawn(async move {
            if let Err(error) = admin::serve(listener, meters, draining, stopped).await {
                tracing::error!(event.action = "metrics-failed", %error, "metrics are no longer served");
            }
        });
    }
    let on_signal = stopped.clone();
    servers.spawn(async move {
        loop {
            tokio::select! {
                () = on_signal.cancelled() => return,
                Some(()) = hang_up.recv() => {
                    let (answer, report) = oneshot::channel();
                    // Both ends are gone only when punt stops. The outcome is in the log.
                    if reload.send(answer).await.is_err() || report.await.is_err() {
                        return;
                    }
                }
            }
        }
    });
    info!(event.action = "started", sources, sinks, "punt started");
    let result = topology.run(reloads).await;
    stopped.cancel();
    while servers.join_next().await.is_some() {}
    result
}

/// What an operator of the original Punt should know.
fn say_converted(report: &Report) {
    for line in &report.unused {
        info!(
            event.action = "key-unused",
            labels.key = line,
            "a key of config.json has no effect, as in the original"
        );
    }
    for line in &report.different {
        info!(
            event.action = "done-differently",
            labels.key = line,
            "a key of config.json is done differently"
        );
    }
}
