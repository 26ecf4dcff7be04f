//! What a restart will do, as far as the console can tell from the fleet: the order of the nodes, what each one
//! holds, the gates, how dangerous it is. The control plane plans and decides by itself (its dry run replaces the
//! gates here when it answers); this is for the eyes of the one who confirms.

use ops_api::{ClusterStatus, EVERYTHING, Fleet, Health, Mode, NodeStatus, ServiceKind};

use super::xray::needed_by;

/// The chain in which at most one disruptive operation runs at a time.
const CHAIN: [&str; 5] = ["data", "guilds", "presence", "sessions", "gateway"];

/// Without one of these nobody is served at all: stopping all nodes of one at once takes the system away.
const LIFELINES: [&str; 3] = ["data", "gateway", "edge"];

/// A node that was not observed for this long is not known.
const FRESH_MS: u64 = 3000;

/// What is to be restarted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The cluster.
    pub cluster: String,
    /// Only this node.
    pub node: Option<String>,
    /// How.
    pub mode: Mode,
}

/// How far a mistake reaches; decides the shape of the dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Danger {
    /// One node whose peers carry on.
    L1,
    /// One cluster, node after node.
    L2,
    /// Some users will notice: the cluster's name has to be typed.
    L3,
    /// All users will notice: the environment's name has to be typed, and there is a countdown.
    L4,
}

/// What a gate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Holds.
    Ok,
    /// Does not hold, and a person may judge.
    Warn,
    /// Does not hold: the control plane will refuse.
    Block,
}

/// Something that must hold before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// What it says.
    pub verdict: Verdict,
    /// In one line.
    pub text: String,
}

/// A plan.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The nodes in the order of their turn.
    pub nodes: Vec<NodeStatus>,
    /// What happens to each node.
    pub steps: String,
    /// What the users notice.
    pub effect: &'static str,
    /// What moves, and who else feels it.
    pub blast: String,
    /// What must hold before.
    pub gates: Vec<Gate>,
    /// How dangerous.
    pub danger: Danger,
    /// Why it is more dangerous than its kind.
    pub raised: Vec<String>,
}

// === impl Target ===

impl Target {
    /// Reads `guilds`, `guilds-0` or `guilds/guilds-0`.
    pub fn resolve(fleet: &Fleet, text: &str) -> Result<Self, String> {
        let name = text.rsplit('/').next().unwrap_or(text);
        if name == EVERYTHING {
            return Ok(Self {
                cluster: EVERYTHING.to_owned(),
                node: None,
                mode: Mode::Rolling,
            });
        }
        let (cluster, node) = match fleet.cluster(name) {
            Some(cluster) => (cluster, None),
            None => fleet
                .clusters
                .iter()
                .find_map(|cluster| {
                    let node = cluster.nodes.iter().find(|node| node.name == name)?;
                    Some((cluster, Some(node.name.clone())))
                })
                .ok_or_else(|| format!("no cluster or node is called {text:?}"))?,
        };
        if cluster.kind != ServiceKind::Chat {
            return Err(format!(
                "{} is part of the platform, not a cluster of the chat stack",
                cluster.name
            ));
        }
        Ok(Self {
            cluster: cluster.name.clone(),
            node,
            mode: Mode::Rolling,
        })
    }

    /// `guilds` or `guilds-0`.
    pub fn name(&self) -> &str {
        self.node.as_deref().unwrap_or(&self.cluster)
    }

    /// The same thing for the shell; `typed` is the name that has to be typed.
    pub fn command(&self, reason: &str, typed: Option<&str>) -> String {
        let mut line = if self.cluster == EVERYTHING {
            "ops reboot-all".to_owned()
        } else {
            format!("ops restart {}", self.cluster)
        };
        if let Some(node) = &self.node {
            line.push('/');
            line.push_str(node);
        }
        if self.mode == Mode::Cold {
            line.push_str(" --mode cold");
        }
        if !reason.is_empty() {
            line.push_str(&format!(" --reason '{}'", reason.replace('\'', r"'\''")));
        }
        if let Some(typed) = typed {
            line.push_str(&format!(" --confirm={typed}"));
        }
        line
    }
}

// === impl Danger ===

impl Danger {
    /// `L1` to `L4`.
    pub fn name(self) -> &'static str {
        match self {
            Self::L1 => "L1",
            Self::L2 => "L2",
            Self::L3 => "L3",
            Self::L4 => "L4",
        }
    }
}

