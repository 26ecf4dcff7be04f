//! The topology: which clusters run with how many nodes, on which ports, in which environment.
//!
//! One TOML file, every key optional; `deploy/topology.toml` shows the defaults. Not here: command lines
//! (`supervisor/plan.rs`) and what punt does with the log records (`supervisor/punt.rs`).

use std::path::Path;

use chat_proto::Cluster;
use serde::{Deserialize, Serialize};

/// The most nodes of one cluster on one machine.
const MAX_NODES: u32 = 64;

/// What `ops up` starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Topology {
    /// The environment's name. Faults exist only in `local` and `ci`.
    pub environment: String,
    /// Whether faults may be injected (design section 8).
    pub faults: bool,
    /// The well-known ports; 0 picks a free one.
    pub ports: Ports,
    /// How many nodes each cluster has.
    pub clusters: Counts,
}

/// The well-known ports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ports {
    /// The log store's Elasticsearch API.
    pub store: u16,
    /// punt's syslog listeners, TCP and UDP.
    pub syslog: u16,
    /// The edge: REST and gateway.
    pub edge: u16,
    /// The control plane.
    pub control: u16,
}

/// Nodes per cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Counts {
    /// Nodes of edge: one, as it owns one port.
    pub edge: u32,
    /// Nodes of api.
    pub api: u32,
    /// Nodes of gateway.
    pub gateway: u32,
    /// Nodes of sessions.
    pub sessions: u32,
    /// Nodes of presence.
    pub presence: u32,
    /// Nodes of guilds.
    pub guilds: u32,
    /// Nodes of data: one over the embedded store.
    pub data: u32,
}

/// Why a topology cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// The file cannot be read.
    #[error("cannot read the topology {path}: {source}")]
    Read {
        /// Which file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not the TOML that it should be.
    #[error("cannot understand the topology {path}: {reason}")]
    Parse {
        /// Which file.
        path: String,
        /// What is wrong, with the line.
        reason: String,
    },
    /// A count cannot be.
    #[error("clusters.{cluster} = {count} cannot be: {reason}")]
    Count {
        /// The cluster.
        cluster: &'static str,
        /// What was asked for.
        count: u32,
        /// Why not.
        reason: String,
    },
}

// === impl Topology ===

impl Default for Topology {
    fn default() -> Self {
        Self {
            environment: "local".to_owned(),
            faults: false,
            ports: Ports::default(),
            clusters: Counts::default(),
        }
    }
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            store: 9200,
            syslog: 5140,
            edge: 8080,
            control: 7070,
        }
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            edge: 1,
            api: 2,
            gateway: 2,
            sessions: 3,
            presence: 3,
            guilds: 3,
            data: 1,
        }
    }
}

impl Topology {
    /// Reads a topology file and checks it.
    pub fn read(path: &Path) -> Result<Self, TopologyError> {
        let text = std::fs::read_to_string(path).map_err(|source| TopologyError::Read {
            path: path.display().to_string(),
            source,
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Parses and checks the text of the file called `path`.
    pub fn parse(text: &str, path: &str) -> Result<Self, TopologyError> {
        let topology: Self = toml::from_str(text).map_err(|error| TopologyError::Parse {
            path: path.to_owned(),
            reason: error.to_string().trim_end().to_owned(),
        })?;
        topology.check()?;
        Ok(topology)
    }

    /// Its text.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a struct of numbers, texts and tables has a TOML form")
    }

    /// How many nodes a cluster has.
    pub fn count(&self, cluster: Cluster) -> u32 {
        match cluster {
            Cluster::Data => self.clusters.data,
            Cluster::Guilds => self.clusters.guilds,
            Cluster::Presence => self.clusters.presence,
            Cluster::Sessions => self.clusters.sessions,
            Cluster::Gateway => self.clusters.gateway,
            Cluster::Api => self.clusters.api,
            Cluster::Edge => self.clusters.edge,
        }
    }

    /// The names of a cluster's nodes: `guilds-0`, `guilds-1`, ...
    pub fn nodes(&self, cluster: Cluster) -> impl Iterator<Item = String> + use<> {
        (0..self.count(cluster)).map(move |index| format!("{cluster}-{index}"))
    }

    /// Whether faults may be injected here.
    pub fn allows_faults(&self) -> bool {
        self.faults && matches!(self.environment.as_str(), "local" | "ci")
    }

    fn check(&self) -> Result<(), TopologyError> {
        for cluster in Cluster::ALL {
            let count = self.count(cluster);
            let (most, reason) = match cluster {
                Cluster::Data => (1, "the embedded store is opened by one node".to_owned()),
                Cluster::Edge => (1, "one port has one edge".to_owned()),
                _ => (MAX_NODES, format!("it must be 1 to {MAX_NODES}")),
            };
            if count == 0 || count > most {
                return Err(TopologyError::Count {
                    cluster: cluster.name(),
                    count,
                    reason,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_in_deploy_shows_the_defaults() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/topology.toml");
        assert_eq!(Topology::read(&path).unwrap(), Topology::default());
    }

    #[test]
    fn an_empty_file_means_the_defaults_and_what_is_written_reads_back() {
        assert_eq!(Topology::parse("", "x").unwrap(), Topology::default());
        let mut topology = Topology::default();
        topology.clusters.guilds = 5;
        assert_eq!(Topology::parse(&topology.to_toml(), "x").unwrap(), topology);
    }

    #[test]
    fn an_unknown_key_and_an_impossible_count_are_refused_with_their_name() {
        let error = Topology::parse("[ports]\nstroe = 1", "t.toml")
            .unwrap_err()
            .to_string();
        assert!(error.contains("t.toml") && error.contains("stroe"), "{error}");
        let error = Topology::parse("[clusters]\ndata = 2", "t.toml")
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("clusters.data = 2 cannot be"), "{error}");
    }

    #[test]
    fn faults_need_both_the_switch_and_the_environment() {
        let faults = |text| Topology::parse(text, "x").unwrap().allows_faults();
        assert!(faults("faults = true"));
        assert!(!faults("faults = true\nenvironment = \"production\""));
        assert!(!faults("environment = \"ci\""));
    }
}
