//! Whether one order of a guild's messages explains what every seat saw and what the senders knew.
//!
//! A graph: a message comes before the one that a seat was dispatched next, and before every message that was
//! sent after its acknowledgement. There is one order exactly if that graph has no cycle, whatever each seat
//! missed, so a gap is never taken for a swap. Seats that agree share their edges (an edge counts how many
//! seats saw it), so a healthy run costs one edge a message, not one a delivery. The edges of "sent after the
//! acknowledgement" would be quadratic; a chain of instants, one an acknowledgement, makes them linear:
//! `message -> the instant of its acknowledgement -> the next instant ... -> a message sent after that instant`.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::Sequence;

/// Heavier than all dispatches: what the senders knew is never what gives way.
const KNOWN: u64 = 1 << 40;

/// What is known of the order.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// For each message, how many acknowledgements preceded its sending.
    sent: Vec<u32>,
    /// Messages in the order of their acknowledgements.
    acknowledged: Vec<Sequence>,
    /// Seats that were dispatched the second message right after the first.
    followed: HashMap<(Sequence, Sequence), u32>,
}

/// How far it is from one order.
#[derive(Debug, Default)]
pub(super) struct Disorder {
    /// Dispatches that contradict the order which the fewest contradict (or nearly the fewest). 0 exactly if
    /// there is one order.
    pub(super) dispatches: u64,
    /// Some messages that came late.
    pub(super) late: Vec<Sequence>,
}

// === impl Order ===

impl Order {
    /// The next message is about to be sent.
    pub(super) fn sent(&mut self) {
        let before = u32::try_from(self.acknowledged.len()).expect("no more acknowledgements than messages");
        self.sent.push(before);
    }

    /// A message was acknowledged.
    pub(super) fn acknowledged(&mut self, sequence: Sequence) {
        self.acknowledged.push(sequence);
    }

    /// A seat was dispatched `second` right after `first`.
    pub(super) fn followed(&mut self, first: Sequence, second: Sequence) {
        *self.followed.entry((first, second)).or_default() += 1;
    }

    /// How far it is from one order; names at most `named` messages.
    pub(super) fn disorder(&self, named: usize) -> Disorder {
        let graph = Graph::new(self);
        let mut entangled = graph.entangled();
        if entangled.is_empty() {
            return Disorder::default();
        }
        let mut inside = vec![false; graph.nodes()];
        for &node in &entangled {
            inside[node as usize] = true;
        }
        // What still has to come before each node. Lay the nodes out one by one, always the one that the
        // fewest object to, earlier sends first: objections that are overruled are dispatches out of order.
        let mut objections = vec![0_u64; graph.nodes()];
        for &node in &entangled {
            for &(next, weight) in graph.after(node) {
                objections[next as usize] += weight;
            }
        }
        let mut queue: BinaryHeap<_> = entangled
            .drain(..)
            .map(|node| Reverse((objections[node as usize], node)))
            .collect();
        let mut disorder = Disorder::default();
        while let Some(Reverse((weight, node))) = queue.pop() {
            if !inside[node as usize] || weight != objections[node as usize] {
                continue; // Laid out already, or an older entry of it.
            }
            inside[node as usize] = false;
            disorder.dispatches += weight;
            if weight > 0 && disorder.late.len() < named {
                disorder.late.push(node);
            }
            for &(next, weight) in graph.after(node) {
                if inside[next as usize] {
                    objections[next as usize] -= weight;
                    queue.push(Reverse((objections[next as usize], next)));
                }
            }
        }
        disorder
    }
}

/// Messages, then instants, with what follows what.
struct Graph {
    /// Where each node's edges begin; one more than there are nodes.
    start: Vec<usize>,
    edges: Vec<(u32, u64)>,
}

// === impl Graph ===

impl Graph {
    fn new(order: &Order) -> Self {
        let messages = u32::try_from(order.sent.len()).expect("messages are numbered with 32 bits");
        let instant = |number: u32| messages + number;
        let seen = order
            .followed
            .iter()
            .map(|(&(a, b), &seats)| (a, b, u64::from(seats)));
        let ends = (0..)
            .zip(&order.acknowledged)
            .map(|(n, &message)| (message, instant(n), KNOWN));
        let instants =
            u32::try_from(order.acknowledged.len()).expect("no more acknowledgements than messages");
        let chain = (1..instants).map(|n| (instant(n - 1), instant(n), KNOWN));
        let begins = (0..).zip(&order.sent).filter(|&(_, &before)| before > 0);
        let begins = begins.map(|(message, &before)| (instant(before - 1), message, KNOWN));

        let mut list: Vec<_> = seen.chain(ends).chain(chain).chain(begins).collect();
        list.sort_unstable();
        let mut start = vec![0; (messages + instants) as usize + 1];
        for &(from, _, _) in &list {
            start[from as usize + 1] += 1;
        }
        for node in 1..start.len() {
            start[node] += start[node - 1];
        }
        Self {
            start,
            edges: list.into_iter().map(|(_, to, weight)| (to, weight)).collect(),
        }
    }

    fn nodes(&self) -> usize {
        self.start.len() - 1
    }

    fn after(&self, node: u32) -> &[(u32, u64)] {
        &self.edges[self.start[node as usize]..self.start[node as usize + 1]]
    }

    /// The nodes that lie on a cycle, or between two: peels off what has nothing before it, then what has
    /// nothing after it.
    fn entangled(&self) -> Vec<u32> {
        let nodes = u32::try_from(self.nodes()).expect("nodes are numbered with 32 bits");
        let mut before = vec![0_u32; self.nodes()];
        for &(to, _) in &self.edges {
            before[to as usize] += 1;
        }
        let mut peel: Vec<u32> = (0..nodes).filter(|&node| before[node as usize] == 0).collect();
        let mut left = vec![true; self.nodes()];
        while let Some(node) = peel.pop() {
            left[node as usize] = false;
            for &(next, _) in self.after(node) {
                before[next as usize] -= 1;
                if before[next as usize] == 0 {
                    peel.push(next);
                }
            }
        }
        let mut rest: Vec<u32> = (0..nodes).filter(|&node| left[node as usize]).collect();
        self.peel_ends(&mut rest, &mut left);
        rest
    }

    /// Drops from `rest` what no longer has anything after it.
    fn peel_ends(&self, rest: &mut Vec<u32>, left: &mut [bool]) {
        let mut preceding: HashMap<u32, Vec<u32>> = HashMap::new();
        let mut after: HashMap<u32, usize> = HashMap::new();
        for &node in rest.iter() {
            let inside = self.after(node).iter().filter(|&&(next, _)| left[next as usize]);
            for &(next, _) in inside.clone() {
                preceding.entry(next).or_default().push(node);
            }
            after.insert(node, inside.count());
        }
        let mut peel: Vec<u32> = rest.iter().copied().filter(|node| after[node] == 0).collect();
        while let Some(node) = peel.pop() {
            left[node as usize] = false;
            for previous in preceding.remove(&node).unwrap_or_default() {
                let after = after.entry(previous).or_default();
                *after -= 1;
                if *after == 0 {
                    peel.push(previous);
                }
            }
        }
        rest.retain(|&node| left[node as usize]);
    }
}
