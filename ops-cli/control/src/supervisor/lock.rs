//! The lock of a data folder: one supervisor at a time, and who it is.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};

use crate::folder::Folder;

/// The lock file, opened and not yet taken.
#[derive(Debug)]
pub struct LockFile {
    file: fd_lock::RwLock<File>,
}

/// A taken lock: it is free again when this is dropped, also by a `kill -9`.
#[derive(Debug)]
pub struct Held<'a> {
    _guard: fd_lock::RwLockWriteGuard<'a, File>,
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it.
    #[error("a stack runs already on {folder} (supervisor pid {pid})")]
    Taken {
        /// The data folder.
        folder: String,
        /// Who.
        pid: u32,
    },
    /// The file cannot be used.
    #[error("cannot lock {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

// === impl LockFile ===

impl LockFile {
    /// Opens the lock file of a data folder whose `run/` exists.
    pub fn open(folder: &Folder) -> Result<Self, LockError> {
        let path = folder.lock();
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|source| LockError::Io {
                path: path.display().to_string(),
                source,
            })?;
        Ok(Self {
            file: fd_lock::RwLock::new(file),
        })
    }

    /// Takes the lock and writes who has it.
    pub fn take(&mut self, folder: &Folder) -> Result<Held<'_>, LockError> {
        let io = |source| LockError::Io {
            path: folder.lock().display().to_string(),
            source,
        };
        match self.file.try_write() {
            Ok(mut guard) => {
                guard.set_len(0).map_err(io)?;
                guard.rewind().map_err(io)?;
                write!(guard, "{}", std::process::id()).map_err(io)?;
                Ok(Held { _guard: guard })
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(LockError::Taken {
                folder: folder.root().display().to_string(),
                pid: written_pid(folder),
            }),
            Err(source) => Err(io(source)),
        }
    }
}

/// The pid of the supervisor that holds the folder's lock, if one does. Changes nothing.
pub fn holder(folder: &Folder) -> Option<u32> {
    let file = File::open(folder.lock()).ok()?;
    // A shared lock for a moment: two askers do not see each other, and a supervisor that starts at this very
    // moment tries again.
    let lock = fd_lock::RwLock::new(file);
    match lock.try_read() {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(written_pid(folder)),
        _ => None,
    }
}

fn written_pid(folder: &Folder) -> u32 {
    let mut text = String::new();
    match File::open(folder.lock()).and_then(|mut file| file.read_to_string(&mut text)) {
        Ok(_) => text.trim().parse().unwrap_or(0),
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_one_learns_who_was_first() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::new(data.path());
        folder.create().unwrap();
        assert_eq!(holder(&folder), None);
        let mut first = LockFile::open(&folder).unwrap();
        let held = first.take(&folder).unwrap();
        let mut second = LockFile::open(&folder).unwrap();
        let error = second.take(&folder).unwrap_err();
        assert!(
            matches!(error, LockError::Taken { pid, .. } if pid == std::process::id()),
            "{error}"
        );
        assert_eq!(holder(&folder), Some(std::process::id()));
        drop(held);
        assert_eq!(holder(&folder), None);
    }
}
