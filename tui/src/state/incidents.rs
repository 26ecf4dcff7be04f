//! What is wrong now, worst first, with what can be done about it. Each incident is a verdict of the control plane
//! (a node or a cluster that is not green), put beside what needs it; nothing is judged here. How long it lasts is
//! counted from when this console first saw it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ops_api::{ClusterStatus, Fleet, Health, NodeStatus, ServiceKind};

use super::menu::Entry;
use super::xray::{needed_by, root_cause};

/// Something wrong now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// The node, or the cluster when no single node is to blame.
    pub name: String,
    /// Its cluster.
    pub cluster: String,
    /// The cluster's verdict: how much the users notice.
    pub health: Health,
    /// What is seen, in the control plane's words.
    pub symptom: String,
    /// Who feels it.
    pub impact: String,
    /// What else speaks for it.
    pub evidence: String,
    /// Whether the trouble most likely begins here.
    pub root_cause: bool,
    /// Since when this console sees it.
    pub since: Timestamp,
    /// What can be done, the likeliest first; never empty.
    pub actions: Vec<Entry>,
}

// === impl Incident ===

impl Incident {
    /// `CRIT`, `WARN`, or `????` when nothing is known.
    pub fn severity(&self) -> &'static str {
        match self.health {
            Health::Red => "CRIT",
            Health::Unknown => "????",
            Health::Yellow | Health::Green => "WARN",
        }
    }
}

/// Since when what is not green is not green; what has become green is forgotten.
pub fn track(since: &mut BTreeMap<String, Timestamp>, fleet: &Fleet) {
    let clusters = fleet
        .clusters
        .iter()
        .map(|cluster| (&cluster.name, cluster.health));
    let nodes = fleet.nodes().map(|node| (&node.name, node.health));
    // A platform process that is alone in its cluster has the cluster's name: the worse verdict counts.
    let mut unwell: BTreeMap<&String, bool> = BTreeMap::new();
    for (name, health) in clusters.chain(nodes) {
        *unwell.entry(name).or_default() |= health != Health::Green;
    }
    since.retain(|name, _| unwell.get(name).copied().unwrap_or(false));
    for (name, _) in unwell.into_iter().filter(|(_, unwell)| *unwell) {
        since.entry(name.clone()).or_insert(fleet.at);
    }
}

/// All incidents: the likeliest cause first, then by severity, then the oldest.
pub fn of(fleet: &Fleet, since: &BTreeMap<String, Timestamp>) -> Vec<Incident> {
    let cause = root_cause(fleet, since);
    let mut incidents = Vec::new();
    for cluster in fleet
        .clusters
        .iter()
        .filter(|cluster| cluster.health != Health::Green)
    {
        let unwell: Vec<&NodeStatus> = cluster
            .nodes
            .iter()
            .filter(|node| node.health != Health::Green)
            .collect();
        let first = incidents.len();
        incidents.extend(
            unwell
                .iter()
                .map(|node| incident(fleet, cluster, Some(node), since)),
        );
        if unwell.is_empty() {
            incidents.push(incident(fleet, cluster, None, since));
        }
        // The worst node of the cluster stands for it.
        let worst = incidents[first..].iter_mut().max_by_key(|incident| {
            let node = unwell.iter().find(|node| node.name == incident.name);
            node.map(|node| node.health)
        });
        if let Some(worst) = worst {
            worst.root_cause = cause.as_ref() == Some(&cluster.name);
        }
    }
    incidents.sort_by_key(|incident| {
        let rank = std::cmp::Reverse((incident.root_cause, incident.health));
        (rank, incident.since)
    });
    incidents
}

fn incident(
    fleet: &Fleet,
    cluster: &ClusterStatus,
    node: Option<&NodeStatus>,
    since: &BTreeMap<String, Timestamp>,
) -> Incident {
    let name = node.map_or(&cluster.name, |node| &node.name);
    let reason = node
        .map(|node| node.reason.as_str())
        .filter(|reason| !reason.is_empty())
        .unwrap_or(&cluster.reason);
    let symptom = match (reason, node) {
        ("", Some(node)) => format!("{name} is {}", node.state),
        ("", None) => format!("{name} is {}", cluster.health.name()),
        (reason, _) if reason.contains(name.as_str()) => reason.to_owned(),
        (reason, _) => format!("{name}: {reason}"),
    };
    let users = needed_by(fleet, &cluster.name);
    let users = if users.is_empty() {
        String::new()
    } else {
        format!("; felt by {}", users.join(", "))
    };
    Incident {
        name: name.clone(),
        cluster: cluster.name.clone(),
        health: cluster.health,
        symptom,
        impact: format!(
            "{} is {}, {}/{} ready{users}",
            cluster.name,
            cluster.health.name(),
            cluster.ready,
            cluster.total
        ),
        evidence: evidence(cluster, node),
        root_cause: false,
        since: since.get(name).copied().unwrap_or(fleet.at),
        actions: actions(fleet, cluster, node),
    }
}

fn evidence(cluster: &ClusterStatus, node: Option<&NodeStatus>) -> String {
    let mut parts = vec![
        format!("{:.2} % errors", cluster.error_percent),
        format!("p99 {:.0} ms", cluster.p99_ms),
        format!("queue {}", cluster.queue),
    ];
    if let Some(node) = node {
        parts.push(format!(
            "{} is {}, life {}",
            node.name, node.state, node.incarnation
        ));
        if node.restarts > 0 {
            parts.push(format!("{} restarts after crashes", node.restarts));
        }
    }
    parts.join(", ")
}

fn actions(fleet: &Fleet, cluster: &ClusterStatus, node: Option<&NodeStatus>) -> Vec<Entry> {
    let entry = |label: String, line: String| Entry { label, line };
    let name = node.map_or(&cluster.name, |node| &node.name);
    let mut actions = Vec::new();
    // What an operation has in hand is best watched.
    if let Some(operation) = fleet
        .operation
        .as_ref()
        .filter(|operation| !operation.state.ended() && operation.request.cluster == cluster.name)
    {
        let id = &operation.id;
        actions.push(entry(
            format!("watch {id}, which restarts it"),
            format!("op {id}"),
        ));
    }
    if cluster.kind == ServiceKind::Chat {
        if let Some(node) = node {
            actions.push(entry(
                format!("restart node {}", node.name),
                format!("restart {}", node.name),
            ));
        }
        actions.push(entry(
            format!("restart cluster {}, node after node", cluster.name),
            format!("restart {}", cluster.name),
        ));
    }
    actions.push(entry(format!("read the logs of {name}"), format!("logs {name}")));
    actions.push(entry("see who needs whom".to_owned(), "xray".to_owned()));
    actions
}
