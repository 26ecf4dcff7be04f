//! The audit log: nothing that changes the system happens without a record of who, what, why and outcome.
//!
//! `DATA/control/audit.ndjson`, appended and fsynced before the action (intent) and after it (outcome), and as
//! log records of the dataset `control.audit`.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use ops_api::AuditEntry;
use tracing::info;

/// Entries that are kept in memory; all are in the file.
const RECENT: usize = 1000;

/// The open audit log. Cheap to share.
#[derive(Debug, Clone)]
pub(crate) struct Audit {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    recent: VecDeque<AuditEntry>,
}

// === impl Audit ===

impl Audit {
    /// Opens the log at `path`. A torn last line is ended, so that the next one stands alone.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let mut file = File::options().create(true).append(true).open(path)?;
        if !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n")?;
        }
        let entries = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        let mut recent: VecDeque<AuditEntry> = entries.collect();
        recent.drain(..recent.len().saturating_sub(RECENT));
        Ok(Self {
            inner: Arc::new(Mutex::new(Inner { file, recent })),
        })
    }

    /// Writes an entry; it is on the disk when this returns.
    pub(crate) async fn record(&self, entry: AuditEntry) -> io::Result<()> {
        let inner = self.inner.clone();
        let written = tokio::task::spawn_blocking(move || {
            let mut line = serde_json::to_vec(&entry)?;
            line.push(b'\n');
            let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.file.write_all(&line)?;
            inner.file.sync_data()?;
            info!(
                event.dataset = "control.audit",
                event.action = %entry.action,
                event.outcome = %entry.outcome,
                event.reason = %entry.reason,
                user.name = %entry.by,
                labels.op_id = entry.operation.as_deref().unwrap_or_default(),
                "audit"
            );
            if inner.recent.len() == RECENT {
                inner.recent.pop_front();
            }
            inner.recent.push_back(entry);
            Ok(())
        });
        written.await.map_err(io::Error::other)?
    }

    /// The newest entries, newest first.
    pub(crate) fn newest(&self, limit: usize) -> Vec<AuditEntry> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.recent.iter().rev().take(limit).cloned().collect()
    }
}

/// An entry as of now.
pub(crate) fn entry(
    by: &str,
    action: &str,
    reason: &str,
    outcome: &str,
    operation: Option<&str>,
) -> AuditEntry {
    AuditEntry {
        at: Timestamp::now(),
        by: by.to_owned(),
        action: action.to_owned(),
        reason: reason.to_owned(),
        outcome: outcome.to_owned(),
        operation: operation.map(str::to_owned),
        number: 0,
        prev: String::new(),
        hash: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn entries_survive_and_a_torn_one_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.ndjson");
        let audit = Audit::open(&path).unwrap();
        audit
            .record(entry("ada", "restart guilds", "why not", "intent", Some("op_1")))
            .await
            .unwrap();
        drop(audit);
        File::options()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"{\"at\":\"20")
            .unwrap();
        let audit = Audit::open(&path).unwrap();
        audit
            .record(entry("ada", "restart guilds", "why not", "success", Some("op_1")))
            .await
            .unwrap();
        drop(audit);
        let newest = Audit::open(&path).unwrap().newest(10);
        let outcomes: Vec<&str> = newest.iter().map(|entry| entry.outcome.as_str()).collect();
        assert_eq!(outcomes, ["success", "intent"]);
    }
}
