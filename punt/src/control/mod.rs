//! The control socket: answers `stats` and `reload`, streams `tail`. A client can neither crash nor slow punt.

mod clients;
mod punt_cli;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use punt_control::{Answer, Request};
use punt_lucene::Expression;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{broadcast::error::RecvError, mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::meter::Meters;
use crate::tap::Tap;
use crate::topology::Report;

pub(crate) use punt_cli::PuntCli;

/// How long a client may take to say what it wants, and to take a line.
const PATIENCE: Duration = Duration::from_secs(10);

/// No request is longer.
const REQUEST_BYTES: u64 = 64 << 10;

/// The server.
pub(crate) struct Control {
    listener: UnixListener,
    path: PathBuf,
    meters: Arc<Meters>,
    tap: Tap,
    reload: mpsc::Sender<oneshot::Sender<Report>>,
}

// === impl Control ===

impl Control {
    /// Listens at `path`. A socket that a dead punt left there is replaced: the lock on the data folder has
    /// shown that it is dead.
    pub(crate) fn bind(
        path: &Path,
        meters: Arc<Meters>,
        tap: Tap,
        reload: mpsc::Sender<oneshot::Sender<Report>>,
    ) -> anyhow::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error)
                    .with_context(|| format!("replacing the control socket {}", path.display()));
            }
            _ => {}
        }
        let listener = UnixListener::bind(path)
            .with_context(|| format!("listening on the control socket {}", path.display()))?;
        // Log records are for the owner's eyes.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
            .with_context(|| format!("restricting the control socket {}", path.display()))?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            meters,
            tap,
            reload,
        })
    }

    /// Serves until `stop`, then ends the streams.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let serving = |stream| {
            let (meters, tap, reload) = (Arc::clone(&self.meters), self.tap.clone(), self.reload.clone());
            async move { serve(stream, &meters, &tap, &reload).await }
        };
        clients::serve("control", &self.listener, &stop, serving).await;
        // Best effort: the next start replaces it anyway.
        drop(std::fs::remove_file(&self.path));
    }
}

async fn serve(
    stream: UnixStream,
    meters: &Meters,
    tap: &Tap,
    reload: &mpsc::Sender<oneshot::Sender<Report>>,
) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(read.take(REQUEST_BYTES));
    timeout(PATIENCE, reader.read_line(&mut line)).await??;
    match serde_json::from_str(&line) {
        Ok(Request::Stats) => send(&mut write, &Answer::Stats(Box::new(meters.stats()))).await,
        Ok(Request::Metrics) => {
            let text = meters.prometheus() + &telemetry::metrics::render();
            send(&mut write, &Answer::Metrics(text)).await
        }
        Ok(Request::Reload) => {
            let (answer, report) = oneshot::channel();
            // Both fail only when punt is stopping.
            let report = match reload.send(answer).await {
                Ok(()) => report.await.ok(),
                Err(_) => None,
            };
            let answer = match report {
                Some(Ok(report)) => Answer::Reloaded(report),
                Some(Err(reason)) => Answer::Error(reason),
                None => Answer::Error("punt is stopping".to_owned()),
            };
            send(&mut write, &answer).await
        }
        Ok(Request::Tail {
            filter,
            expression,
            sample,
        }) if sample > 0.0 && sample <= 1.0 => {
            let fields =
                Expression::all_of(filter.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            let condition = match Expression::parse(expression.as_deref().unwrap_or_default()) {
                _ if expression.is_none() => vec![fields],
                Ok(expression) => vec![fields, expression],
                Err(error) => return send(&mut write, &Answer::Error(format!("the filter: {error}"))).await,
            };
            tokio::select! {
                // A client says nothing more; the end of its stream means that it has left.
                _ = async { reader.read_line(&mut String::new()).await } => Ok(()),
                streamed = stream_tail(&mut write, tap, &condition, sample) => streamed,
            }
        }
        Ok(Request::Tail { sample, .. }) => {
            let reason = format!("sample is {sample}, and must be above 0 and at most 1");
            send(&mut write, &Answer::Error(reason)).await
        }
        Err(error) => {
            let reason = format!("not a request: {error}");
            send(&mut write, &Answer::Error(reason)).await
        }
    }
}

async fn stream_tail(
    write: &mut (impl AsyncWriteExt + Unpin),
    tap: &Tap,
    conditions: &[Expression],
    sample: f64,
) -> std::io::Result<()> {
    let mut events = tap.watch();
    loop {
        let line = match events.recv().await {
            Ok(document) => {
                if rand::random::<f64>() >= sample
                    || !conditions.iter().all(|condition| condition.matches(&document))
                {
                    continue;
                }
                let Ok(event) = serde_json::from_slice(&document) else {
                    continue;
                };
                Answer::Event(event)
            }
            Err(RecvError::Lagged(missed)) => Answer::Dropped(missed),
            Err(RecvError::Closed) => return Ok(()),
        };
        send(write, &line).await?;
    }
}

async fn send(write: &mut (impl AsyncWriteExt + Unpin), line: &Answer) -> std::io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    timeout(PATIENCE, write.write_all(&bytes)).await?
}
