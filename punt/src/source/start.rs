//! From the configuration of a source to its tasks. Sockets are bound here, so that what cannot listen fails at
//! once and says why.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use lifecycle::Sockets;
use tokio::runtime::Handle;
use tracing::info;

use super::{Intake, file, http, spool, syslog};
use crate::config::{SourceConfig, SyslogConfig};

/// A part of a source that runs until the stop signal.
pub(crate) enum Task {
    /// On the runtime.
    Async(Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>),
    /// On a thread of its own.
    Thread(Box<dyn FnOnce() -> anyhow::Result<()> + Send>),
}

/// Binds what the source listens to and gives its tasks. Needs a tokio runtime.
pub(crate) fn start(
    source: &SourceConfig,
    intake: Intake,
    sockets: &mut Sockets,
) -> anyhow::Result<Vec<Task>> {
    let runtime = Handle::current();
    match source {
        SourceConfig::Syslog(config) => start_syslog(config, &intake, sockets),
        SourceConfig::Http(config) => {
            let http = http::Http::bind(config, intake, sockets)?;
            Ok(vec![Task::Async(Box::pin(http.run()))])
        }
        SourceConfig::File(config) => {
            let config = (**config).clone();
            Ok(thread(move || file::run(config, intake, &runtime)))
        }
        SourceConfig::Spool(config) => {
            let config = config.clone();
            Ok(thread(move || spool::run(config, intake, &runtime)))
        }
    }
}

fn thread(run: impl FnOnce() -> anyhow::Result<()> + Send + 'static) -> Vec<Task> {
    vec![Task::Thread(Box::new(run))]
}

fn start_syslog(config: &SyslogConfig, intake: &Intake, sockets: &mut Sockets) -> anyhow::Result<Vec<Task>> {
    let mut tasks = Vec::new();
    let encoder = Arc::new(syslog::Encoder::new(config.max_clock_skew));
    if let Some(address) = config.tcp {
        let listener = sockets.take_or_bind("syslog-tcp", address)?;
        info!(event.action = "listening", labels.source = intake.name, labels.protocol = "tcp",
              labels.address = %listener.local_addr()?, "listening for syslog");
        let tcp = syslog::Tcp {
            listener,
            config: config.clone(),
            encoder: Arc::clone(&encoder),
            intake: intake.clone(),
        };
        tasks.push(Task::Async(Box::pin(tcp.run())));
    }
    if let Some(address) = config.udp {
        let socket = syslog::bind(address)?;
        info!(event.action = "listening", labels.source = intake.name, labels.protocol = "udp",
              labels.address = %socket.local_addr()?, "listening for syslog");
        let udp = syslog::Udp {
            socket,
            max_frame_bytes: config.max_frame_bytes,
            encoder,
            intake: intake.clone(),
        };
        tasks.push(Task::Async(Box::pin(udp.run())));
    }
    Ok(tasks)
}
