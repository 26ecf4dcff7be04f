//! `ops control`: the control plane. The supervisor starts it.

use clap::Args;
use lifecycle::Sockets;

use crate::context::Context;
use crate::failure::{Failure, Outcome};

/// Runs the control plane of a stack that a supervisor holds.
#[derive(Debug, Args)]
pub(crate) struct Control {}

// === impl Control ===

impl Control {
    pub(crate) fn run(self, context: &Context, sockets: Sockets) -> Outcome {
        let folder = context.folder();
        let spool = folder.spool("control-0");
        let settings = telemetry::Settings::service("control", "control-0", Some(spool));
        telemetry::init(&settings).map_err(|error| Failure::plain(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let stop = lifecycle::stop_token()?;
            let ended = ops_control::control::run(folder, sockets, stop).await;
            ended.map_err(|error| Failure::plain(error.to_string()))
        })
    }
}
