//! The laws of presence: whatever order things come in, guilds end up knowing the status that the sessions have.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use chat_proto::service::presence::Registration;
use chat_proto::{GuildId, NodeName, SessionId, UserId};
use proptest::prelude::*;

use crate::status::Status;
use crate::users::{Change, Users};

const GRACE: Duration = Duration::from_secs(10);

fn registration(user: u64, session: u64, status: &str, guilds: &[u64]) -> Registration {
    Registration {
        user: UserId(user),
        session: SessionId::from(format!("s{session}")),
        status: status.to_owned(),
        guilds: guilds.iter().copied().map(GuildId).collect(),
    }
}

fn node() -> NodeName {
    NodeName::from("sessions-0")
}

#[test]
fn a_status_outweighs_another_in_the_order_dnd_online_idle_invisible() {
    let mut users = Users::default();
    for (session, status, seen) in [
        (1, "invisible", Status::Offline),
        (2, "idle", Status::Idle),
        (3, "online", Status::Online),
        (4, "dnd", Status::Dnd),
        (5, "online", Status::Dnd),
    ] {
        users.register(&node(), 1, registration(7, session, status, &[]));
        assert_eq!(users.status(UserId(7)), seen);
    }
}

#[test]
fn registering_again_tells_guilds_nothing() {
    let mut users = Users::default();
    users.register(&node(), 1, registration(7, 1, "online", &[1, 2]));
    assert_eq!(users.take_changes().len(), 2);
    users.register(&node(), 2, registration(7, 1, "online", &[1, 2]));
    assert_eq!(users.take_changes(), Vec::new());
}

#[test]
fn a_guild_that_is_joined_later_is_told_alone() {
    let mut users = Users::default();
    users.register(&node(), 1, registration(7, 1, "idle", &[1]));
    users.take_changes();
    users.register(&node(), 1, registration(7, 1, "idle", &[1, 2]));
    let change = Change {
        guild: GuildId(2),
        user: UserId(7),
        status: Status::Idle,
    };
    assert_eq!(users.take_changes(), vec![change]);
}

#[test]
fn sessions_of_a_lost_node_are_kept_for_the_grace_and_then_dropped() {
    let mut users = Users::default();
    let now = Instant::now();
    users.register(&node(), 1, registration(7, 1, "online", &[1]));
    users.take_changes();
    users.lost(1, now);
    assert_eq!(users.reach(UserId(7)).lost, 1);
    assert_eq!(users.expire(now + GRACE / 2, GRACE), 0);
    assert_eq!(users.take_changes(), Vec::new());
    assert_eq!(users.expire(now + GRACE, GRACE), 1);
    assert_eq!(users.take_changes()[0].status, Status::Offline);
    assert_eq!(users.len(), 0);
}

#[test]
fn users_that_were_handed_over_are_not_told_again() {
    let mut old = Users::default();
    old.register(&node(), 1, registration(7, 1, "online", &[1]));
    old.take_changes();
    let mut new = Users::default();
    new.accept(old.registrations(UserId(7)).collect(), Instant::now());
    assert_eq!(new.take_changes(), Vec::new());
    new.register(&node(), 5, registration(7, 1, "online", &[1]));
    assert_eq!(new.take_changes(), Vec::new());
    assert_eq!(new.reach(UserId(7)).over, vec![(SessionId::from("s1"), 5)]);
}

#[derive(Debug, Clone)]
enum Step {
    Register {
        user: u64,
        session: u64,
        status: usize,
        guilds: Vec<u64>,
        connection: u64,
    },
    Unregister {
        user: u64,
        session: u64,
    },
    Lose {
        connection: u64,
    },
    Expire,
    HandOver {
        user: u64,
    },
    Tell,
}

fn step() -> impl Strategy<Value = Step> {
    let guilds = prop::collection::hash_set(0u64..3, 0..3);
    prop_oneof![
        4 => (0u64..3, 0u64..2, 0usize..4, guilds, 0u64..2).prop_map(|(user, session, status, guilds, connection)| {
            // A session belongs to one user.
            let session = user * 10 + session;
            Step::Register { user, session, status, guilds: guilds.into_iter().collect(), connection }
        }),
        2 => (0u64..3, 0u64..2).prop_map(|(user, session)| Step::Unregister { user, session: user * 10 + session }),
        1 => (0u64..2).prop_map(|connection| Step::Lose { connection }),
        1 => Just(Step::Expire),
        1 => (0u64..3).prop_map(|user| Step::HandOver { user }),
        3 => Just(Step::Tell),
    ]
}

proptest! {
    #[test]
    fn guilds_end_up_knowing_the_status_that_the_sessions_have(steps in prop::collection::vec(step(), 0..60)) {
        // Two nodes, as of a hand-over; a user lives on one of them at a time.
        let mut nodes = [Users::default(), Users::default()];
        let mut home: HashMap<u64, usize> = HashMap::new();
        let mut known: HashMap<(GuildId, UserId), Status> = HashMap::new();
        let mut now = Instant::now();
        let mut tell = |nodes: &mut [Users; 2]| {
            for users in nodes {
                for change in users.take_changes() {
                    known.insert((change.guild, change.user), change.status);
                }
            }
            known.clone()
        };
        for step in steps {
            match step {
                Step::Register { user, session, status, guilds, connection } => {
                    let status = ["online", "idle", "dnd", "invisible"][status];
                    let at = *home.entry(user).or_default();
                    nodes[at].register(&node(), connection, registration(user, session, status, &guilds));
                }
                Step::Unregister { user, session } => {
                    let at = *home.entry(user).or_default();
                    nodes[at].unregister(UserId(user), &SessionId::from(format!("s{session}")));
                }
                Step::Lose { connection } => nodes.iter_mut().for_each(|users| users.lost(connection, now)),
                Step::Expire => {
                    now += GRACE;
                    for users in &mut nodes {
                        users.expire(now, GRACE);
                    }
                }
                Step::HandOver { user } => {
                    // What changed before is told before.
                    tell(&mut nodes);
                    let at = home.entry(user).or_default();
                    let sessions = nodes[*at].registrations(UserId(user)).collect();
                    nodes[*at].forget(UserId(user));
                    *at = 1 - *at;
                    nodes[*at].accept(sessions, now);
                }
                Step::Tell => {
                    tell(&mut nodes);
                }
            }
        }
        let known = tell(&mut nodes);
        for (user, at) in home {
            let users = &nodes[at];
            let status = users.status(UserId(user));
            let followed: HashSet<GuildId> =
                users.registrations(UserId(user)).flat_map(|(_, session)| session.guilds).collect();
            for guild in followed {
                prop_assert_eq!(known.get(&(guild, UserId(user))).copied().unwrap_or_default(), status);
            }
        }
    }
}
