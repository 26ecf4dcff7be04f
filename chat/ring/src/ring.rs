//! One ring: its nodes, their points, and the overrides that come first.

use std::collections::HashMap;

use crate::hash::{hash, hash_replica};

/// Points per node unless asked otherwise: what `ex_hash_ring` uses.
pub const DEFAULT_REPLICAS: u32 = 512;

/// An immutable ring. Changing it makes another one, so that readers share it without a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    /// Name and number of points of each node, in the order in which they were given.
    nodes: Vec<(Box<str>, u32)>,
    /// The points in ascending order. Kept apart from `owners`, so that a search touches only hashes.
    hashes: Vec<u64>,
    /// For each point the index of its node.
    owners: Vec<u32>,
    /// Where the points of each slice of the circle begin, and where the last one's end. There are about as many
    /// slices as points, so that a search looks at one or two points instead of halving all of them.
    slices: Vec<u32>,
    /// How far a hash is shifted to get the number of its slice.
    shift: u32,
    overrides: HashMap<Box<str>, Vec<Box<str>>>,
}

/// Why a ring could not be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RingError {
    /// A node of that name is there already.
    #[error("node '{0}' is already in the ring")]
    NodeExists(String),
    /// There is no node of that name.
    #[error("node '{0}' is not in the ring")]
    NodeMissing(String),
}

impl Default for Ring {
    /// A ring without nodes.
    fn default() -> Self {
        Self::build(Vec::new(), HashMap::new())
    }
}

// === impl Ring ===

impl Ring {
    /// A ring of `names` with the same number of points each. A name given twice counts once.
    pub fn new<S: AsRef<str>>(names: impl IntoIterator<Item = S>, replicas: u32) -> Self {
        Self::weighted(names.into_iter().map(|name| (name, replicas)))
    }

    /// A ring of nodes with a number of points each; a node with none is left out.
    pub fn weighted<S: AsRef<str>>(nodes: impl IntoIterator<Item = (S, u32)>) -> Self {
        let mut unique: Vec<(Box<str>, u32)> = Vec::new();
        for (name, replicas) in nodes {
            let name = name.as_ref();
            if replicas > 0 && !unique.iter().any(|(known, _)| **known == *name) {
                unique.push((name.into(), replicas));
            }
        }
        Self::build(unique, HashMap::new())
    }

    fn build(nodes: Vec<(Box<str>, u32)>, overrides: HashMap<Box<str>, Vec<Box<str>>>) -> Self {
        let mut points: Vec<(u64, u32)> = Vec::new();
        for (index, (name, replicas)) in (0_u32..).zip(&nodes) {
            points.extend((0..*replicas).map(|number| (hash_replica(name, number), index)));
        }
        // The sort is stable: of two equal hashes the one inserted last stands last, and wins.
        points.sort_by_key(|(hash, _)| *hash);
        let mut hashes = Vec::with_capacity(points.len());
        let mut owners = Vec::with_capacity(points.len());
        for (hash, owner) in points {
            if hashes.last() == Some(&hash) {
                hashes.pop();
                owners.pop();
            }
            hashes.push(hash);
            owners.push(owner);
        }
        let bits = hashes.len().next_power_of_two().ilog2().max(1);
        let shift = u64::BITS - bits;
        let begin = |slice: u64| hashes.partition_point(|point| (*point >> shift) < slice) as u32;
        Self {
            nodes,
            slices: (0..=1_u64 << bits).map(begin).collect(),
            shift,
            hashes,
            owners,
            overrides,
        }
    }

    /// The same ring with one more node.
    pub fn with_node(&self, name: &str, replicas: u32) -> Result<Self, RingError> {
        if self.contains(name) {
            return Err(RingError::NodeExists(name.to_owned()));
        }
        let mut nodes = self.nodes.clone();
        if replicas > 0 {
            nodes.push((name.into(), replicas));
        }
        Ok(Self::build(nodes, self.overrides.clone()))
    }

    /// The same ring with one node less. Only keys of that node move.
    pub fn without_node(&self, name: &str) -> Result<Self, RingError> {
        if !self.contains(name) {
            return Err(RingError::NodeMissing(name.to_owned()));
        }
        let nodes = self.nodes.iter().filter(|(known, _)| **known != *name);
        Ok(Self::build(nodes.cloned().collect(), self.overrides.clone()))
    }

