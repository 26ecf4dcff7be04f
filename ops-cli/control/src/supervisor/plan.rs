//! From a topology to processes: opens every socket, writes the files that processes and verbs read, and says
//! which command starts what, in which order.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chat_proto::Cluster;
use ops_api::{Endpoint, StackFile};

use super::punt;
use super::spec::{ProcessSpec, Socket};
use crate::folder::{self, Folder};
use crate::topology::Topology;

/// Between SIGTERM and SIGKILL when everything stops.
const CHAT_GRACE: Duration = Duration::from_secs(5);
/// The same for those that have something to flush to the disk.
const PLATFORM_GRACE: Duration = Duration::from_secs(10);

/// The programs of the stack; all stand beside `ops`.
pub const PROGRAMS: [&str; 4] = ["chatd", "logstored", "punt", "ops"];

/// What is to run, with its sockets open.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Stages in the order of starting.
    pub(crate) stages: Vec<Vec<ProcessSpec>>,
    /// Where everything is.
    pub(crate) file: StackFile,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A port is taken.
    #[error("cannot listen on {address} for {what}: {source}")]
    Port {
        /// What would listen.
        what: String,
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot prepare the data folder {folder}: {source}")]
    Folder {
        /// Which folder.
        folder: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Opens the sockets and writes tokens, `punt.toml`, `topology.toml` and `stack.json`.
pub(crate) fn plan(
    folder: &Folder,
    topology: &Topology,
    programs: &Path,
    kin: Option<&Arc<File>>,
) -> Result<Plan, PlanError> {
    let mut draft = Draft {
        folder,
        programs,
        kin,
        endpoints: Vec::new(),
    };
    let ports = &topology.ports;
    let store = bind("http", "the log store", ports.store)?;
    let control = bind("main", "the control plane", ports.control)?;
    let edge = bind("main", "the edge", ports.edge)?;
    let syslog = bind_syslog(ports.syslog)?;
    let metrics = bind("metrics", "punt's metrics", 0)?;
    let [store_at, control_at, edge_at, syslog_at, metrics_at] =
        [&store, &control, &edge, &syslog, &metrics].map(address);
    let urls = Urls {
        control: format!("http://{control_at}"),
        public: format!("ws://{edge_at}"),
    };

    // These start at once, as only the last one is waited for. They stop one after another: punt delivers what
    // it has while the store still takes it.
    let mut stages = vec![
        vec![draft.logstore(store, store_at)],
        vec![draft.punt(syslog, metrics, metrics_at)],
        vec![draft.control(control, control_at)],
    ];
    let mut edge = Some(edge);
    for cluster in Cluster::ALL {
        let mut stage = Vec::new();
        for node in topology.nodes(cluster) {
            let main = match edge.take_if(|_| cluster == Cluster::Edge) {
                Some(edge) => edge,
                None => bind("main", &node, 0)?,
            };
            let admin = bind("admin", &node, 0)?;
            stage.push(draft.node(cluster, &node, main, admin, &urls, topology));
        }
        stages.push(stage);
    }

    let file = StackFile {
        supervisor_pid: std::process::id(),
        environment: topology.environment.clone(),
        control: urls.control,
        store: format!("http://{store_at}"),
        edge: format!("http://{edge_at}"),
        syslog: syslog_at.to_string(),
        punt_socket: folder.punt_socket(),
        endpoints: draft.endpoints,
    };
    write_files(folder, topology, &file).map_err(|source| PlanError::Folder {
        folder: folder.root().display().to_string(),
        source,
    })?;
    Ok(Plan { stages, file })
}

fn write_files(folder: &Folder, topology: &Topology, file: &StackFile) -> io::Result<()> {
    folder::token(&folder.fabric_token())?;
    folder::token(&folder.control_token())?;
    folder::write_private(&folder.topology(), topology.to_toml().as_bytes())?;
    let metrics = file.endpoints.iter().find(|endpoint| endpoint.name == "punt-0");
    let metrics = metrics
        .map(|endpoint| endpoint.address.as_str())
        .unwrap_or("127.0.0.1:0");
    let config = punt::config(folder, &file.store, &file.syslog, metrics);
    folder::write_private(&folder.punt_config(), config.as_bytes())?;
    let json = serde_json::to_vec_pretty(file).map_err(io::Error::other)?;
    folder::write_private(&StackFile::path(folder.root()), &json)
}

struct Urls {
    control: String,
    public: String,
}

struct Draft<'a> {
    folder: &'a Folder,
    programs: &'a Path,
    kin: Option<&'a Arc<File>>,
    endpoints: Vec<Endpoint>,
}

// === impl Draft ===

impl Draft<'_> {
    fn logstore(&mut self, http: Socket, at: SocketAddr) -> ProcessSpec {
        let node = "logstore-0";
        let args = arguments(&[
            ("--data", self.folder.root().join("store").into()),
            ("--listen", at.to_string().into()),
            ("--spool", self.folder.spool(node).into()),
            ("--node", node.into()),
        ]);
        let probe = format!("http://{at}/_cluster/health");
        self.process("logstored", ("logstore", node), args, vec![http], Some(probe), at)
    }

    fn punt(&mut self, syslog: Socket, metrics: Socket, at: SocketAddr) -> ProcessSpec {
        let node = "punt-0";
        let mut args = vec!["run".into()];
        args.extend(arguments(&[
            ("--config", self.folder.punt_config().into()),
            ("--spool", self.folder.spool(node).into()),
            ("--node", node.into()),
        ]));
        let probe = format!("http://{at}/livez");
        self.process(
            "punt",
            ("punt", node),
            args,
            vec![syslog, metrics],
            Some(probe),
            at,
        )
    }

    fn control(&mut self, main: Socket, at: SocketAddr) -> ProcessSpec {
        let mut args = vec!["control".into()];
        args.extend(arguments(&[("--data", self.folder.root().into())]));
        let probe = format!("http://{at}/readyz");
        let mut spec = self.process("ops", ("control", "control-0"), args, vec![main], Some(probe), at);
        spec.gate = true;
        spec
    }

    fn node(
        &mut self,
        cluster: Cluster,
        node: &str,
        main: Socket,
        admin: Socket,
        urls: &Urls,
        topology: &Topology,
    ) -> ProcessSpec {
        let mut args = vec![cluster.name().into()];
        args.extend(arguments(&[
            ("--node", node.into()),
            ("--data", self.folder.root().into()),
            ("--control", urls.control.as_str().into()),
            ("--token-file", self.folder.fabric_token().into()),
        ]));
        if matches!(cluster, Cluster::Gateway | Cluster::Api) {
            args.extend(arguments(&[("--public-url", urls.public.as_str().into())]));
        }
        let (main_at, admin_at) = (address(&main), address(&admin));
        self.endpoints.push(Endpoint {
            name: format!("{node}/admin"),
            address: admin_at.to_string(),
        });
        let probe = format!("http://{admin_at}/readyz");
        let name = (cluster.name(), node);
        let mut spec = self.process("chatd", name, args, vec![main, admin], Some(probe), main_at);
        spec.gate = true;
        spec.grace = CHAT_GRACE;
        spec.env = vec![
            ("GUILDWATCH_ENVIRONMENT".to_owned(), topology.environment.clone()),
            (
                "GUILDWATCH_FAULTS".to_owned(),
                u8::from(topology.allows_faults()).to_string(),
            ),
        ];
        spec
    }

    fn process(
        &mut self,
        program: &str,
        (cluster, node): (&str, &str),
        args: Vec<OsString>,
        sockets: Vec<Socket>,
        probe: Option<String>,
        at: SocketAddr,
    ) -> ProcessSpec {
        self.endpoints.push(Endpoint {
            name: node.to_owned(),
            address: at.to_string(),
        });
        ProcessSpec {
            node: node.to_owned(),
            cluster: cluster.to_owned(),
            program: self.programs.join(program),
            args,
            env: Vec::new(),
            sockets,
            kin: self.kin.cloned(),
            stderr: self.folder.stderr(node),
            probe,
            grace: PLATFORM_GRACE,
            gate: false,
        }
    }
}

