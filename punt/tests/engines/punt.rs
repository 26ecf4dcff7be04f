//! A punt with one sink an engine.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

pub(crate) struct Punt {
    child: Child,
    folder: PathBuf,
    sinks: usize,
}

// === impl Punt ===

impl Punt {
    pub(crate) fn start(folder: &Path, access: &Path, urls: &[(&str, String)]) -> Self {
        let mut config = format!(
            "data = \"{data}\"\n\
             [sources.syslog]\ntype = \"syslog\"\ntcp = \"127.0.0.1:0\"\nudp = \"127.0.0.1:0\"\n\
             [sources.access]\ntype = \"file\"\npaths = [\"{access}\"]\nfields = {{ \"service.name\" = \"nginx\" }}\n",
            data = folder.join("punt").display(),
            access = access.display()
        );
        for (name, url) in urls {
            let _ = write!(
                config,
                "[sinks.{name}]\ntype = \"elasticsearch\"\nurl = \"{url}\"\n"
            );
        }
        let path = folder.join("punt.toml");
        std::fs::write(&path, config).expect("the configuration is written");
        let log = std::fs::File::create(folder.join("punt.log")).expect("the log is created");
        let child = Command::new(env!("CARGO_BIN_EXE_punt"))
            .args(["run", "--config"])
            .arg(&path)
            .env("RUST_LOG", "info")
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("punt starts");
        Self {
            child,
            folder: folder.to_owned(),
            sinks: urls.len(),
        }
    }

    /// Where it listens: `tcp` or `udp`.
    pub(crate) fn address(&self, protocol: &str) -> SocketAddr {
        for _ in 0..600 {
            let log = std::fs::read_to_string(self.folder.join("punt.log")).unwrap_or_default();
            let line = log
                .lines()
                .find(|line| line.contains(&format!("labels.protocol=\"{protocol}\"")));
            if let Some(address) = line.and_then(|line| line.split("labels.address=").nth(1)) {
                let address = address.split(' ').next().unwrap_or(address);
                return address.parse().expect("an address");
            }
            crate::senders::pause();
        }
        panic!("punt does not listen on {protocol}")
    }

    /// Waits until each engine has acknowledged `count` events.
    pub(crate) async fn wait_until_stored(&self, count: usize) {
        let mut last = Value::Null;
        for _ in 0..1200 {
            last = self.stats();
            if self
                .acknowledged(&last)
                .iter()
                .filter(|sent| **sent >= count as u64)
                .count()
                == self.sinks
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let log = std::fs::read_to_string(self.folder.join("punt.log")).unwrap_or_default();
        panic!("not all of {count} events are stored: {last:#}\n{log}")
    }

    /// Nothing more came than was sent, and nothing went elsewhere.
    pub(crate) fn assert_balance(&self, count: usize) {
        let stats = self.stats();
        let received: u64 = components(&stats, "source")
            .map(|source| counter(source, "received"))
            .sum();
        assert_eq!(received, count as u64, "{stats:#}");
        for sink in components(&stats, "sink") {
            assert_eq!(counter(sink, "acknowledged"), count as u64, "{stats:#}");
            assert_eq!(counter(sink, "dead_lettered"), 0, "{stats:#}");
        }
    }

    fn acknowledged(&self, stats: &Value) -> Vec<u64> {
        components(stats, "sink")
            .map(|sink| counter(sink, "acknowledged"))
            .collect()
    }

    fn stats(&self) -> Value {
        let output = Command::new(env!("CARGO_BIN_EXE_punt"))
            .args(["stats", "-o", "json", "--socket"])
            .arg(self.folder.join("punt/punt.sock"))
            .output()
            .expect("punt stats runs");
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }
}

impl Drop for Punt {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn components<'a>(stats: &'a Value, kind: &str) -> impl Iterator<Item = &'a Value> {
    let all = stats["components"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    all.iter().filter(move |component| component["kind"] == kind)
}

fn counter(component: &Value, name: &str) -> u64 {
    component["counters"][name].as_u64().unwrap_or_default()
}
