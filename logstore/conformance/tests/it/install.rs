//! Clients of others, each version in a folder of its own below the target folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The folder of a Python package, installed when it is not there.
pub(crate) fn python(package: &str) -> PathBuf {
    installed(package, |folder| {
        let mut command = Command::new("python3");
        command
            .args(["-m", "pip", "install", "--quiet", "--target"])
            .arg(folder)
            .arg(package);
        command
    })
}

/// The folder of a JavaScript package, installed when it is not there.
pub(crate) fn javascript(package: &str) -> PathBuf {
    installed(package, |folder| {
        let mut command = Command::new("npm");
        command
            .args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
            .arg(folder)
            .arg(package);
        command
    })
}

fn installed(package: &str, install: impl Fn(&Path) -> Command) -> PathBuf {
    let name = package.replace(['/', '@', '='], "-");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let ready = folder.join("ready");
    if !ready.is_file() {
        std::fs::create_dir_all(&folder).unwrap();
        output(&mut install(&folder));
        std::fs::write(&ready, package).unwrap();
    }
    folder
}

/// A script of this folder.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(name)
}

/// Runs a script, which prints JSON.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> Value {
    serde_json::from_slice(&output(command)).unwrap()
}

#[track_caller]
fn output(command: &mut Command) -> Vec<u8> {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?} ended with {}:\n{said}",
        output.status
    );
    output.stdout
}
