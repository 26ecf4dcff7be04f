//! A `punt` process.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use command_fds::{CommandFdExt as _, FdMapping};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::wait::until;

/// A folder with a configuration, in which a punt can be started any number of times.
pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
}

/// A running punt. It is killed when this is dropped.
pub(crate) struct Punt {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    socket: PathBuf,
}

// === impl Site ===

impl Site {
    /// A punt with this source, and one sink `logs` to `url` with these further keys.
    pub(crate) fn new(source: &str, url: &str, sink: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let site = Self { folder };
        site.configure(source, url, sink);
        site
    }

    pub(crate) fn configure(&self, source: &str, url: &str, sink: &str) {
        let root = self.path("").display().to_string();
        let config = format!(
            "data = \"{root}data\"\nmetrics = \"127.0.0.1:0\"\ngrace = \"300s\"\n{}\n\
             [sinks.logs]\ntype = \"elasticsearch\"\nurl = \"{url}\"\nbatch_timeout_ms = 20\n\
             retry_max_ms = 100\n{sink}\n",
            source.replace("ROOT/", &root)
        );
        std::fs::write(self.path("punt.toml"), config).expect("the configuration is written");
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    pub(crate) fn start(&self) -> Punt {
        self.spawn(&mut Command::new(env!("CARGO_BIN_EXE_punt")))
    }

    /// Starts a punt that inherits this listener under this name, as from a supervisor.
    pub(crate) fn start_with(&self, name: &str, listener: TcpListener) -> Punt {
        let mut command = Command::new(env!("CARGO_BIN_EXE_punt"));
        let mapping = FdMapping {
            parent_fd: listener.into(),
            child_fd: 3,
        };
        command.env("LISTEN_FDS", "1").env("LISTEN_FDNAMES", name);
        self.spawn(
            command
                .fd_mappings(vec![mapping])
                .expect("descriptor 3 is given once"),
        )
    }

    /// Starts a punt with these variables in its environment.
    pub(crate) fn start_env(&self, variables: &[(&str, String)]) -> Punt {
        let mut command = Command::new(env!("CARGO_BIN_EXE_punt"));
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        self.spawn(&mut command)
    }

    /// Starts a punt with another configuration file, and says where its control socket will be.
    pub(crate) fn start_config(&self, file: &str, socket: &str) -> Punt {
        self.spawn_config(&mut Command::new(env!("CARGO_BIN_EXE_punt")), file, socket)
    }

    fn spawn(&self, command: &mut Command) -> Punt {
        self.spawn_config(command, "punt.toml", "data/punt.sock")
    }

    fn spawn_config(&self, command: &mut Command, file: &str, socket: &str) -> Punt {
        let mut child = command
            .args(["run", "--config"])
            .arg(self.path(file))
            .env("RUST_LOG", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("punt starts");
        let stderr = child.stderr.take().expect("standard error is piped");
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        let punt = Punt {
            child,
            log,
            socket: self.path(socket),
        };
        punt.wait_for_log("punt started");
        punt
    }

    pub(crate) fn dead_letters(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path("data/dead-letter/logs.ndjson")).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a dead letter is JSON"))
            .collect()
    }
}

// === impl Punt ===

impl Punt {
    pub(crate) fn wait_for_log(&self, text: &str) -> String {
        until(&format!("the log says {text:?}"), || {
            let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            log.iter().find(|line| line.contains(text)).cloned()
        })
    }

    /// Where it listens: `tcp`, `udp` or `http`.
    pub(crate) fn address(&self, protocol: &str) -> SocketAddr {
        let line = self.wait_for_log(&format!("labels.protocol=\"{protocol}\""));
        let address = line
            .split("labels.address=")
            .nth(1)
            .expect("the line has an address");
        let address = address.split(' ').next().unwrap_or(address);
        address.parse().expect("an address")
    }

    /// Sends `count` syslog messages, numbered from `from`, and waits until punt has taken them.
    pub(crate) fn send(&self, from: usize, count: usize) {
        let mut text = String::new();
        for number in from..from + count {
            let _ = writeln!(text, "<13>Nov 24 09:46:51 host app[7]: message {number}");
        }
        let mut stream = TcpStream::connect(self.address("tcp")).expect("punt listens");
        stream.write_all(text.as_bytes()).expect("punt reads");
    }

    pub(crate) fn stats(&self) -> Value {
        let output = Command::new(env!("CARGO_BIN_EXE_punt"))
            .args(["stats", "-o", "json", "--socket"])
            .arg(&self.socket)
            .output()
            .expect("punt stats runs");
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "no statistics: {complaints}");
        serde_json::from_slice(&output.stdout).expect("statistics are JSON")
    }

    /// A counter of the first component of this kind.
    pub(crate) fn counter(&self, kind: &str, name: &str) -> u64 {
        component(&self.stats(), kind)["counters"][name]
            .as_u64()
            .unwrap_or_default()
    }

    pub(crate) fn wait_for_counter(&self, kind: &str, name: &str, value: u64) {
        until(&format!("{kind} {name} is {value}"), || {
            (self.counter(kind, name) == value).then_some(())
        });
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// With nothing in flight, every stage accounts for what came to it.
    pub(crate) fn assert_balance(&self) {
        let mut last = String::new();
        let found = crate::wait::try_until(|| {
            let stats: punt_control::Stats = serde_json::from_value(self.stats()).expect("statistics");
            let balance = stats.balance();
            last = format!("{balance:#?}");
            balance.holds().then_some(())
        });
        assert!(
            found.is_some(),
            "received is not sent + buffered + counted: {last}"
        );
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().expect("a pid"));
        kill(pid, signal).expect("punt is there");
    }

    /// `punt reload`: exit code, what it said, what it complained about.
    pub(crate) fn reload(&self) -> (Option<i32>, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_punt"))
            .args(["reload", "--socket"])
            .arg(&self.socket)
            .output()
            .expect("punt reload runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// SIGTERM; fails unless punt calls that a success.
    pub(crate) fn terminate(mut self) {
        self.signal(Signal::SIGTERM);
        let status = until("punt has stopped", || {
            self.child.try_wait().expect("punt is ours")
        });
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(status.success(), "{status}: {log:#?}");
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("punt is there");
        self.child.wait().expect("punt is ours");
    }
}

impl Drop for Punt {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn component<'a>(stats: &'a Value, kind: &str) -> &'a Value {
    let components = stats["components"]
        .as_array()
        .expect("statistics have components");
    components
        .iter()
        .find(|component| component["kind"] == kind)
        .expect("a component of each kind")
}
