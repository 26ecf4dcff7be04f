//! One generation of the membership, with the ring of each cluster.

use std::collections::HashMap;

use chat_proto::{Cluster, Generation, Member, Membership, NodeName};
use chat_ring::Ring;

/// Virtual points of a node on a ring: ex_hash_ring's default.
const REPLICAS: u32 = 512;

/// What a node knows of the others. Immutable; a new generation is a new view.
#[derive(Debug, Default)]
pub struct View {
    membership: Membership,
    rings: HashMap<Cluster, Ring>,
}

impl View {
    /// The view of `membership`. Rings that did not change are taken over from `previous`.
    pub fn new(membership: Membership, previous: Option<&Self>) -> Self {
        let mut rings = HashMap::new();
        for cluster in Cluster::ALL {
            let names: Vec<&str> = membership
                .ready(cluster)
                .map(|member| member.node.as_str())
                .collect();
            let same = previous.filter(|view| {
                view.membership
                    .ready(cluster)
                    .map(|member| member.node.as_str())
                    .eq(names.iter().copied())
            });
            let ring = same.and_then(|view| view.rings.get(&cluster)).cloned();
            rings.insert(cluster, ring.unwrap_or_else(|| Ring::new(names, REPLICAS)));
        }
        Self { membership, rings }
    }

    /// The generation.
    pub fn generation(&self) -> Generation {
        self.membership.generation
    }

    /// The members.
    pub fn membership(&self) -> &Membership {
        &self.membership
    }

    /// The node of `cluster` that owns `key` (the decimal text of a guild or user id, or a session id).
    pub fn owner(&self, cluster: Cluster, key: &str) -> Option<&Member> {
        let name = self.rings.get(&cluster)?.find(key)?;
        self.membership
            .members
            .iter()
            .find(|member| member.node.as_str() == name)
    }

    /// Whether `node` owns `key` in the ring of `cluster`.
    pub fn owns(&self, cluster: Cluster, key: &str, node: &NodeName) -> bool {
        self.rings
            .get(&cluster)
            .and_then(|ring| ring.find(key))
            .is_some_and(|name| name == node.as_str())
    }

    /// Whether the ring of `cluster` has any node.
    pub fn has_ring(&self, cluster: Cluster) -> bool {
        self.membership.ready(cluster).next().is_some()
    }
}
