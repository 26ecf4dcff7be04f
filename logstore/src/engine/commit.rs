//! Making writes visible: a tantivy commit that carries the position of the log, and what follows from it.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use tracing::error;

use super::index::{Index, Payload, Writer};
use super::settings::Refresh;
use crate::error::ApiResult;

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
    pub fn merge_all(&self) -> ApiResult<()> {
        let merging = {
            let mut guard = self.lock_writer()?;
            let writer = &mut *guard;
            let segments = self.tantivy.searchable_segment_ids()?;
            let deleted = self
                .reader
                .searcher()
                .segment_readers()
                .iter()
                .any(|segment| segment.has_deletes());
            if segments.len() < 2 && !deleted {
                return Ok(());
            }
            self.open_writer(writer)?;
            match writer.tantivy.as_mut() {
                Some(tantivy) => tantivy.merge(&segments),
                None => return Ok(()),
            }
        };
        // A merge of tantivy's own may have taken one of the segments already: then that one is enough.
        if let Err(error) = merging.wait() {
            tracing::info!(%error, labels.index = self.name, "a forced merge found its segments being merged already");
        }
        self.reader.reload()?;
        Ok(())
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
