//! Who holds a lease: the rules, without IO and without a clock of its own.
//!
//! - A member is in the membership while its lease lasts, also when it just crashed.
//! - A new life of a node takes the place of the old one. While it only starts, and the old life is in the ring
//!   with a lease that still lasts, the old one stays: a node that crashed and is back in time takes its own
//!   guilds again, and no peer ever hears of it.
//! - A life that was replaced cannot come back.

use std::collections::HashMap;
use std::time::Duration;

use chat_admin::LeaseRequest;
use chat_proto::{Generation, Incarnation, Member, MemberState, Membership, NodeName};
use tokio::time::Instant;

use crate::journal::Record;

/// How long a lease lasts.
pub(crate) const TTL: Duration = Duration::from_secs(5);

/// The membership and how long each member stays in it.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    membership: Membership,
    until: HashMap<NodeName, Instant>,
}

/// What a heartbeat means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing new: the lease lasts longer.
    Renew,
    /// A new life starts while the old one's place is kept: nothing changes.
    Wait,
    /// The membership changes.
    Change(Change),
    /// A member leaves that is not there.
    Nothing,
    /// A life that was replaced by another one.
    Replaced(Incarnation),
}

/// A change of the membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// The generation that it makes.
    pub(crate) generation: Generation,
    /// What changes.
    pub(crate) what: What,
}

/// What changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// A member comes, or changes its life, its state or its address.
    Put(Member),
    /// A member goes.
    Remove(NodeName),
}

// === impl Leases ===

impl Leases {
    /// The leases of a membership that was read again: each gets one full term of grace.
    pub(crate) fn restored(membership: Membership, now: Instant) -> Self {
        let until = membership
            .members
            .iter()
            .map(|member| (member.node.clone(), now + TTL))
            .collect();
        Self { membership, until }
    }

    /// The membership as it is.
    pub(crate) fn membership(&self) -> &Membership {
        &self.membership
    }

    /// How long the lease of a node lasts from `now` on; a node that waits for its place has a full term.
    pub(crate) fn left(&self, member: &Member, now: Instant) -> Duration {
        let mine = self
            .membership
            .member(&member.node)
            .is_some_and(|m| m.incarnation == member.incarnation);
        match self.until.get(&member.node) {
            Some(until) if mine => until.saturating_duration_since(now),
            _ => TTL,
        }
    }

    /// What a heartbeat means. Nothing changes before [`Leases::apply`].
    pub(crate) fn decide(&self, request: &LeaseRequest, now: Instant) -> Decision {
        let asked = &request.member;
        let current = self.membership.member(&asked.node);
        if request.leave {
            return match current {
                Some(current) if current.incarnation == asked.incarnation => {
                    self.change(What::Remove(asked.node.clone()))
                }
                _ => Decision::Nothing,
            };
        }
        match current {
            Some(current) if current.incarnation > asked.incarnation => {
                Decision::Replaced(current.incarnation)
            }
            Some(current) if current == asked => Decision::Renew,
            Some(current)
                if current.incarnation < asked.incarnation
                    && current.state == MemberState::Ready
                    && asked.state == MemberState::Starting
                    && self.until.get(&asked.node).is_some_and(|until| *until > now) =>
            {
                Decision::Wait
            }
            _ => self.change(What::Put(asked.clone())),
        }
    }

    /// The lease of a member lasts a full term from `now` on.
    pub(crate) fn renew(&mut self, node: &NodeName, now: Instant) {
        if let Some(until) = self.until.get_mut(node) {
            *until = now + TTL;
        }
    }

    /// Carries out a change (after it was journalled).
    pub(crate) fn apply(&mut self, change: Change, now: Instant) {
        match &change.what {
            What::Put(member) => self.until.insert(member.node.clone(), now + TTL),
            What::Remove(node) => self.until.remove(node),
        };
        apply(&mut self.membership, change);
    }

    /// The first member whose lease is over, as a change.
    pub(crate) fn expired(&self, now: Instant) -> Option<Change> {
        let (node, _) = self.until.iter().find(|(_, until)| **until <= now)?;
        match self.change(What::Remove(node.clone())) {
            Decision::Change(change) => Some(change),
            _ => None,
        }
    }

    /// When the next lease ends if nobody renews it.
    pub(crate) fn next_end(&self) -> Option<Instant> {
        self.until.values().min().copied()
    }

    fn change(&self, what: What) -> Decision {
        Decision::Change(Change {
            generation: Generation(self.membership.generation.0 + 1),
            what,
        })
    }
}

// === impl Change ===

impl Change {
    /// The journal's line for it.
    pub(crate) fn record(&self) -> Record {
        let generation = self.generation;
        match &self.what {
            What::Put(member) => Record::Put {
                generation,
                member: member.clone(),
            },
            What::Remove(node) => Record::Remove {
                generation,
                node: node.clone(),
            },
        }
    }
}

