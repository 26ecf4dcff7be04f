//! The one background task of the store: refreshes indices that are due, closes writers that are idle, drops what
//! retention says, watches the disk, and beside that verifies what was not verified at the start.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::error;

use super::store::Store;

/// How often it looks.
const TICK: Duration = Duration::from_millis(100);

/// Runs until `stop`, then commits everything once more.
pub async fn run(store: Arc<Store>, stop: CancellationToken) {
    let verified = Arc::clone(&store);
    let verification = tokio::task::spawn_blocking(move || verified.verify_rest());
    while stop.run_until_cancelled(tokio::time::sleep(TICK)).await.is_some() {
        let store = Arc::clone(&store);
        // One commit at a time: commits are what the disk is busy with.
        if let Err(error) = tokio::task::spawn_blocking(move || store.housekeep()).await {
            error!(%error, "housekeeping panicked, it goes on");
        }
    }
    // It only reads; a stop waits for the index that it is at.
    store.stop_verifying();
    if let Err(error) = verification.await {
        error!(%error, "verification panicked, the rest stays unverified");
    }
    if let Err(error) = tokio::task::spawn_blocking(move || store.close()).await {
        error!(%error, "closing the store panicked, the write-ahead log keeps what was not committed");
    }
}
