//! Making writes visible: a tantivy commit that carries the position of the log, and what follows from it.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use tracing::{error, warn};

use super::index::{Index, Payload, Writer};
use super::settings::Refresh;
use crate::error::ApiResult;

/// How long a forced merge waits for merges that have its segments.
const MERGE_PATIENCE: Duration = Duration::from_secs(600);

/// How long it waits before it looks again.
const MERGE_PAUSE: Duration = Duration::from_millis(200);

impl Index {
    /// Makes everything written so far visible to searches.
    pub fn refresh(&self) -> ApiResult<()> {
        if !self.is_dirty() {
            return Ok(());
        }
        let mut guard = self.lock_writer()?;
        // Whoever held the lock before may have committed for us.
        if !self.is_dirty() {
            return Ok(());
        }
        self.activity.refreshes.add(1);
        self.commit(&mut guard)
    }

    /// Refreshes when the interval has passed since the first write that is not visible.
    pub(super) fn refresh_if_due(&self, now: Instant) {
        let every = match self.settings().refresh() {
            Some(Refresh::Never) => return,
            Some(Refresh::Every(every)) => every,
            None => self.limits.refresh_interval,
        };
        let since = *self.dirty_since.lock().unwrap_or_else(PoisonError::into_inner);
        if since.is_some_and(|since| now.saturating_duration_since(since) >= every)
            && let Err(error) = self.refresh()
        {
            error!(%error, labels.index = self.name, "refresh failed, the write-ahead log keeps the documents, it is tried again");
            // Not before another interval has passed.
            *self.dirty_since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }

    /// Merges all segments into one and drops what is deleted. Writes go on meanwhile.
    #[expect(
        clippy::disallowed_methods,
        reason = "tantivy tells of the end of its own merges only to who gives up the writer: there is no condition to wait for"
    )]
    pub fn merge_all(&self) -> ApiResult<()> {
        let deadline = Instant::now() + MERGE_PATIENCE;
        // A merge of tantivy's own may have taken one of the segments already: it has to end first.
        while !self.merge_once()? {
            if Instant::now() >= deadline {
                warn!(
                    labels.index = self.name,
                    "a forced merge gave up: other merges of the index took its segments again and again"
                );
                break;
            }
            std::thread::sleep(MERGE_PAUSE);
        }
        self.reader.reload()?;
        let guard = self.lock_writer()?;
        if let Some(tantivy) = &guard.tantivy {
            // What was merged away is on the disk until somebody asks.
            tantivy.garbage_collect_files().wait()?;
        }
        Ok(())
    }

    /// Merges what is committed, and says whether that is one segment now.
    fn merge_once(&self) -> ApiResult<bool> {
        let merging = {
            let mut guard = self.lock_writer()?;
            let writer = &mut *guard;
            if self.is_dirty() {
                self.commit(writer)?;
            }
            let segments = self.tantivy.searchable_segment_metas()?;
            if segments.len() < 2 && !segments.iter().any(tantivy::SegmentMeta::has_deletes) {
                return Ok(true);
            }
            self.open_writer(writer)?;
            let ids: Vec<_> = segments.iter().map(tantivy::SegmentMeta::id).collect();
            match writer.tantivy.as_mut() {
                Some(tantivy) => tantivy.merge(&ids),
                None => return Ok(true),
            }
        };
        Ok(merging.wait().is_ok())
    }

    /// Commits, with the write lock held.
    pub(super) fn commit(&self, writer: &mut Writer) -> ApiResult<()> {
        let started = Instant::now();
        self.open_writer(writer)?;
        self.keep_meta()?;
        writer.wal.rotate_if_large()?;
        let position = writer.wal.end();
        // A commit must not be ahead of the log on disk: after a power failure the numbers would be given twice.
        self.sync_now(position)?;
        let payload = Payload {
            wal: position,
            next_seq_no: writer.next_seq_no,
        };
        let payload = payload.written();
        if let Some(tantivy) = writer.tantivy.as_mut() {
            let committed = tantivy.prepare_commit().and_then(|mut prepared| {
                prepared.set_payload(&payload);
                prepared.commit()
            });
            if let Err(error) = committed {
                // The writer cannot be used after a failure; the log brings back what it held.
                writer.tantivy = None;
                metrics::gauge!("logstore_open_writers").decrement(1);
                writer.replay_needed = true;
                return Err(error.into());
            }
        }
        self.reader.reload()?;
        self.versions
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        *self.dirty_since.lock().unwrap_or_else(PoisonError::into_inner) = None;
        writer.committed = position;
        writer.uncommitted_bytes = 0;
        writer.wal.delete_before(position)?;
        metrics::histogram!("logstore_commit_seconds").record(started.elapsed().as_secs_f64());
        Ok(())
    }

    /// How long the writer has been unused; `None` when it is closed.
    pub(super) fn writer_idle(&self, now: Instant) -> Option<Duration> {
        let writer = self.writer.try_lock().ok()?;
        writer.tantivy.as_ref()?;
        Some(now.saturating_duration_since(writer.used))
    }

    /// Commits what is uncommitted and closes the writer, which frees its memory.
    pub(super) fn close_writer(&self) -> ApiResult<()> {
        let mut guard = self.lock_writer()?;
        if self.is_dirty() {
            self.commit(&mut guard)?;
        }
        guard.ids = None;
        if let Some(tantivy) = guard.tantivy.take() {
            tantivy.wait_merging_threads()?;
            metrics::gauge!("logstore_open_writers").decrement(1);
            self.reader.reload()?;
        }
        Ok(())
    }
}
