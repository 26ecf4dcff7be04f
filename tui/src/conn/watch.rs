//! The watch stream of the control plane, with reconnecting. Only what comes over the stream makes the picture
//! live: a connection that is open and silent does not.

use std::time::Duration;

use futures_util::StreamExt as _;
use ops_api::{ApiError, ControlClient, WatchEvent};
use tokio::sync::mpsc::Sender;

use super::store::cause;
use crate::state::Msg;

/// The first pause before connecting again.
const MIN_BACKOFF: Duration = Duration::from_millis(500);
/// The longest.
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// The stream has a line at least every second: silent for this long, it is dead, whatever TCP believes.
const SILENCE: Duration = Duration::from_secs(6);

/// Follows the stream until nobody listens.
pub(super) async fn follow(control: ControlClient, messages: Sender<Msg>) {
    let mut pause = MIN_BACKOFF;
    loop {
        let reason = match tokio::time::timeout(SILENCE, control.watch()).await {
            Ok(Ok(stream)) => {
                let mut stream = std::pin::pin!(stream);
                loop {
                    let msg = match tokio::time::timeout(SILENCE, stream.next()).await {
                        Ok(Some(Ok(WatchEvent::Fleet(fleet)))) => Msg::Fleet(fleet),
                        Ok(Some(Ok(WatchEvent::Operation(operation)))) => Msg::Operation(operation),
                        Ok(Some(Ok(WatchEvent::Heartbeat))) => Msg::Heartbeat,
                        Ok(Some(Err(error))) => break explain(&error),
                        Ok(None) => break "the control plane ended the stream".to_owned(),
                        Err(_) => break format!("nothing was heard for {}s", SILENCE.as_secs()),
                    };
                    pause = MIN_BACKOFF;
                    if messages.send(msg).await.is_err() {
                        return;
                    }
                }
            }
            Ok(Err(error)) => explain(&error),
            Err(_) => format!("{} did not answer in {}s", control.base(), SILENCE.as_secs()),
        };
        let retry_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        if messages
            .send(Msg::Unreachable { reason, retry_ms })
            .await
            .is_err()
        {
            return;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MAX_BACKOFF);
    }
}

/// An error of the control plane in one short line.
pub(super) fn explain(error: &ApiError) -> String {
    match error {
        ApiError::Unreachable { base, source } => format!("no control plane at {base}: {}", cause(source)),
        other => other.to_string(),
    }
}