    /// The same ring, where `key` belongs to `nodes` in that order whatever its hash. No nodes: the override goes.
    #[must_use]
    pub fn with_override<S: AsRef<str>>(mut self, key: &str, nodes: impl IntoIterator<Item = S>) -> Self {
        let nodes: Vec<Box<str>> = nodes.into_iter().map(|node| node.as_ref().into()).collect();
        if nodes.is_empty() {
            self.overrides.remove(key);
        } else {
            self.overrides.insert(key.into(), nodes);
        }
        self
    }

    /// Whether `name` has points in the ring.
    pub fn contains(&self, name: &str) -> bool {
        self.nodes().any(|known| known == name)
    }

    /// The names of the nodes, in the order in which they were given.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(|(name, _)| &**name)
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The node that `key` belongs to; `None` in an empty ring.
    pub fn find(&self, key: &str) -> Option<&str> {
        if !self.overrides.is_empty()
            && let Some(first) = self.overrides.get(key).and_then(|nodes| nodes.first())
        {
            return Some(first);
        }
        let owner = *self.owners.get(self.first_point(key))?;
        Some(&self.nodes[owner as usize].0)
    }

    /// The first `n` distinct nodes from `key` on, its own first; fewer when there are fewer.
    pub fn find_n(&self, key: &str, n: usize) -> Vec<&str> {
        let mut found: Vec<&str> = self
            .overrides
            .get(key)
            .into_iter()
            .flatten()
            .take(n)
            .map(|node| &**node)
            .collect();
        let strangers = found.iter().filter(|name| !self.contains(name)).count();
        // Stops once each node is in, instead of walking the rest of the circle for nothing.
        let enough = n.min(self.nodes.len() + strangers);
        let start = self.first_point(key);
        let around = self.owners[start..].iter().chain(&self.owners[..start]);
        for owner in around {
            if found.len() >= enough {
                break;
            }
            let name = &*self.nodes[*owner as usize].0;
            if !found.contains(&name) {
                found.push(name);
            }
        }
        found
    }

    /// The index of the first point strictly above the key's hash, or of the smallest one.
    fn first_point(&self, key: &str) -> usize {
        let place = hash(key.as_bytes());
        let slice = (place >> self.shift) as usize;
        let (begin, end) = (self.slices[slice] as usize, self.slices[slice + 1] as usize);
        let index = begin + self.hashes[begin..end].partition_point(|point| *point <= place);
        if index == self.hashes.len() { 0 } else { index }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_gets_its_nodes_in_the_order_of_the_circle() {
        let ring = Ring::new(["a", "b", "c"], DEFAULT_REPLICAS);
        assert_eq!(ring.find_n("1", 2), ["c", "b"]);
        assert_eq!(ring.find("1"), Some("c"));
        assert_eq!(ring.find_n("1", 9).len(), 3, "no node twice");
    }

    #[test]
    fn a_node_with_fewer_points_gets_fewer_keys() {
        let ring = Ring::weighted([("a", 512), ("b", 100)]);
        assert_eq!(ring.find("key1"), Some("a"));
        assert_eq!(ring.find("key37"), Some("b"));
        assert_eq!(ring, Ring::weighted([("a", 512), ("b", 100), ("none", 0)]));
    }

    #[test]
    fn an_empty_ring_names_nobody() {
        assert_eq!(Ring::default().find("key"), None);
        assert!(Ring::default().find_n("key", 3).is_empty());
    }

    #[test]
    fn an_override_comes_first_and_the_ring_fills_up() {
        let ring = Ring::new(["a", "b", "c"], DEFAULT_REPLICAS).with_override("1", ["b"]);
        assert_eq!(ring.find("1"), Some("b"));
        assert_eq!(ring.find_n("1", 3), ["b", "c", "a"]);
        let away = ring.clone().with_override("1", ["elsewhere"]);
        assert_eq!(away.find_n("1", 9), ["elsewhere", "c", "b", "a"]);
        assert_eq!(ring.find("2"), ring.clone().with_override("1", [""; 0]).find("2"));
        assert_eq!(ring.with_override("1", [""; 0]).find("1"), Some("c"));
    }

    #[test]
    fn a_change_that_makes_no_sense_says_why() {
        let ring = Ring::new(["a"], 1);
        assert_eq!(ring.with_node("a", 1), Err(RingError::NodeExists("a".to_owned())));
        assert_eq!(
            ring.without_node("b"),
            Err(RingError::NodeMissing("b".to_owned()))
        );
    }
}
