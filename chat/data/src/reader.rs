//! Reads: on blocking threads, a bounded number at a time.

use std::sync::Arc;

use chat_proto::service::Refusal;
use chat_store::{Store, StoreError};
use tokio::sync::Semaphore;

/// Reads at a time. They come from the page cache or wait for the disk; more threads would not make it faster.
const AT_A_TIME: usize = 16;

/// Reads from a store.
#[derive(Debug)]
pub(crate) struct Reader {
    store: Arc<dyn Store>,
    permits: Arc<Semaphore>,
}

impl Reader {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            permits: Arc::new(Semaphore::new(AT_A_TIME)),
        }
    }

    /// Reads something; what is not there is `what` in the refusal.
    pub(crate) async fn one<T: Send + 'static>(
        &self,
        what: &str,
        read: impl FnOnce(&dyn Store) -> Result<Option<T>, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        self.all(read).await?.ok_or_else(|| Refusal::not_found(what))
    }

    /// Reads something that may be empty.
    pub(crate) async fn all<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let permit = self
            .permits
            .clone()
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let store = self.store.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let found = read(store.as_ref());
            drop(permit);
            found
        });
        match reading.await {
            Ok(found) => found.map_err(Refusal::internal),
            Err(panic) => Err(Refusal::internal(panic)),
        }
    }
}