/// Changes a membership.
pub(crate) fn apply(membership: &mut Membership, change: Change) {
    let name = match &change.what {
        What::Put(member) => &member.node,
        What::Remove(node) => node,
    };
    let place = membership
        .members
        .binary_search_by(|member| member.node.cmp(name));
    match (change.what, place) {
        (What::Put(member), Ok(at)) => membership.members[at] = member,
        (What::Put(member), Err(at)) => membership.members.insert(at, member),
        (What::Remove(_), Ok(at)) => drop(membership.members.remove(at)),
        (What::Remove(_), Err(_)) => {}
    }
    membership.generation = membership.generation.max(change.generation);
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat_proto::Cluster;
    use proptest::prelude::*;

    fn member(node: &str, incarnation: u64, state: MemberState) -> Member {
        Member {
            node: node.into(),
            cluster: Cluster::Guilds,
            incarnation: Incarnation(incarnation),
            state,
            address: "127.0.0.1:1".parse().unwrap(),
            admin: "127.0.0.1:2".parse().unwrap(),
        }
    }

    fn beat(member: Member) -> LeaseRequest {
        LeaseRequest {
            member,
            known: Generation(0),
            wait_ms: 0,
            leave: false,
        }
    }

    fn heartbeat(leases: &mut Leases, member: Member, now: Instant) -> Decision {
        let decision = leases.decide(&beat(member.clone()), now);
        match decision.clone() {
            Decision::Change(change) => leases.apply(change, now),
            Decision::Renew => leases.renew(&member.node, now),
            _ => {}
        }
        decision
    }

    #[test]
    fn a_crashed_node_stays_in_the_ring_while_its_next_life_starts_in_time() {
        let now = Instant::now();
        let mut leases = Leases::default();
        heartbeat(&mut leases, member("guilds-0", 1, MemberState::Ready), now);
        let soon = now + Duration::from_secs(1);
        let starting = member("guilds-0", 2, MemberState::Starting);
        assert_eq!(heartbeat(&mut leases, starting, soon), Decision::Wait);
        assert_eq!(leases.membership().generation, Generation(1));
        heartbeat(&mut leases, member("guilds-0", 2, MemberState::Ready), soon);
        assert_eq!(leases.membership().generation, Generation(2));
        assert_eq!(leases.membership().members[0].incarnation, Incarnation(2));
    }

    #[test]
    fn a_crashed_node_that_takes_too_long_loses_its_place() {
        let now = Instant::now();
        let mut leases = Leases::default();
        heartbeat(&mut leases, member("guilds-0", 1, MemberState::Ready), now);
        heartbeat(
            &mut leases,
            member("guilds-0", 2, MemberState::Starting),
            now + Duration::from_secs(3),
        );
        let change = leases
            .expired(now + TTL)
            .expect("the old life's lease is not renewed by the new one");
        leases.apply(change, now + TTL);
        assert!(leases.membership().members.is_empty());
    }

    #[test]
    fn a_life_that_was_replaced_cannot_come_back_or_leave_for_its_successor() {
        let now = Instant::now();
        let mut leases = Leases::default();
        heartbeat(&mut leases, member("guilds-0", 2, MemberState::Ready), now);
        let old = member("guilds-0", 1, MemberState::Ready);
        assert_eq!(
            heartbeat(&mut leases, old.clone(), now),
            Decision::Replaced(Incarnation(2))
        );
        let leave = LeaseRequest {
            leave: true,
            ..beat(old)
        };
        assert_eq!(leases.decide(&leave, now), Decision::Nothing);
    }

    #[test]
    fn after_a_restart_of_the_control_plane_each_lease_has_a_full_term() {
        let now = Instant::now();
        let membership = Membership {
            generation: Generation(9),
            members: vec![member("guilds-0", 1, MemberState::Ready)],
        };
        let leases = Leases::restored(membership, now);
        assert_eq!(leases.expired(now + TTL - Duration::from_millis(1)), None);
        assert_eq!(
            leases.expired(now + TTL).map(|change| change.generation),
            Some(Generation(10))
        );
    }

    proptest! {
        #[test]
        fn the_generation_grows_with_each_change_and_only_then(
            beats in prop::collection::vec((0_u8..4, 1_u64..4, 0_u8..3, any::<bool>(), 0_u64..3000), 1..80),
        ) {
            let mut now = Instant::now();
            let mut leases = Leases::default();
            let mut journal = Membership::default();
            for (node, incarnation, state, leave, wait) in beats {
                now += Duration::from_millis(wait);
                while let Some(change) = leases.expired(now) {
                    apply(&mut journal, change.clone());
                    leases.apply(change, now);
                }
                let state = [MemberState::Starting, MemberState::Ready, MemberState::Draining][usize::from(state)];
                let member = member(&format!("guilds-{node}"), incarnation, state);
                let before = leases.membership().clone();
                match leases.decide(&LeaseRequest { leave, ..beat(member.clone()) }, now) {
                    Decision::Change(change) => {
                        apply(&mut journal, change.clone());
                        leases.apply(change, now);
                        prop_assert_eq!(leases.membership().generation.0, before.generation.0 + 1);
                    }
                    Decision::Renew => leases.renew(&member.node, now),
                    _ => prop_assert_eq!(leases.membership(), &before),
                }
                let names: Vec<_> = leases.membership().members.iter().map(|m| m.node.clone()).collect();
                prop_assert!(names.is_sorted());
                prop_assert_eq!(leases.membership(), &journal, "replaying the journal gives the same");
            }
        }
    }
}
