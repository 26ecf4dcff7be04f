//! A child that cannot outlive this process: a shell beside it waits on a pipe, and kills it once the pipe is closed.
//!
//! `PR_SET_PDEATHSIG` would follow the thread that spawned the child, and a test's threads end before the test program does.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// `$@` in the background, its pid on stdout, then the wait. `kill` of a pid that is gone is harmless here: the shell has not
/// reaped it, so the number is still its own.
const SHELL: &str = r#"exec 3>&1 1>"$LEASH_LOG" 2>&1; "$@" 3>&- </dev/null & echo $! >&3; exec 3>&-; read -r _; kill -9 $!; wait $!"#;

/// The child and its keeper.
#[derive(Debug)]
pub(crate) struct Leash {
    shell: Child,
    pid: Pid,
}

// === impl Leash ===

impl Leash {
    /// Starts `command`, whose output goes to the file `log`.
    pub(crate) fn start(
        command: &[String],
        folder: &Path,
        environment: &[(&str, String)],
        log: &Path,
    ) -> anyhow::Result<Self> {
        File::create(log).with_context(|| format!("creating {}", log.display()))?;
        let mut shell = Command::new("sh")
            .args(["-c", SHELL, "sh"])
            .args(command)
            .current_dir(folder)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .env("LEASH_LOG", log)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting a shell")?;
        let stdout = shell.stdout.take().context("the shell has no output")?;
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .context("reading the pid of the engine")?;
        let pid: i32 = line
            .trim()
            .parse()
            .with_context(|| format!("{line:?} is no pid"))?;
        Ok(Self {
            shell,
            pid: Pid::from_raw(pid),
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
    }

    /// Whether it runs: neither gone nor dead and unreaped.
    pub(crate) fn is_alive(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        let state = stat.rsplit(')').next().unwrap_or_default().trim_start();
        !(state.is_empty() || state.starts_with('Z') || state.starts_with('X'))
    }

    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        kill(self.pid, signal).with_context(|| format!("sending {signal} to {}", self.pid))
    }

    /// Kills it and waits until it is gone.
    pub(crate) fn end(&mut self) {
        drop(self.shell.stdin.take());
        // The shell waits for the engine, so once it has ended both are gone.
        drop(self.shell.wait());
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(folder: &Path) -> Leash {
        let command = ["sleep".to_owned(), "600".to_owned()];
        Leash::start(&command, folder, &[], &folder.join("log")).unwrap()
    }

    #[test]
    fn a_child_ends_with_its_leash() {
        let folder = tempfile::tempdir().unwrap();
        let leash = sleeper(folder.path());
        assert!(leash.is_alive());
        let pid = leash.pid();
        drop(leash);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn a_child_that_is_stopped_ends_too() {
        let folder = tempfile::tempdir().unwrap();
        let mut leash = sleeper(folder.path());
        leash.signal(Signal::SIGSTOP).unwrap();
        leash.end();
        assert!(!leash.is_alive());
    }
}
