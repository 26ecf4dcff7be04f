//! The processes that a killed supervisor left: they end by themselves (the end of a pipe tells them), and until
//! then they hold ports and folders. The next supervisor waits for the last of them.
//!
//! The lock on `run/kin.lock` belongs to the open file, which every process of a stack inherits: it is free when
//! the last one has closed it, however it ended.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::folder::Folder;

/// Longer than the processes take that notice the end of their parent.
const LIMIT: Duration = Duration::from_secs(15);
/// Between two tries.
const LOOK: Duration = Duration::from_millis(30);

/// Why the processes of an earlier supervisor are in the way.
#[derive(Debug, thiserror::Error)]
pub enum KinError {
    /// They do not end.
    #[error("processes of an earlier supervisor still run (pids {0}); end them with kill -9")]
    Alive(String),
    /// The lock file cannot be used.
    #[error("cannot lock {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

/// The lock file, opened and not yet taken.
#[derive(Debug)]
pub(crate) struct Kin {
    lock: fd_lock::RwLock<File>,
}

/// The taken lock: the file is for the processes to inherit.
#[derive(Debug)]
pub(crate) struct Taken<'a> {
    pub(crate) file: Arc<File>,
    _guard: fd_lock::RwLockWriteGuard<'a, File>,
}

// === impl Kin ===

impl Kin {
    /// Opens the lock file.
    pub(crate) fn open(folder: &Folder) -> Result<Self, KinError> {
        let path = folder.kin_lock();
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let file = file.map_err(named(&path))?;
        Ok(Self {
            lock: fd_lock::RwLock::new(file),
        })
    }

    /// Waits until nobody else has it.
    pub(crate) async fn take(&mut self, folder: &Folder) -> Result<Taken<'_>, KinError> {
        let path = folder.kin_lock();
        let give_up = Instant::now() + LIMIT;
        while let Err(error) = self.lock.try_write().map(drop) {
            if error.kind() != io::ErrorKind::WouldBlock {
                return Err(named(&path)(error));
            }
            if Instant::now() >= give_up {
                return Err(KinError::Alive(holders(&path)));
            }
            tokio::time::sleep(LOOK).await;
        }
        // Blocks for no longer than somebody takes to look whether it is free.
        let guard = self.lock.write().map_err(named(&path))?;
        let file = Arc::new(guard.try_clone().map_err(named(&path))?);
        Ok(Taken { file, _guard: guard })
    }
}

/// Whether processes of an earlier supervisor still run. Changes nothing.
pub(crate) fn alive(folder: &Folder) -> bool {
    let Ok(file) = File::open(folder.kin_lock()) else {
        return false;
    };
    let lock = fd_lock::RwLock::new(file);
    lock.try_read().is_err()
}

/// The processes that have the file open.
fn holders(path: &Path) -> String {
    let mut pids = Vec::new();
    for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let descriptors = std::fs::read_dir(process.path().join("fd"))
            .into_iter()
            .flatten()
            .flatten();
        let pid = process.file_name().to_string_lossy().parse::<u32>();
        let mut links = descriptors.filter_map(|entry| std::fs::read_link(entry.path()).ok());
        if let Ok(pid) = pid
            && pid != std::process::id()
            && links.any(|link| link == path)
        {
            pids.push(pid.to_string());
        }
    }
    pids.join(", ")
}

fn named(path: &Path) -> impl FnOnce(io::Error) -> KinError {
    let path = path.display().to_string();
    move |source| KinError::Io { path, source }
}
