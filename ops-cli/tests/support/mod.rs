//! What the end-to-end tests share: a real stack on free ports, and the real programs that drive it.
//!
//! A stack is started with the built binaries by `ops up --detach` in a folder of its own and stopped when the
//! value is dropped. Everything fails, never skips, when something cannot start; `GUILDWATCH_E2E=off` leaves the
//! group out on purpose ([`enabled`]).

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::panic, reason = "a test that cannot go on says why")]

pub mod tools;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// One stack at a time per test binary: the machine is small.
static ONE: Mutex<()> = Mutex::new(());

/// A running stack.
pub struct Stack {
    data: tempfile::TempDir,
    pub ports: Ports,
    up: bool,
    _one: MutexGuard<'static, ()>,
}

/// The ports that the topology names.
#[derive(Clone, Copy)]
pub struct Ports {
    pub store: u16,
    pub syslog: u16,
    pub edge: u16,
    pub control: u16,
}

/// Whether the end-to-end tests are wanted.
pub fn enabled() -> bool {
    if std::env::var("GUILDWATCH_E2E").is_ok_and(|value| value == "off") {
        eprintln!("left out: GUILDWATCH_E2E=off");
        return false;
    }
    true
}

/// The folder of the built binaries.
pub fn binaries() -> PathBuf {
    let ops = Path::new(env!("CARGO_BIN_EXE_ops"));
    let folder = ops.parent().expect("a binary is in a folder").to_owned();
    for name in ["chatd", "punt", "logstored"] {
        assert!(
            folder.join(name).is_file(),
            "{name} is not built: run `cargo build --release --workspace` first"
        );
    }
    folder
}

/// Polls until `probe` gives something; panics with `what` after `limit`.
pub fn wait_for<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {limit:?}");
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place where tests wait between probes"
        )]
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Runs a command to its end and gives its output; panics when it cannot be started.
pub fn run(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"))
}

