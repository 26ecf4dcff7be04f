//! What it takes to start one process: program, arguments, inherited sockets, standard error, probe.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use command_fds::{CommandFdExt as _, FdMapping};

/// The first inherited descriptor of the LISTEN_FDS protocol.
const FIRST_FD: i32 = 3;

/// A standard error file larger than this is emptied before the process starts again.
const MAX_STDERR: u64 = 10 << 20;

/// One process of the stack.
#[derive(Debug)]
pub struct ProcessSpec {
    /// Its name: `guilds-0`.
    pub node: String,
    /// Its cluster: `guilds`.
    pub cluster: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// What is added to its environment.
    pub env: Vec<(String, String)>,
    /// The sockets that it inherits.
    pub sockets: Vec<Socket>,
    /// A locked file that it inherits as well: the lock is free when the last process of the stack is gone.
    pub kin: Option<Arc<File>>,
    /// Where its standard output and error go.
    pub stderr: PathBuf,
    /// Answers 200 when it is ready; without one it is ready when it runs.
    pub probe: Option<String>,
    /// Between SIGTERM and SIGKILL when everything is stopped.
    pub grace: Duration,
    /// Whether the next stage waits until this one is ready.
    pub gate: bool,
}

/// A listening socket that lives as long as the supervisor.
#[derive(Debug)]
pub struct Socket {
    /// Its name in `LISTEN_FDNAMES`.
    pub name: &'static str,
    /// The socket.
    pub listener: TcpListener,
}

// === impl Socket ===

impl Socket {
    /// Binds a socket; port 0 picks a free one.
    pub fn bind(name: &'static str, address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        Ok(Self { name, listener })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

// === impl ProcessSpec ===

impl ProcessSpec {
    /// The command that starts one life of the process: its own process group, the sockets from descriptor 3
    /// on, a pipe as standard input whose end tells it that we are gone.
    pub(crate) fn command(&self) -> io::Result<Command> {
        let output = open_stderr(&self.stderr)?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .env(lifecycle::PARENT_ENV, "stdin")
            // Neither is meant for the child when we ourselves were started with sockets.
            .env_remove("LISTEN_PID")
            .env_remove("LISTEN_FDS")
            .env_remove("LISTEN_FDNAMES")
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0);
        let mut inherited = Vec::with_capacity(self.sockets.len() + 1);
        if !self.sockets.is_empty() {
            let names: Vec<&str> = self.sockets.iter().map(|socket| socket.name).collect();
            command
                .env("LISTEN_FDS", self.sockets.len().to_string())
                .env("LISTEN_FDNAMES", names.join(":"));
            for socket in &self.sockets {
                inherited.push(OwnedFd::from(socket.listener.try_clone()?));
            }
        }
        // After the sockets, so that it is none of those that LISTEN_FDS counts.
        if let Some(kin) = &self.kin {
            inherited.push(OwnedFd::from(kin.try_clone()?));
        }
        let numbered = inherited.into_iter().zip(FIRST_FD..);
        let mappings = numbered.map(|(parent_fd, child_fd)| FdMapping { parent_fd, child_fd });
        command
            .fd_mappings(mappings.collect())
            .map_err(io::Error::other)?;
        Ok(command)
    }
}

fn open_stderr(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    if file.metadata()?.len() > MAX_STDERR {
        file.set_len(0)?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_standard_error_file_is_appended_to_until_it_is_too_large() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("x.stderr");
        open_stderr(&path).unwrap().write_all(b"one\n").unwrap();
        open_stderr(&path).unwrap().write_all(b"two\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(MAX_STDERR + 1)
            .unwrap();
        drop(open_stderr(&path).unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
    }
}
