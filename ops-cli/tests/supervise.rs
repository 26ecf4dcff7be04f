//! The `ops` binary over stand-ins for the other programs: what it leaves behind, what it refuses, how it exits.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's own tools may panic; clippy excuses only what is inside a #[test]"
)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A copy of `ops` beside stand-ins: processes that live until their parent is gone.
struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    fn new(stand_in: &str) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let ops = folder.path().join("bin/ops");
        std::fs::create_dir(folder.path().join("bin")).unwrap();
        std::fs::hard_link(env!("CARGO_BIN_EXE_ops"), &ops)
            .or_else(|_| std::fs::copy(env!("CARGO_BIN_EXE_ops"), &ops).map(drop))
            .unwrap();
        for name in ["chatd", "logstored", "punt"] {
            let path = folder.path().join("bin").join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{stand_in}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let ports = "[ports]\nstore = 0\nsyslog = 0\nedge = 0\ncontrol = 0\n";
        std::fs::write(folder.path().join("topology.toml"), ports).unwrap();
        Self { folder }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn ops(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.folder.path().join("bin/ops"));
        command
            .args(arguments)
            .env("GUILDWATCH_DATA", self.data())
            .env("NO_COLOR", "1");
        command.env_remove("RUST_LOG").stdin(Stdio::null());
        command
    }

    fn topology(&self) -> String {
        self.folder.path().join("topology.toml").display().to_string()
    }
}

/// A supervisor that a failed test does not leave behind.
struct Supervisor(Child);

impl Drop for Supervisor {
    fn drop(&mut self) {
        // Its processes end with it; it may have ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn run(command: &mut Command) -> (Option<i32>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (status.code(), text(&stdout) + &text(&stderr))
}

fn wait_for<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "never {what}");
        #[expect(
            clippy::disallowed_methods,
            reason = "the pause between two probes of a condition"
        )]
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The pids of processes, not counting those that ended and wait to be reaped, whose command line has `needle`.
fn processes_of(needle: &Path) -> Vec<u32> {
    let needle = needle.display().to_string();
    let found = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let pid: u32 = entry.file_name().to_string_lossy().parse().ok()?;
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&needle).then_some(pid)
    });
    found.filter(|pid| *pid != std::process::id()).collect()
}

#[test]
fn no_process_outlives_a_supervisor_that_is_killed_and_the_next_one_waits_for_the_last() {
    // Ends a moment after its parent did, as one that has something to write does.
    let scene = Scene::new("cat >/dev/null; sleep 0.5");
    let start = || {
        let mut command = scene.ops(&["supervise", "--topology", &scene.topology()]);
        Supervisor(
            command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        )
    };
    let running = |supervisor: u32| {
        wait_for("running", || {
            let (_, json) = list(&scene.data())?;
            let processes = json["listing"]["processes"].as_array()?.clone();
            let mine = json["listing"]["supervisor"] == supervisor;
            let up = processes
                .iter()
                .filter(|process| process["state"] == "running")
                .count();
            (mine && up >= 4).then_some(())
        });
    };
    let mut first = start();
    running(first.0.id());
    assert!(processes_of(&scene.data()).len() >= 4);
    // A second one on the same folder is refused and changes nothing.
    let (code, said) = run(&mut scene.ops(&["supervise", "--topology", &scene.topology()]));
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains(&format!("pid {}", first.0.id())) && said.contains("ops down"),
        "{said}"
    );
    let (code, said) = run(&mut scene.ops(&["up", "--detach", "--topology", &scene.topology()]));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("already") && said.contains("ops down"), "{said}");

    first.0.kill().unwrap();
    first.0.wait().unwrap();
    let mut second = start();
    running(second.0.id());
    let (code, said) = run(&mut scene.ops(&["down"]));
    assert_eq!(code, Some(0), "{said}");
    assert!(second.0.wait().unwrap().success());
    wait_for("nothing left", || {
        processes_of(&scene.data()).is_empty().then_some(())
    });
}

#[test]
fn a_process_that_cannot_start_is_named_with_what_it_said_and_everything_is_stopped() {
    let scene = Scene::new("echo no luck today >&2; exit 7");
    let (code, said) = run(&mut scene.ops(&["up", "--detach", "--topology", &scene.topology()]));
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("does not start (exit code 7") && said.contains("no luck today"),
        "{said}"
    );
    assert_eq!(processes_of(&scene.data()), [0_u32; 0]);
    let (code, said) = run(&mut scene.ops(&["down"]));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("no stack runs"), "{said}");
}

#[test]
fn exit_codes_are_those_of_the_manual() {
    let scene = Scene::new("exit 0");
    let code = |arguments: &[&str]| run(&mut scene.ops(arguments)).0;
    assert_eq!(code(&["version"]), Some(0));
    assert_eq!(code(&["nonsense"]), Some(2));
    assert_eq!(code(&["console"]), Some(2), "no terminal");
    assert_eq!(code(&["status"]), Some(69), "nothing runs");
    let (code, said) = run(&mut scene.ops(&["restart", "guilds"]));
    assert_eq!(code, Some(9), "{said}");
    assert!(said.contains("--yes"), "{said}");
    let (code, said) = run(&mut scene.ops(&["up", "--topology", "/nowhere.toml"]));
    assert_eq!(code, Some(2), "{said}");
    let (_, said) = run(&mut scene.ops(&["status", "-o", "json"]));
    let problem: Value = serde_json::from_str(said.trim()).unwrap();
    assert_eq!(problem["type"], "unreachable");
}

#[test]
fn completions_and_manual_pages_are_written() {
    let scene = Scene::new("exit 0");
    let (code, script) = run(&mut scene.ops(&["completions", "bash"]));
    assert_eq!(code, Some(0));
    assert!(script.contains("restart"), "{script}");
    let out = scene.folder.path().join("man");
    assert_eq!(
        run(&mut scene.ops(&["man", "--out", out.to_str().unwrap()])).0,
        Some(0)
    );
    assert!(out.join("ops-restart.1").is_file());
}

/// The supervisor's list, over its socket as it is.
fn list(data: &Path) -> Option<(String, Value)> {
    use std::io::{BufRead as _, BufReader, Write as _};
    let mut socket = std::os::unix::net::UnixStream::connect(data.join("run/supervisor.sock")).ok()?;
    socket.write_all(b"{\"do\":\"list\"}\n").ok()?;
    let mut line = String::new();
    BufReader::new(socket).read_line(&mut line).ok()?;
    let json = serde_json::from_str(&line).ok()?;
    Some((line, json))
}