/// Standard output of a command that must succeed.
pub fn run_ok(command: &mut Command) -> String {
    let output = run(command);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?} failed with {}\n--- stdout\n{}\n--- stderr\n{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

// === impl Ports ===

impl Ports {
    /// Four ports that were free a moment ago.
    pub fn free() -> Self {
        let sockets: Vec<TcpListener> = (0..4)
            .map(|_| TcpListener::bind("127.0.0.1:0").expect("loopback has free ports"))
            .collect();
        let port = |n: usize| {
            sockets[n]
                .local_addr()
                .expect("a bound socket has an address")
                .port()
        };
        Self {
            store: port(0),
            syslog: port(1),
            edge: port(2),
            control: port(3),
        }
    }

    fn topology(self) -> String {
        format!(
            "environment = \"ci\"\n\n[ports]\nstore = {}\nsyslog = {}\nedge = {}\ncontrol = {}\n",
            self.store, self.syslog, self.edge, self.control
        )
    }
}

// === impl Stack ===

impl Stack {
    /// Starts a stack and waits until all of it is green.
    pub fn up() -> Self {
        let stack = Self::prepare();
        let output = run_ok(&mut stack.up_command());
        eprintln!("{output}");
        stack
    }

    /// A stack that is not started yet.
    pub fn prepare() -> Self {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        binaries();
        let data = tempfile::Builder::new()
            .prefix("guildwatch-")
            .tempdir()
            .expect("a folder in /tmp");
        let ports = Ports::free();
        std::fs::write(data.path().join("topology.toml"), ports.topology()).expect("the folder is writable");
        Self {
            data,
            ports,
            up: true,
            _one: one,
        }
    }

    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// `ops --data DATA ARGUMENTS`.
    pub fn ops(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ops"));
        command
            .args(arguments)
            .env("GUILDWATCH_DATA", self.data.path())
            .env("NO_COLOR", "1");
        command.env_remove("RUST_LOG").stdin(std::process::Stdio::null());
        command
    }

    pub fn up_command(&self) -> Command {
        let topology = self.data.path().join("topology.toml");
        self.ops(&[
            "up",
            "--detach",
            "--topology",
            topology.to_str().expect("a temporary path is UTF-8"),
        ])
    }

    pub fn down(&mut self) {
        run_ok(&mut self.ops(&["down"]));
        self.up = false;
    }

    /// Output of an `ops` verb with `-o json`.
    pub fn ops_json(&self, arguments: &[&str]) -> Value {
        let mut arguments = arguments.to_vec();
        arguments.extend(["-o", "json"]);
        let text = run_ok(&mut self.ops(&arguments));
        serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{arguments:?} printed no JSON: {error}\n{text}"))
    }

    pub fn store_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.store)
    }

    pub fn edge_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.edge)
    }

    /// An HTTP call; the JSON of the answer, whatever its status.
    pub fn http(&self, method: &str, url: &str, token: Option<&str>, body: Option<&str>) -> (u16, Value) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let method = method.parse().expect("a method");
            let mut request = reqwest::Client::new()
                .request(method, url)
                .timeout(Duration::from_secs(15));
            if let Some(token) = token {
                request = request.header("authorization", token);
            }
            if let Some(body) = body {
                request = request
                    .header("content-type", "application/json")
                    .body(body.to_owned());
            }
            let response = request
                .send()
                .await
                .unwrap_or_else(|error| panic!("{url}: {error}"));
            let status = response.status().as_u16();
            let text = response.text().await.unwrap_or_default();
            (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
        })
    }

    /// How many records of all days match a query in Lucene's syntax. 0 while there is no index yet.
    pub fn count(&self, query: &str) -> u64 {
        let body = serde_json::json!({"query": {"query_string": {"query": query}}}).to_string();
        let url = format!("{}/_count", self.store_url());
        let (status, answer) = self.http("POST", &url, None, Some(&body));
        if status == 404 {
            return 0;
        }
        answer["count"]
            .as_u64()
            .unwrap_or_else(|| panic!("no count for {query}: {status} {answer}"))
    }

    pub fn wait_for_count(&self, query: &str, expected: u64, limit: Duration) {
        let mut last = 0;
        let reached = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_for("count", limit, || {
                last = self.count(query);
                (last >= expected).then_some(())
            });
        }));
        assert!(
            reached.is_ok() && last == expected,
            "{query}: {last} records, expected {expected}"
        );
    }

    /// The process id of a node, from the control plane.
    pub fn pid_of(&self, node: &str) -> i32 {
        let nodes = self.ops_json(&["nodes"]);
        let items = nodes["items"].as_array().expect("nodes are a list");
        let item = items
            .iter()
            .find(|item| item["name"] == node)
            .unwrap_or_else(|| panic!("no node {node}: {nodes}"));
        i32::try_from(item["pid"].as_i64().expect("a pid")).expect("a pid is small")
    }

    /// `kill -9` of a process of the stack, by pid; waits until another one has taken its place and is green.
    pub fn kill_and_wait(&self, node: &str) {
        let pid = self.pid_of(node);
        eprintln!("kill -9 {node} ({pid})");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL)
            .expect("kill");
        wait_for(&format!("{node} comes back"), Duration::from_secs(20), || {
            let output = run(&mut self.ops(&["nodes", "-o", "json"]));
            let nodes: Value = serde_json::from_slice(&output.stdout).ok()?;
            let items = nodes["items"].as_array()?;
            let item = items.iter().find(|item| item["name"] == node)?;
            let back = item["pid"].as_i64() != Some(i64::from(pid)) && item["pid"].as_i64() > Some(0);
            (back && item["health"] == "green").then_some(())
        });
    }

    pub fn wait_until_green(&self) {
        run_ok(&mut self.ops(&["status", "--exit-code", "--wait", "30s"]));
    }

    /// A new account: its id and token.
    pub fn account(&self, kind: &str, name: &str) -> (String, String) {
        let answer = self.ops_json(&[kind, "create", name]);
        let account = &answer["items"][0];
        let text = |key: &str| {
            account[key]
                .as_str()
                .unwrap_or_else(|| panic!("no {key} in {answer}"))
                .to_owned()
        };
        (text("id"), text("token"))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- status at the time of the failure");
            if let Ok(output) = self.ops(&["status"]).output() {
                eprintln!("{}", String::from_utf8_lossy(&output.stdout));
            }
            let keep = std::env::var_os("GUILDWATCH_KEEP").is_some();
            eprintln!("--- data: {} (kept: {keep})", self.data.path().display());
            if keep {
                self.data.disable_cleanup(true);
            }
        }
        if self.up {
            // A failed test must leave nothing behind; its own message is what counts.
            drop(self.ops(&["down"]).output());
        }
    }
}