// === impl Plan ===

impl Plan {
    /// The plan for `target`; `None` when the fleet has no such cluster or node any more.
    pub fn of(fleet: &Fleet, target: &Target) -> Option<Self> {
        if target.cluster == EVERYTHING {
            return Some(Self::of_everything(fleet));
        }
        let cluster = fleet.cluster(&target.cluster)?;
        let mut nodes: Vec<NodeStatus> = match &target.node {
            None => cluster.nodes.clone(),
            Some(name) => vec![cluster.nodes.iter().find(|node| node.name == *name)?.clone()],
        };
        // A node that is down anyway costs nothing; the healthy ones wait until it is back.
        nodes.sort_by(|a, b| b.health.cmp(&a.health).then_with(|| a.name.cmp(&b.name)));
        let raised = raised(fleet, cluster, target);
        let lifeline = LIFELINES.contains(&cluster.name.as_str());
        let danger = match (&target.node, target.mode, raised.is_empty()) {
            (None, Mode::Cold, _) if lifeline => Danger::L4,
            (_, _, false) => Danger::L3,
            (Some(_), _, true) => Danger::L1,
            (None, _, true) => Danger::L2,
        };
        let cold = target.mode == Mode::Cold;
        Some(Self {
            steps: if cold {
                "stop all nodes, start them, ready".to_owned()
            } else {
                format!("drain, {}, stop, start, ready, bake", handoff(&cluster.name))
            },
            effect: if cold {
                "the cluster is away until its nodes are back; what they hold is not handed over"
            } else {
                effect(&cluster.name)
            },
            blast: blast(fleet, cluster, &nodes),
            gates: gates(fleet, cluster, target, &nodes),
            danger,
            raised,
            nodes,
        })
    }

    /// The plan of a reboot of the whole chat stack.
    fn of_everything(fleet: &Fleet) -> Self {
        let chat = || {
            let clusters = fleet.clusters.iter();
            clusters.filter(|cluster| cluster.kind == ServiceKind::Chat)
        };
        let nodes: Vec<NodeStatus> = chat().flat_map(|cluster| cluster.nodes.clone()).collect();
        let running = fleet
            .operation
            .as_ref()
            .filter(|operation| !operation.state.ended());
        Self {
            steps: "stop all in reverse order of their needs, start them in order, let the clients in again step by step"
                .to_owned(),
            effect: "every client is cut off and comes back within the identify budget",
            blast: format!("{} nodes of {} clusters", nodes.len(), chat().count()),
            gates: vec![match running {
                None => Gate {
                    verdict: Verdict::Ok,
                    text: "no operation is running".to_owned(),
                },
                Some(operation) => Gate {
                    verdict: Verdict::Block,
                    text: format!("{} runs", operation.id),
                },
            }],
            danger: Danger::L4,
            raised: vec!["the whole system stops".to_owned()],
            nodes,
        }
    }
}

fn raised(fleet: &Fleet, cluster: &ClusterStatus, target: &Target) -> Vec<String> {
    let mut raised = Vec::new();
    if target.mode == Mode::Cold {
        raised.push(format!("all nodes of {} stop at once", cluster.name));
    }
    // Whoever restarts the one node that is down anyway takes nothing away from anybody.
    let revives = target.node.as_ref().is_some_and(|name| {
        cluster.total > 1
            && cluster.nodes.iter().all(|node| {
                let down = matches!(node.state.as_str(), "lost" | "stopped");
                if node.name == *name {
                    down
                } else {
                    node.state == "ready"
                }
            })
    });
    if cluster.health != Health::Green && !revives {
        raised.push(format!("{} is {}", cluster.name, cluster.health.name()));
    }
    if cluster.total <= 1 {
        let node = target
            .node
            .as_ref()
            .or_else(|| cluster.nodes.first().map(|node| &node.name));
        let node = node.map_or(cluster.name.as_str(), String::as_str);
        raised.push(format!("{node} is the only node of {}", cluster.name));
    }
    let other = fleet.operation.as_ref().filter(|operation| {
        !operation.state.ended()
            && operation.request.cluster != cluster.name
            && CHAIN.contains(&operation.request.cluster.as_str())
            && CHAIN.contains(&cluster.name.as_str())
    });
    if let Some(operation) = other {
        raised.push(format!(
            "{} restarts {} just now",
            operation.id, operation.request.cluster
        ));
    }
    raised
}

