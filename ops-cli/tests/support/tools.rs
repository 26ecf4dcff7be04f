//! Foreign programs that the tests drive the stack with: installed when missing, never replaced by something else.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::run_ok;

/// discord.py's version, as pinned by the project.
const DISCORD_PY: &str = "discord.py==2.7.1";

/// A Debian program; installs `package` when it is missing (which needs root).
pub fn debian(program: &str, package: &str) -> PathBuf {
    let find = || {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&paths)
            .map(|folder| folder.join(program))
            .find(|path| path.is_file())
    };
    if let Some(path) = find() {
        return path;
    }
    run_ok(Command::new("apt-get").args(["update", "-q"]));
    run_ok(
        Command::new("apt-get")
            .args(["install", "-y", "-q", "--no-install-recommends", package])
            .envs([("RUNLEVEL", "1"), ("DEBIAN_FRONTEND", "noninteractive")]),
    );
    find().unwrap_or_else(|| panic!("{package} was installed and brought no {program}"))
}

/// A Python interpreter that has discord.py, in a virtual environment below the target folder.
pub fn python_with_discord() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = target.join("discord-py");
    let python = folder.join("bin/python");
    let ready = folder.join("ready");
    if !ready.is_file() {
        run_ok(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&folder),
        );
        run_ok(Command::new(&python).args(["-m", "pip", "install", "--quiet", DISCORD_PY]));
        std::fs::write(&ready, DISCORD_PY).expect("the virtual environment is writable");
    }
    python
}

/// The path of a client script of the tests.
pub fn client(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(name)
}
