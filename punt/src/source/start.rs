//! From the configuration of a source to its tasks. Sockets are bound here, so that what cannot listen fails at
//! once and says why.

use std::future::Future;
use std::pin::Pin;

use lifecycle::Sockets;
use tokio::runtime::Handle;

use super::{Intake, file, http, journald, spool, stdin, syslog};
use crate::config::SourceConfig;

/// A part of a source that runs until the stop signal.
pub(crate) enum Task {
    /// On the runtime. With a reload, it starts beside its predecessor, which has stopped to accept.
    Async(Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>),
    /// On a thread of its own. With a reload, it starts once its predecessor has ended: they share a checkpoint.
    Thread(Box<dyn FnOnce() -> anyhow::Result<()> + Send>),
    /// On a thread of its own that receives from a socket. With a reload, it starts beside its predecessor.
    Receiver(Box<dyn FnOnce() -> anyhow::Result<()> + Send>),
}

/// Binds what the source listens to and gives its tasks. Needs a tokio runtime.
pub(crate) fn start(
    source: &SourceConfig,
    intake: Intake,
    sockets: &mut Sockets,
) -> anyhow::Result<Vec<Task>> {
    let runtime = Handle::current();
    match source {
        SourceConfig::Syslog(config) => syslog::start(config, &intake, sockets),
        SourceConfig::Http(config) => {
            let http = http::Http::bind(config, intake, sockets)?;
            Ok(vec![Task::Async(Box::pin(http.run()))])
        }
        SourceConfig::File(config) => {
            let config = (**config).clone();
            Ok(thread(move || file::run(config, intake, &runtime)))
        }
        SourceConfig::Stdin(config) => {
            if std::env::var(lifecycle::PARENT_ENV).is_ok_and(|value| value == "stdin") {
                anyhow::bail!(
                    "standard input is the pipe to the process that started punt, and holds no events"
                );
            }
            let config = config.clone();
            Ok(thread(move || stdin::run(&config, intake, &runtime)))
        }
        SourceConfig::Journald(config) => {
            let config = config.clone();
            Ok(thread(move || journald::run(config, intake, &runtime)))
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