/// What moves and who else feels it, from what the nodes say they hold.
fn blast(fleet: &Fleet, cluster: &ClusterStatus, nodes: &[NodeStatus]) -> String {
    let held: u64 = nodes.iter().map(|node| node.holds).sum();
    let most = nodes.iter().map(|node| node.holds).max().unwrap_or(0);
    let unit = nodes
        .first()
        .map(|node| node.holds_unit.as_str())
        .unwrap_or_default();
    let mut parts = Vec::new();
    parts.push(match (unit, nodes.len()) {
        ("", _) => "nothing is held that would move".to_owned(),
        (unit, 1) => format!("{held} {unit} move"),
        (unit, _) => format!("{held} {unit} move, at most {most} at a time"),
    });
    parts.push(format!(
        "{:.0} requests a second go through {}",
        cluster.rate, cluster.name
    ));
    let users = needed_by(fleet, &cluster.name);
    if !users.is_empty() {
        parts.push(format!("felt by {}", users.join(", ")));
    }
    parts.join("; ")
}

fn gates(fleet: &Fleet, cluster: &ClusterStatus, target: &Target, nodes: &[NodeStatus]) -> Vec<Gate> {
    let gate = |verdict, text: String| Gate { verdict, text };
    let mut gates = Vec::new();
    gates.push(
        match fleet
            .operation
            .as_ref()
            .filter(|operation| !operation.state.ended())
        {
            None => gate(Verdict::Ok, "no operation is running".to_owned()),
            Some(operation) => gate(
                Verdict::Block,
                format!(
                    "{} restarts {} for {}",
                    operation.id, operation.request.cluster, operation.request.by
                ),
            ),
        },
    );
    let others = cluster
        .nodes
        .iter()
        .filter(|node| target.node.as_ref() != Some(&node.name));
    let missing: Vec<&str> = others
        .filter(|node| node.state != "ready")
        .map(|node| node.name.as_str())
        .collect();
    gates.push(match (cluster.total, missing.is_empty()) {
        (0 | 1, _) => gate(Verdict::Warn, "no other node can take over".to_owned()),
        (_, true) => gate(Verdict::Ok, "the other nodes are ready".to_owned()),
        (_, false) => gate(Verdict::Warn, format!("not ready: {}", missing.join(", "))),
    });
    if CHAIN.contains(&cluster.name.as_str()) {
        let troubled: Vec<String> = fleet
            .clusters
            .iter()
            .filter(|other| other.name != cluster.name && CHAIN.contains(&other.name.as_str()))
            .filter(|other| other.health != Health::Green)
            .map(|other| format!("{} is {}", other.name, other.health.name()))
            .collect();
        gates.push(if troubled.is_empty() {
            gate(
                Verdict::Ok,
                "the other clusters of the chain are green".to_owned(),
            )
        } else {
            gate(Verdict::Warn, troubled.join(", "))
        });
    }
    let oldest = nodes.iter().map(|node| node.age_ms).max().unwrap_or(u64::MAX);
    gates.push(if oldest <= FRESH_MS {
        gate(Verdict::Ok, "the nodes were observed just now".to_owned())
    } else {
        gate(
            Verdict::Warn,
            format!("a node was last observed {}s ago", oldest / 1000),
        )
    });
    gates
}

/// What a node does with what it holds.
fn handoff(cluster: &str) -> &'static str {
    match cluster {
        "guilds" => "hand the guilds to peers",
        "sessions" => "hand the sessions to peers",
        "presence" => "let peers take over",
        "gateway" => "ask the clients to reconnect",
        "edge" => "finish the connections",
        "data" => "finish the writes",
        _ => "finish the requests",
    }
}

/// What the users notice, by the design's promise for each cluster.
fn effect(cluster: &str) -> &'static str {
    match cluster {
        "guilds" => "clients stay connected; a send may wait while its guild moves",
        "sessions" => "clients stay connected; the gateway holds their sockets",
        "presence" => "clients stay connected; online states may lag",
        "gateway" => "clients of the node reconnect and resume; nothing is lost",
        "edge" => "connections through the node reconnect; the listening socket stays open",
        "api" => "none: the listening socket stays open and requests wait",
        "data" => "reads and writes wait while the node is away",
        _ => "not known",
    }
}