fn arguments(pairs: &[(&str, OsString)]) -> Vec<OsString> {
    pairs
        .iter()
        .flat_map(|(flag, value)| [OsString::from(flag), value.clone()])
        .collect()
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn bind(name: &'static str, what: &str, port: u16) -> Result<Socket, PlanError> {
    let address = loopback(port);
    Socket::bind(name, address).map_err(|source| PlanError::Port {
        what: what.to_owned(),
        address,
        source,
    })
}

/// punt's TCP listener; a port of its choice must be free for UDP as well, which punt opens itself.
fn bind_syslog(port: u16) -> Result<Socket, PlanError> {
    let mut tries = if port == 0 { 16 } else { 1 };
    loop {
        let tcp = bind("syslog-tcp", "punt's syslog listener", port)?;
        let at = address(&tcp);
        tries -= 1;
        match UdpSocket::bind(at) {
            Ok(_) => return Ok(tcp),
            Err(source) if tries == 0 => {
                return Err(PlanError::Port {
                    what: "punt's syslog listener (UDP)".to_owned(),
                    address: at,
                    source,
                });
            }
            Err(_) => {}
        }
    }
}

fn address(socket: &Socket) -> SocketAddr {
    socket.address().expect("a bound socket has an address")
}

/// Programs of the stack that are not beside `ops`.
pub fn missing_programs(folder: &Path) -> Vec<PathBuf> {
    PROGRAMS
        .iter()
        .map(|name| folder.join(name))
        .filter(|path| !path.is_file())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free_ports() -> Topology {
        Topology::parse("[ports]\nstore = 0\nsyslog = 0\nedge = 0\ncontrol = 0", "test").unwrap()
    }

    #[test]
    fn clusters_start_in_their_order_and_each_node_inherits_its_sockets() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::new(data.path());
        folder.create().unwrap();
        let plan = plan(&folder, &free_ports(), Path::new("/bin"), None).unwrap();
        let order: Vec<&str> = plan
            .stages
            .iter()
            .map(|stage| stage.last().unwrap().cluster.as_str())
            .collect();
        assert_eq!(
            order,
            [
                "logstore", "punt", "control", "data", "guilds", "presence", "sessions", "gateway", "api",
                "edge"
            ]
        );
        let sockets = |spec: &ProcessSpec| spec.sockets.iter().map(|s| s.name).collect::<Vec<_>>();
        assert!(
            plan.stages[3..]
                .iter()
                .flatten()
                .all(|spec| sockets(spec) == ["main", "admin"])
        );
        assert_eq!(sockets(&plan.stages[1][0]), ["syslog-tcp", "metrics"]);
        let edge = &plan.stages[9][0];
        assert_eq!(
            plan.file.edge,
            format!("http://{}", edge.sockets[0].address().unwrap())
        );
        let read = StackFile::read(data.path()).unwrap();
        assert_eq!(read.control, plan.file.control);
        assert_eq!(read.endpoints.len(), 3 + 15 * 2);
    }

    #[test]
    fn a_taken_port_is_told_with_what_wants_it() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::new(data.path());
        folder.create().unwrap();
        let other = bind("main", "a test", 0).unwrap();
        let mut topology = free_ports();
        topology.ports.edge = address(&other).port();
        let error = plan(&folder, &topology, Path::new("/bin"), None)
            .unwrap_err()
            .to_string();
        assert!(error.contains("for the edge"), "{error}");
        assert!(StackFile::read(data.path()).is_err(), "nothing was written");
    }
}
