//! Starts an engine and holds it.

use std::net::TcpListener;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use nix::sys::signal::Signal;

use crate::leash::Leash;
use crate::{Kind, cassandra, ferretdb, install, kibana, search};

/// How often an engine that starts is asked.
const POLL: Duration = Duration::from_millis(200);

/// How an engine is started.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its folder: data, logs and `engine.log` (what it printed). It is kept.
    pub data: PathBuf,
    /// Java's heap.
    pub heap_mib: u32,
    /// Nodes, in one process; search engines only.
    pub nodes: u16,
    /// Where it listens on 127.0.0.1; a free port without it.
    pub port: Option<u16>,
    /// What stands behind it: for Kibana, the URL of an Elasticsearch 5.
    pub behind: Option<String>,
    /// How long it may take until it serves.
    pub patience: Duration,
}

/// An engine that serves. It is killed when this is dropped, and when this process dies.
#[derive(Debug)]
pub struct Running {
    kind: Kind,
    settings: Settings,
    installed: PathBuf,
    port: u16,
    leash: Leash,
}

/// Installs an engine where needed, starts it, and waits until it serves.
pub async fn start(kind: Kind, settings: Settings) -> anyhow::Result<Running> {
    let installed = tokio::task::spawn_blocking(move || install(kind, &mut |_| {})).await??;
    std::fs::create_dir_all(&settings.data)
        .with_context(|| format!("creating {}", settings.data.display()))?;
    let port = match settings.port {
        Some(port) => port,
        None => free_ports(kind.ports(), settings.nodes)?,
    };
    let leash = launch(kind, &installed, &settings, port)?;
    let mut running = Running {
        kind,
        settings,
        installed,
        port,
        leash,
    };
    running.wait().await?;
    Ok(running)
}

fn launch(kind: Kind, installed: &Path, settings: &Settings, port: u16) -> anyhow::Result<Leash> {
    let mut environment = Vec::new();
    let command = match kind {
        Kind::Cassandra5 => cassandra::command(installed, settings, port)?,
        Kind::FerretDb1 => ferretdb::command(installed, settings, port),
        Kind::Kibana5 => kibana::command(installed, settings, port)?,
        _ => search::command(kind, installed, settings, port)?,
    };
    if kind == Kind::Kibana5 {
        environment.push(("NODE_OPTIONS", String::new()));
    }
    Leash::start(&command, &settings.data, &environment, &log(settings))
}

fn log(settings: &Settings) -> PathBuf {
    settings.data.join("engine.log")
}

/// A run of free ports. Two that look at the same time should not find the same: the kernel chooses where to begin.
fn free_ports(within: RangeInclusive<u16>, count: u16) -> anyhow::Result<u16> {
    let chosen = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let chosen = chosen.context("looking for a free port")?.port();
    let first = *within.start();
    let places = within.end() - first;
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    (0..places)
        .map(|step| first + (chosen % places + step) % places)
        .find(|port| port + count <= *within.end() && (0..count).all(|offset| free(port + offset)))
        .with_context(|| format!("found no {count} free ports in a row in {within:?}"))
}

// === impl Settings ===

impl Settings {
    /// One node with a heap of 512 MiB on a free port, its data under `data`.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            heap_mib: 512,
            nodes: 1,
            port: None,
            behind: None,
            patience: Duration::from_secs(240),
        }
    }
}

// === impl Running ===

impl Running {
    /// Which engine it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// `http://127.0.0.1:PORT`, or `mongodb://…`; for Cassandra `127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        match self.kind {
            Kind::Cassandra5 => format!("127.0.0.1:{}", self.port),
            Kind::FerretDb1 => format!("mongodb://127.0.0.1:{}/", self.port),
            _ => format!("http://127.0.0.1:{}", self.port),
        }
    }

    /// The port of the first node.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.leash.pid()
    }

    /// Stops it in its tracks (`SIGSTOP`): it keeps its connections and answers nothing.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.leash.signal(Signal::SIGSTOP)
    }

    /// Ends a [`Running::pause`].
    pub fn resume(&self) -> anyhow::Result<()> {
        self.leash.signal(Signal::SIGCONT)
    }

    /// `kill -9`. [`Running::restart`] brings it back on the same data and ports.
    pub fn kill(&mut self) {
        self.leash.end();
    }

    /// Kills it if it runs, starts it again on the same data and ports, and waits until it serves.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.leash.end();
        self.leash = launch(self.kind, &self.installed, &self.settings, self.port)?;
        self.wait().await
    }

    async fn wait(&mut self) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + self.settings.patience;
        let mut last = String::from("it was not asked yet");
        while tokio::time::Instant::now() < deadline {
            if !self.leash.is_alive() {
                bail!("{} ended while it started; {}", self.kind, self.said());
            }
            match self.serves().await {
                Ok(()) => return Ok(()),
                Err(error) => last = format!("{error:#}"),
            }
            tokio::time::sleep(POLL).await;
        }
        bail!(
            "{} does not serve after {:?}: {last}; {}",
            self.kind,
            self.settings.patience,
            self.said()
        )
    }

    async fn serves(&self) -> anyhow::Result<()> {
        let path = match self.kind {
            Kind::Cassandra5 => return cassandra::serves(self.port, &log(&self.settings)).await,
            Kind::FerretDb1 => {
                tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await?;
                return Ok(());
            }
            Kind::Kibana5 => "/api/status",
            _ => "/_cluster/health?wait_for_status=yellow&timeout=1s",
        };
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(5))
            .build()?;
        let answer = http
            .get(format!("{}{path}", self.url()))
            .send()
            .await?
            .error_for_status()?;
        let body: serde_json::Value = serde_json::from_slice(&answer.bytes().await?)?;
        let well = match self.kind {
            Kind::Kibana5 => body["status"]["overall"]["state"] == "green",
            _ => body["timed_out"] == false && body["number_of_nodes"] == self.settings.nodes,
        };
        if !well {
            bail!("it says {body}");
        }
        Ok(())
    }

    /// The end of what it printed.
    fn said(&self) -> String {
        let path = log(&self.settings);
        let text = std::fs::read(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(15)..].join("\n");
        format!("the end of {}:\n{tail}", path.display())
    }
}
