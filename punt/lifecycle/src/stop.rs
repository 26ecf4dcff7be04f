//! The one way a process of ours is told to stop.

use std::io::Read as _;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// When this variable is `stdin`, standard input is a pipe whose other end the parent holds: its end means that
/// the parent is gone. (Not PDEATHSIG, which follows the thread that spawned us rather than the process.)
pub const PARENT_ENV: &str = "GUILDWATCH_PARENT";

/// How long an orphan may take to stop in order before it exits.
pub const ORPHAN_GRACE: Duration = Duration::from_secs(5);

/// Returns a token that is cancelled by SIGTERM, SIGINT or the death of the parent.
/// A second signal exits with code 1. Call it once, inside a tokio runtime.
pub fn stop_token() -> std::io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let on_signal = stop.clone();
    // Detached on purpose: it lives exactly as long as the process.
    tokio::task::spawn(async move {
        let mut seen = 0;
        loop {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            seen += 1;
            if seen > 1 {
                warn!(
                    event.action = "stop-forced",
                    labels.signal = name,
                    "second stop signal, exiting at once"
                );
                std::process::exit(1);
            }
            info!(
                event.action = "stop-requested",
                labels.signal = name,
                "stop requested"
            );
            on_signal.cancel();
        }
    });
    if std::env::var(PARENT_ENV).is_ok_and(|value| value == "stdin") {
        watch_parent(stop.clone(), tokio::runtime::Handle::current())?;
    }
    Ok(stop)
}

fn watch_parent(stop: CancellationToken, runtime: tokio::runtime::Handle) -> std::io::Result<()> {
    std::thread::Builder::new()
        .name("parent-watch".into())
        .spawn(move || {
            let mut sink = [0_u8; 64];
            let mut stdin = std::io::stdin().lock();
            while !matches!(stdin.read(&mut sink), Ok(0) | Err(_)) {}
            warn!(event.action = "parent-lost", "the supervisor is gone, stopping");
            stop.cancel();
            runtime.spawn(async {
                tokio::time::sleep(ORPHAN_GRACE).await;
                std::process::exit(1);
            });
        })?;
    Ok(())
}
