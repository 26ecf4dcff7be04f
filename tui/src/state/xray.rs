//! Who needs whom, as a tree with the worst first, and where the trouble most likely begins: the cluster that has
//! been unwell the longest of those that need nothing unwell. The verdicts are the control plane's; only the arrows
//! (ARCHITECTURE.md, "Flows") are known here.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use ops_api::{ClusterStatus, Fleet, Health};

/// Which clusters a cluster asks to do its own work.
pub fn needs(cluster: &str) -> &'static [&'static str] {
    match cluster {
        "edge" => &["gateway", "api"],
        "api" => &["guilds", "data"],
        "gateway" => &["sessions"],
        "sessions" => &["guilds", "presence"],
        "push" | "search" | "embed" => &["guilds"],
        "presence" | "guilds" => &["data"],
        "punt" => &["logstore"],
        _ => &[],
    }
}

/// All clusters that need `cluster`, nearest first.
pub fn needed_by(fleet: &Fleet, cluster: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut near = vec![cluster.to_owned()];
    while let Some(name) = near.pop() {
        for other in &fleet.clusters {
            if needs(&other.name).contains(&name.as_str()) && !found.contains(&other.name) {
                found.push(other.name.clone());
                near.insert(0, other.name.clone());
            }
        }
    }
    found
}

/// One line of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// For each level from the root: whether more siblings follow there.
    pub more: Vec<bool>,
    /// The cluster or node.
    pub name: String,
    /// Its verdict.
    pub health: Health,
    /// `2/3` of a cluster; empty for a node.
    pub ready: String,
    /// What there is to say.
    pub note: String,
    /// Whether the trouble most likely begins here.
    pub root_cause: bool,
}

/// The cluster where the trouble most likely begins.
pub fn root_cause(fleet: &Fleet, since: &BTreeMap<String, Timestamp>) -> Option<String> {
    let bad = |name: &str| fleet.cluster(name).is_some_and(|cluster| severe(cluster.health));
    let candidates = fleet
        .clusters
        .iter()
        .filter(|cluster| severe(cluster.health))
        .filter(|cluster| !needs(&cluster.name).iter().any(|needed| bad(needed)));
    let first = candidates.min_by_key(|cluster| since.get(&cluster.name).copied().unwrap_or(Timestamp::MAX));
    first.map(|cluster| cluster.name.clone())
}

/// The tree, line by line.
pub fn tree(fleet: &Fleet, since: &BTreeMap<String, Timestamp>) -> Vec<Branch> {
    let needed: BTreeSet<&str> = fleet
        .clusters
        .iter()
        .flat_map(|cluster| needs(&cluster.name).iter().copied())
        .collect();
    let roots = fleet
        .clusters
        .iter()
        .filter(|cluster| !needed.contains(cluster.name.as_str()));
    let mut grower = Grower {
        fleet,
        cause: root_cause(fleet, since),
        since,
        drawn: BTreeSet::new(),
        branches: Vec::new(),
    };
    for root in worst_first(roots.collect()) {
        grower.grow(root, &[]);
    }
    grower.branches
}

struct Grower<'a> {
    fleet: &'a Fleet,
    cause: Option<String>,
    since: &'a BTreeMap<String, Timestamp>,
    drawn: BTreeSet<&'a str>,
    branches: Vec<Branch>,
}

impl<'a> Grower<'a> {
    fn grow(&mut self, cluster: &'a ClusterStatus, more: &[bool]) {
        let again = !self.drawn.insert(&cluster.name);
        let root_cause = !again && self.cause.as_ref() == Some(&cluster.name);
        self.branches.push(Branch {
            more: more.to_vec(),
            name: cluster.name.clone(),
            health: cluster.health,
            ready: format!("{}/{}", cluster.ready, cluster.total),
            note: self.note(cluster, again, root_cause),
            root_cause,
        });
        if again {
            return;
        }
        let clusters = needs(&cluster.name)
            .iter()
            .filter_map(|name| self.fleet.cluster(name))
            .collect();
        let clusters = worst_first(clusters);
        // Nodes are only worth a line where one of them is unwell.
        let unwell = cluster.nodes.iter().any(|node| node.health != Health::Green);
        let mut nodes: Vec<_> = cluster
            .nodes
            .iter()
            .filter(|_| unwell && cluster.total > 1)
            .collect();
        nodes.sort_by_key(|node| std::cmp::Reverse(node.health));
        let count = nodes.len() + clusters.len();
        let below = |index: usize| [more, &[index + 1 < count]].concat();
        for (index, node) in nodes.iter().enumerate() {
            self.branches.push(Branch {
                more: below(index),
                name: node.name.clone(),
                health: node.health,
                ready: String::new(),
                note: node.reason.clone(),
                root_cause: false,
            });
        }
        for (index, cluster) in clusters.into_iter().enumerate() {
            self.grow(cluster, &below(nodes.len() + index));
        }
    }

    fn note(&self, cluster: &ClusterStatus, again: bool, root_cause: bool) -> String {
        if again {
            return "as above".to_owned();
        }
        let mut parts = Vec::new();
        if root_cause {
            parts.push("ROOT CAUSE CANDIDATE".to_owned());
            if let Some(since) = self.since.get(&cluster.name) {
                parts.push(format!("unwell since {}Z", since.strftime("%H:%M:%S")));
            }
        }
        if !cluster.reason.is_empty() {
            parts.push(cluster.reason.clone());
        }
        let unwell: Vec<&str> = needs(&cluster.name)
            .iter()
            .filter(|name| {
                self.fleet
                    .cluster(name)
                    .is_some_and(|needed| severe(needed.health))
            })
            .copied()
            .collect();
        if !unwell.is_empty() {
            parts.push(format!("needs {}", unwell.join(", ")));
        }
        parts.join("  ")
    }
}

fn severe(health: Health) -> bool {
    matches!(health, Health::Red | Health::Unknown)
}

fn worst_first(mut clusters: Vec<&ClusterStatus>) -> Vec<&ClusterStatus> {
    clusters.sort_by_key(|cluster| std::cmp::Reverse(cluster.health));
    clusters
}
