//! What can happen in the simulation.

use chat_proto::EventKind;
use proptest::prelude::*;

use super::{CLIENTS, GUILDS, NODES};

#[derive(Debug, Clone)]
pub(super) enum Step {
    Publish {
        guild: usize,
        kind: EventKind,
    },
    /// Pushes arrive in any order, once or twice.
    Deliver {
        node: usize,
        which: usize,
        twice: bool,
    },
    LosePush {
        node: usize,
        which: usize,
    },
    LoseLinks {
        node: usize,
        guild: usize,
    },
    Doubt {
        node: usize,
        guild: usize,
    },
    Call {
        node: usize,
        guild: usize,
    },
    Answer {
        node: usize,
        which: usize,
        fails: bool,
    },
    Read {
        client: usize,
        pushes: usize,
    },
    Room {
        client: usize,
        room: usize,
    },
    Flush {
        node: usize,
    },
    /// Housekeeping has gateways told of cursors.
    Tell {
        node: usize,
    },
    Start {
        client: usize,
        node: usize,
    },
    Resume {
        client: usize,
    },
    Rebuild {
        client: usize,
    },
    HandOver {
        client: usize,
        works: bool,
    },
    Kill {
        node: usize,
    },
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let (node, guild, client) = (0..NODES, 0..GUILDS, 0..CLIENTS);
    let which = 0usize..8;
    let kind = prop_oneof![Just(EventKind::MessageCreate), Just(EventKind::GuildMemberAdd)];
    prop_oneof![
        8 => (guild.clone(), kind).prop_map(|(guild, kind)| Step::Publish { guild, kind }),
        8 => (node.clone(), which.clone(), any::<bool>())
            .prop_map(|(node, which, twice)| Step::Deliver { node, which, twice }),
        2 => (node.clone(), which.clone()).prop_map(|(node, which)| Step::LosePush { node, which }),
        1 => (node.clone(), guild.clone()).prop_map(|(node, guild)| Step::LoseLinks { node, guild }),
        1 => (node.clone(), guild.clone()).prop_map(|(node, guild)| Step::Doubt { node, guild }),
        8 => (node.clone(), guild).prop_map(|(node, guild)| Step::Call { node, guild }),
        8 => (node.clone(), which, prop::bool::weighted(0.2))
            .prop_map(|(node, which, fails)| Step::Answer { node, which, fails }),
        6 => (client.clone(), 1usize..6).prop_map(|(client, pushes)| Step::Read { client, pushes }),
        2 => (client.clone(), 0usize..6).prop_map(|(client, room)| Step::Room { client, room }),
        3 => node.clone().prop_map(|node| Step::Flush { node }),
        2 => node.clone().prop_map(|node| Step::Tell { node }),
        2 => (client.clone(), node.clone()).prop_map(|(client, node)| Step::Start { client, node }),
        1 => client.clone().prop_map(|client| Step::Resume { client }),
        1 => client.clone().prop_map(|client| Step::Rebuild { client }),
        2 => (client, prop::bool::weighted(0.7)).prop_map(|(client, works)| Step::HandOver { client, works }),
        1 => node.prop_map(|node| Step::Kill { node }),
    ]
}
