//! A store of one test.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A running `logstored` on a folder of its own.
pub(crate) struct Store {
    child: Child,
    pub(crate) url: String,
    _folder: TempDir,
}

impl Store {
    /// Starts a store that presents a version, and waits until it listens.
    pub(crate) fn start(present: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let child = Command::new(binary())
            .args(["--listen", "127.0.0.1:0", "--present-as", present, "--data"])
            .arg(&data)
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(30);
        let address = loop {
            if let Ok(address) = std::fs::read_to_string(data.join("http.addr"))
                && !address.trim().is_empty()
            {
                break address;
            }
            assert!(Instant::now() < until, "the store does not listen");
            std::thread::yield_now();
        };
        Self {
            child,
            url: format!("http://{}", address.trim()),
            _folder: folder,
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The store of the same build: `cargo build --workspace` goes before these tests.
fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().and_then(|deps| deps.parent()).unwrap();
    let store = built.join("logstored");
    assert!(
        store.is_file(),
        "{} is not there: build it first (cargo build --workspace)",
        store.display()
    );
    store
}
