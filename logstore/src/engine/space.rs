//! Watches the space left on the disk: below a reserve no index takes writes, until there is space again.
//!
//! What Elasticsearch calls the flood-stage watermark. A write that is refused is answered with 429 and the block's
//! name, so a shipper keeps it and sends it again; searches go on; deleting an index is what helps. The block goes by
//! itself once half as much again is free, so that it does not flicker.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tracing::{info, warn};

use crate::error::{ApiError, ApiResult};

/// The guard of one data folder's disk.
#[derive(Debug, Default)]
pub struct Space {
    full: AtomicBool,
    free: AtomicU64,
    /// Bytes that must stay free; zero watches nothing.
    reserve: u64,
}

impl Space {
    /// A guard that keeps so many bytes free.
    pub fn new(reserve: u64) -> Self {
        Self {
            full: AtomicBool::new(false),
            free: AtomicU64::new(u64::MAX),
            reserve,
        }
    }

    /// Looks at the disk.
    pub fn look(&self, data: &Path) {
        if self.reserve == 0 {
            return;
        }
        match rustix::fs::statvfs(data) {
            Ok(found) => self.see(found.f_bavail.saturating_mul(found.f_frsize)),
            Err(error) => warn!(%error, "cannot ask the disk of the data folder for its free space"),
        }
    }

    fn see(&self, free: u64) {
        self.free.store(free, Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        metrics::gauge!("logstore_disk_free_bytes").set(free as f64);
        let was = self.full.load(Ordering::Relaxed);
        let now = if was {
            free < self.reserve + self.reserve / 2
        } else {
            free < self.reserve
        };
        if now == was {
            return;
        }
        self.full.store(now, Ordering::Relaxed);
        if now {
            warn!(
                event.action = "disk-full",
                free_bytes = free,
                reserve_bytes = self.reserve,
                "the disk is nearly full: writes are refused with 429 until there is space again; delete indices, shorten --retention or give the disk space"
            );
        } else {
            info!(
                event.action = "disk-freed",
                free_bytes = free,
                "the disk has space again: writes are taken"
            );
        }
    }

    /// Whether writes are refused.
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Refuses a write while the disk is full.
    pub fn check(&self, index: &str) -> ApiResult<()> {
        if !self.is_full() {
            return Ok(());
        }
        metrics::counter!("logstore_writes_refused_disk_full_total").increment(1);
        Err(ApiError::new(
            429,
            "cluster_block_exception",
            format!(
                "index [{index}] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block]; {} bytes are free, --disk-reserve {} must stay so",
                self.free.load(Ordering::Relaxed),
                self.reserve
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_refused_below_the_reserve_and_taken_again_well_above_it() {
        let space = Space::new(1000);
        space.see(1000);
        assert!(space.check("logs").is_ok());
        space.see(999);
        assert_eq!(space.check("logs").unwrap_err().status, 429);
        space.see(1400);
        assert!(space.is_full(), "it does not flicker");
        space.see(1500);
        assert!(space.check("logs").is_ok());
    }
}
