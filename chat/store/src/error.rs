//! Why a backend could not do what it was asked. Not a refusal: those are answers.

use std::path::{Path, PathBuf};

/// A backend failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the store open.
    #[error("{} is open in another process: only one data node can use it, stop that one first", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file is not a store of ours, or it broke.
    #[error(
        "{} is damaged ({reason}): move it away and restore a backup, or start without its messages",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was seen.
        reason: String,
    },
    /// The disk failed or is full. After this a store does nothing more until it is opened again.
    #[error("cannot {action} {}: {reason}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
    /// A row that this version cannot read or write.
    #[error("cannot {action} a row of {table}: {reason}")]
    Row {
        /// `read` or `write`.
        action: &'static str,
        /// The table.
        table: &'static str,
        /// What happened.
        reason: String,
    },
}

impl StoreError {
    /// Sorts redb's many errors by what the operator has to do.
    pub(crate) fn from_redb(action: &'static str, path: &Path, error: redb::Error) -> Self {
        let path = path.to_owned();
        match error {
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Self::Locked { path },
            redb::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => Self::Damaged {
                path,
                reason: error.to_string(),
            },
            redb::Error::Corrupted(reason) => Self::Damaged { path, reason },
            error @ (redb::Error::RepairAborted
            | redb::Error::UpgradeRequired(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TypeDefinitionChanged { .. }) => Self::Damaged {
                path,
                reason: error.to_string(),
            },
            error => Self::Io {
                action,
                path,
                reason: error.to_string(),
            },
        }
    }
}
