//! `punt run`: logging, configuration, sockets, stages; then wait for the stop signal, then drain.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use lifecycle::Sockets;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{complain, failed, terminal::BAD_CONFIG};
use crate::config::{self, Config};
use crate::control::Control;
use crate::{admin, topology};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The configuration file.
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
    let result = runtime.block_on(serve(&config, &arguments.node, sockets));
    // What is still on a blocking thread has had its grace period.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

async fn serve(config: &Config, node: &str, mut sockets: Sockets) -> anyhow::Result<()> {
    let stop = lifecycle::stop_token().context("listening for signals")?;
    let topology = topology::build(config, node, &mut sockets, &stop)?;
    let stopped = CancellationToken::new();
    let mut servers = tokio::task::JoinSet::new();
    let control = Control::bind(
        &config.process.control(),
        topology.meters.clone(),
        topology.tap.clone(),
    )?;
    servers.spawn(control.run(stopped.clone()));
    if let Some(address) = config.process.metrics {
        let listener = sockets.take_or_bind("metrics", address)?;
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
    info!(
        event.action = "started",
        sources = config.sources.len(),
        sinks = config.sinks.len(),
        "punt started"
    );
    let result = topology.running.run(&stop, &topology.meters).await;
    stopped.cancel();
    while servers.join_next().await.is_some() {}
    result
}
