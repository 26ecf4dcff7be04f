//! What every handler has at hand, and the gates in front of the work.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::tasks::Tasks;
use crate::engine::store::Store;
use crate::error::{ApiError, ApiResult};
use crate::machine::{self, Figures};
use crate::present::Presented;
use crate::search::held::Held;
use crate::security::{Registry, Scope};

/// Searches that may wait for each one that runs.
const SEARCHES_WAITING: usize = 64;

const KIB: usize = 1024;

/// Shared by all handlers of one listener; listeners share everything but what they present.
#[derive(Debug, Clone)]
pub struct App {
    /// The store.
    pub store: Arc<Store>,
    /// What the listener claims to be.
    pub presented: Presented,
    /// Scrolls and points in time.
    pub held: Arc<Held>,
    /// The node's name.
    pub node: String,
    /// Where it listens.
    pub address: String,
    /// Origins whose pages may read answers in a browser; `*` stands for anything.
    pub cors_origins: Arc<[String]>,
    /// Users, roles and keys, if security is on.
    pub security: Option<Arc<Registry>>,
    /// Answers of tasks that nobody waited for.
    pub tasks: Arc<Tasks>,
    bulks: Arc<Semaphore>,
    /// Counts in kibibytes: a semaphore takes 32-bit steps.
    bulk_kib: Arc<Semaphore>,
    searches: Arc<Semaphore>,
    searches_waiting: Arc<Semaphore>,
}

// === impl App ===

impl App {
    /// An application over a store.
    pub fn new(store: Arc<Store>, presented: Presented, node: String, address: String) -> Self {
        let limits = Arc::clone(&store.limits);
        Self {
            store,
            presented,
            held: Arc::new(Held::new(&limits)),
            node,
            address,
            cors_origins: Arc::from([]),
            security: None,
            tasks: Arc::default(),
            bulks: Arc::new(Semaphore::new(limits.max_bulk_in_flight)),
            bulk_kib: Arc::new(Semaphore::new(limits.max_bulk_bytes.div_ceil(KIB) + 1)),
            searches: Arc::new(Semaphore::new(limits.max_search_in_flight)),
            searches_waiting: Arc::new(Semaphore::new(limits.max_search_in_flight * SEARCHES_WAITING)),
        }
    }

    /// The same application behind another listener.
    #[must_use]
    pub fn behind(&self, presented: Presented, address: String) -> Self {
        Self {
            presented,
            address,
            ..self.clone()
        }
    }

    /// The address without its port.
    pub fn ip(&self) -> &str {
        self.address
            .rsplit_once(':')
            .map_or(self.address.as_str(), |(ip, _)| ip.trim_matches(['[', ']']))
    }

    /// Figures of the machine.
    pub fn figures(&self) -> Figures {
        machine::read(self.store.path())
    }

    /// Processor time that this process used since its start, in percent of one processor.
    pub fn processor_percent(&self) -> u64 {
        let figures = self.figures();
        (figures.processor_millis * 100)
            .checked_div(figures.uptime_millis)
            .unwrap_or_default()
    }

    /// Name, work under way and bound of each gate.
    pub fn pools(&self) -> [(&'static str, u64, u64); 2] {
        let limits = &self.store.limits;
        let busy = |gate: &Semaphore, size: usize| (size - gate.available_permits().min(size)) as u64;
        [
            (
                "search",
                busy(&self.searches, limits.max_search_in_flight),
                limits.max_search_in_flight as u64,
            ),
            (
                "write",
                busy(&self.bulks, limits.max_bulk_in_flight),
                limits.max_bulk_in_flight as u64,
            ),
        ]
    }

    /// Runs blocking work on the store.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Store>) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let store = Arc::clone(&self.store);
        // Who asks goes along to the thread that does the work.
        let scope = Scope::of_task();
        match tokio::task::spawn_blocking(move || Scope::during(scope, || work(&store))).await {
            Ok(result) => result,
            Err(error) => Err(ApiError::internal(format!(
                "the request failed inside the store: {error}"
            ))),
        }
    }

    /// A place among the bulks in flight. None free: the client has to wait, and is told so.
    pub fn bulk_permit(&self) -> ApiResult<OwnedSemaphorePermit> {
        Arc::clone(&self.bulks).try_acquire_owned().map_err(|_| {
            metrics::counter!("logstore_rejected_total", "what" => "bulk").increment(1);
            ApiError::rejected(format!(
                "rejected execution of bulk: [{}] bulk requests are in flight (--max-bulk-in-flight); wait and send it again",
                self.store.limits.max_bulk_in_flight
            ))
        })
    }

    /// Memory for a bulk body of some bytes. None free: the client has to wait, and is told so.
    pub fn bulk_bytes(&self, bytes: usize) -> ApiResult<OwnedSemaphorePermit> {
        let steps = u32::try_from(bytes.div_ceil(KIB)).unwrap_or(u32::MAX);
        Arc::clone(&self.bulk_kib).try_acquire_many_owned(steps).map_err(|_| {
            metrics::counter!("logstore_rejected_total", "what" => "bulk-bytes").increment(1);
            ApiError::rejected(format!(
                "rejected execution of bulk: [{bytes}] more bytes do not fit into the [{}] of all bulk requests in flight (--max-bulk-bytes); wait and send it again",
                self.store.limits.max_bulk_bytes
            ))
        })
    }

    /// A place among the searches, after waiting in a bounded queue.
    pub async fn search_permit(&self) -> ApiResult<OwnedSemaphorePermit> {
        let rejected = || {
            metrics::counter!("logstore_rejected_total", "what" => "search").increment(1);
            ApiError::rejected(
                "rejected execution of search: too many searches wait (--max-search-in-flight)",
            )
        };
        let _queued = Arc::clone(&self.searches_waiting)
            .try_acquire_owned()
            .map_err(|_| rejected())?;
        Arc::clone(&self.searches)
            .acquire_owned()
            .await
            .map_err(|_| rejected())
    }
}
