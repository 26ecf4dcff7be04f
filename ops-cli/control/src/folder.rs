//! The data folder of a stack: where everything in it lies, and the tokens it keeps.
//!
//! Not here: what is in the files (each has its own module or crate).

use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The longest path that a Unix socket can have on Linux, with room for the end mark.
const MAX_SOCKET_PATH: usize = 107;

/// A data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    root: PathBuf,
}

// === impl Folder ===

impl Folder {
    /// The data folder at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `run/`: sockets, tokens, addresses; means something only while the stack runs.
    pub fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    /// `run/lock`, held by the supervisor.
    pub fn lock(&self) -> PathBuf {
        self.root.join("run/lock")
    }

    /// `run/kin.lock`, held by the supervisor and by each of its processes.
    pub fn kin_lock(&self) -> PathBuf {
        self.root.join("run/kin.lock")
    }

    /// `run/supervisor.sock`.
    pub fn supervisor_socket(&self) -> PathBuf {
        self.root.join("run/supervisor.sock")
    }

    /// `run/punt.sock`.
    pub fn punt_socket(&self) -> PathBuf {
        self.root.join("run/punt.sock")
    }

    /// `run/punt.toml`.
    pub fn punt_config(&self) -> PathBuf {
        self.root.join("run/punt.toml")
    }

    /// `run/topology.toml`: the topology in force.
    pub fn topology(&self) -> PathBuf {
        self.root.join("run/topology.toml")
    }

    /// `run/fabric.token`: what nodes and the control plane show each other.
    pub fn fabric_token(&self) -> PathBuf {
        self.root.join("run/fabric.token")
    }

    /// `run/control.token`: what operators show the control plane.
    pub fn control_token(&self) -> PathBuf {
        self.root.join("run/control.token")
    }

    /// `run/nodes/`: one run file per node, written by the nodes.
    pub fn nodes(&self) -> PathBuf {
        self.root.join("run/nodes")
    }

    /// `control/`: the control plane's journal and audit log.
    pub fn control(&self) -> PathBuf {
        self.root.join("control")
    }

    /// `spool/NODE/`.
    pub fn spool(&self, node: &str) -> PathBuf {
        self.root.join("spool").join(node)
    }

    /// `log/NODE.stderr`: what a process says before and beside its log records.
    pub fn stderr(&self, node: &str) -> PathBuf {
        self.root.join("log").join(format!("{node}.stderr"))
    }

    /// Makes the folder with what the supervisor needs in it.
    pub fn create(&self) -> io::Result<()> {
        let named = |path: &Path, error: io::Error| {
            io::Error::new(error.kind(), format!("cannot create {}: {error}", path.display()))
        };
        for part in ["run/nodes", "log", "spool", "control", "store", "punt"] {
            let path = self.root.join(part);
            std::fs::create_dir_all(&path).map_err(|error| named(&path, error))?;
        }
        // Tokens lie in it.
        let run = self.run();
        std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o700))
            .map_err(|error| named(&run, error))
    }

    /// The length by which the folder's path is too long for the sockets in it, if it is.
    pub fn too_long_by(&self) -> Option<usize> {
        self.supervisor_socket()
            .as_os_str()
            .len()
            .checked_sub(MAX_SOCKET_PATH)
            .filter(|over| *over > 0)
    }
}

/// Reads the token in `path`, or makes one: 32 random bytes in hex, mode 0600. A token outlives restarts.
pub fn token(path: &Path) -> io::Result<String> {
    match std::fs::read_to_string(path) {
        Ok(text) if text.trim().len() >= 32 => return Ok(text.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let token: String = rand::random::<[u8; 32]>()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    write_private(path, token.as_bytes())?;
    Ok(token)
}

/// Writes a file that only its owner may read, whole or not at all.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_only_its_owner_may_read_it() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("t");
        let first = token(&path).unwrap();
        assert_eq!(first.len(), 64);
        assert_eq!(token(&path).unwrap(), first);
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn a_path_that_no_socket_can_have_is_told_with_its_excess() {
        assert_eq!(Folder::new("/short").too_long_by(), None);
        let long = format!("/{}", "x".repeat(100));
        assert_eq!(Folder::new(long).too_long_by(), Some(101 + 20 - MAX_SOCKET_PATH));
    }
}
