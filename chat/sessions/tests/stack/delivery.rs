//! Whatever is killed or drained while messages are sent: each client gets each of them once and in order.

use std::collections::HashMap;
use std::sync::Arc;

use crate::{Gateway, Stack, until};
use chat_proto::{Cluster, Intents};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const GUILDS: u64 = 3;
const CLIENTS: u64 = 6;

/// A sender in each guild that sends one message after another until it is told to stop.
struct Load {
    stop: CancellationToken,
    senders: JoinSet<(u64, Vec<u64>)>,
}

impl Load {
    fn start(gateway: &Arc<Gateway>) -> Self {
        let stop = CancellationToken::new();
        let mut senders = JoinSet::new();
        for guild in 1..=GUILDS {
            let (gateway, stop) = (gateway.clone(), stop.clone());
            senders.spawn(async move {
                let mut numbers = Vec::new();
                while !stop.is_cancelled() {
                    numbers.push(gateway.send(guild, 1).await);
                }
                (guild, numbers)
            });
        }
        Self { stop, senders }
    }

    /// The numbers of the acknowledged messages by guild.
    async fn finish(mut self) -> HashMap<u64, Vec<u64>> {
        self.stop.cancel();
        let mut all = HashMap::new();
        while let Some(sent) = self.senders.join_next().await {
            all.extend([sent.expect("a sender does not panic")]);
        }
        all
    }
}

fn session(client: u64) -> String {
    format!("{client:032x}")
}

async fn clients(gateway: &Gateway) {
    let members: Vec<u64> = (1..=CLIENTS).collect();
    for guild in 1..=GUILDS {
        gateway.create_guild(guild, &members).await;
    }
    for client in 1..=CLIENTS {
        gateway.identify(&session(client), client, Intents::ALL).await;
    }
    all_up(gateway).await;
}

async fn all_up(gateway: &Gateway) {
    until("every client has every guild", async || {
        (1..=CLIENTS)
            .all(|client| (1..=GUILDS).all(|guild| gateway.cursor(&session(client), guild).is_some()))
    })
    .await;
}

/// Every client has got everything that was acknowledged, each message once (the gateway's checks see to order).
async fn everybody_has(gateway: &Gateway, sent: &HashMap<u64, Vec<u64>>) {
    for (guild, numbers) in sent {
        let last = numbers.last().copied().expect("something was sent");
        for client in 1..=CLIENTS {
            until("the last message arrives", async || {
                gateway.cursor(&session(client), *guild) >= Some(last)
            })
            .await;
        }
    }
    let total: usize = sent.values().map(Vec::len).sum();
    for client in 1..=CLIENTS {
        let names = gateway.names(&session(client));
        let messages = names.iter().filter(|name| *name == "MESSAGE_CREATE").count();
        assert_eq!(messages, total, "client {client}");
    }
}

async fn sent_at_least(gateway: &Gateway, more: u64) {
    let from: Vec<u64> = (1..=GUILDS)
        .map(|guild| gateway.cursor(&session(1), guild).unwrap_or(0))
        .collect();
    until("more messages arrive", async || {
        (1..=GUILDS)
            .all(|guild| gateway.cursor(&session(1), guild).unwrap_or(0) >= from[guild as usize - 1] + more)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_gets_ready_then_its_guilds_then_what_happens_in_them() {
    let stack = Stack::start().await;
    let _data = stack.node(Cluster::Data, "data-0").await;
    let _guilds = stack.node(Cluster::Guilds, "guilds-0").await;
    let _sessions = stack.node(Cluster::Sessions, "sessions-0").await;
    let gateway = stack.gateway().await;
    gateway.create_guild(1, &[1, 2]).await;
    gateway.identify("s", 2, Intents::ALL).await;
    until("the guild comes up", async || gateway.cursor("s", 1).is_some()).await;
    let last = gateway.send(1, 1).await;
    until("the message arrives", async || {
        gateway.cursor("s", 1) == Some(last)
    })
    .await;
    assert_eq!(gateway.names("s"), ["READY", "GUILD_CREATE", "MESSAGE_CREATE"]);
    let ready = &gateway.bodies("s", "READY")[0];
    assert_eq!(ready["session_id"], "s");
    assert_eq!(ready["guilds"][0]["id"], "1");
    assert_eq!(gateway.bodies("s", "GUILD_CREATE")[0]["member_count"], 2);
    assert_eq!(gateway.bodies("s", "MESSAGE_CREATE")[0]["content"], "hello");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_resumes_gets_what_it_missed_and_then_resumed() {
    let stack = Stack::start().await;
    let _data = stack.node(Cluster::Data, "data-0").await;
    let _guilds = stack.node(Cluster::Guilds, "guilds-0").await;
    let _sessions = stack.node(Cluster::Sessions, "sessions-0").await;
    let gateway = stack.gateway().await;
    gateway.create_guild(1, &[1, 2]).await;
    gateway.identify("s", 2, Intents::ALL).await;
    until("the guild comes up", async || gateway.cursor("s", 1).is_some()).await;
    gateway.close("s", false).await;
    for _ in 0..5 {
        gateway.send(1, 1).await;
    }
    assert!(
        gateway.resume("s", 1, None).await.is_err(),
        "the session is another user's"
    );
    assert!(gateway.resume("s", 2, None).await.is_ok());
    // Acknowledged is not yet fanned out: some may come after RESUMED, but all come.
    until("it has what it missed, and is resumed", async || {
        let names = gateway.names("s");
        let count = |wanted: &str| names.iter().filter(|name| *name == wanted).count();
        count("MESSAGE_CREATE") == 5 && count("RESUMED") == 1
    })
    .await;

    gateway.close("s", true).await;
    assert!(
        gateway.resume("s", 2, None).await.is_err(),
        "it closed with 1000: the session is over"
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guilds_nodes_that_drain_and_die_cost_no_client_a_message() {
    let stack = Stack::start().await;
    let _data = stack.node(Cluster::Data, "data-0").await;
    let first = stack.node(Cluster::Guilds, "guilds-0").await;
    let second = stack.node(Cluster::Guilds, "guilds-1").await;
    let _sessions = stack.node(Cluster::Sessions, "sessions-0").await;
    let gateway = stack.gateway().await;
    clients(&gateway).await;
    let load = Load::start(&gateway);
    sent_at_least(&gateway, 3).await;
    first.drain().await;
    first.stop().await;
    sent_at_least(&gateway, 3).await;
    let _third = stack.node(Cluster::Guilds, "guilds-0").await;
    sent_at_least(&gateway, 3).await;
    let name = second.name().clone();
    second.kill();
    stack.lease.expire(&name);
    sent_at_least(&gateway, 3).await;
    let sent = load.finish().await;
    everybody_has(&gateway, &sent).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_nodes_that_drain_and_die_cost_no_client_a_message() {
    let stack = Stack::start().await;
    let _data = stack.node(Cluster::Data, "data-0").await;
    let _guilds = stack.node(Cluster::Guilds, "guilds-0").await;
    let _presence = stack.node(Cluster::Presence, "presence-0").await;
    let first = stack.node(Cluster::Sessions, "sessions-0").await;
    let second = stack.node(Cluster::Sessions, "sessions-1").await;
    let gateway = stack.gateway().await;
    clients(&gateway).await;
    let load = Load::start(&gateway);
    sent_at_least(&gateway, 3).await;
    first.drain().await;
    first.stop().await;
    sent_at_least(&gateway, 3).await;
    let (rebuilt, moved) = gateway.upheavals();
    assert_eq!(rebuilt, 0, "a drain hands sessions over");
    assert!(moved > 0);
    let _third = stack.node(Cluster::Sessions, "sessions-0").await;
    sent_at_least(&gateway, 3).await;
    let name = second.name().clone();
    second.kill();
    stack.lease.expire(&name);
    sent_at_least(&gateway, 3).await;
    let sent = load.finish().await;
    everybody_has(&gateway, &sent).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_in_one_guild_gets_everything_and_moves_together() {
    const CROWD: u64 = 1_500;
    const USERS: u64 = 10;
    let stack = Stack::start().await;
    let _data = stack.node(Cluster::Data, "data-0").await;
    let _guilds = stack.node(Cluster::Guilds, "guilds-0").await;
    let first = stack.node(Cluster::Sessions, "sessions-0").await;
    let second = stack.node(Cluster::Sessions, "sessions-1").await;
    let gateway = stack.gateway().await;
    let members: Vec<u64> = (1..=USERS).collect();
    gateway.create_guild(1, &members).await;
    for client in 0..CROWD {
        gateway
            .identify(&session(client), client % USERS + 1, Intents::ALL)
            .await;
    }
    let everybody_is_at = async |number: u64| {
        until("everybody has it", async || {
            (0..CROWD).all(|client| gateway.cursor(&session(client), 1) >= Some(number))
        })
        .await;
    };
    for _ in 0..5 {
        gateway.send(1, 1).await;
    }
    let last = gateway.send(1, 1).await;
    everybody_is_at(last).await;
    let held = first.health().await.holds + second.health().await.holds;
    assert_eq!(held, CROWD);
    first.drain().await;
    let last = gateway.send(1, 1).await;
    everybody_is_at(last).await;
    assert_eq!(second.health().await.holds, CROWD);
    assert_eq!(gateway.upheavals().0, 0, "a drain hands sessions over");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_whose_gateway_died_resumes_at_another_and_survives_its_sessions_node_there() {
    let stack = Stack::start().await;
    let _data = stack.node(Cluster::Data, "data-0").await;
    let _guilds = stack.node(Cluster::Guilds, "guilds-0").await;
    let first = stack.node(Cluster::Sessions, "sessions-0").await;
    let gateway = stack.gateway_called("gateway-0").await;
    let other = stack.gateway_called("gateway-1").await;
    gateway.create_guild(1, &[1, 2]).await;
    gateway.create_guild(2, &[1, 2]).await;
    gateway.identify("s", 2, Intents::ALL).await;
    until("the guilds come up", async || {
        gateway.cursor("s", 1).is_some() && gateway.cursor("s", 2).is_some()
    })
    .await;
    let seen = gateway.send(1, 1).await;
    until("the message arrives", async || {
        gateway.cursor("s", 1) == Some(seen)
    })
    .await;
    gateway.stop().await;
    for _ in 0..3 {
        other.send(1, 1).await;
    }
    let second = other.send(2, 1).await;
    other.inherit(&gateway, "s");
    other.resume("s", 2, None).await.expect("it is still there");

    let name = first.name().clone();
    first.kill();
    stack.lease.expire(&name);
    let _next = stack.node(Cluster::Sessions, "sessions-1").await;
    let last = other.send(1, 1).await;
    until("everything arrives", async || {
        other.cursor("s", 1) == Some(last) && other.cursor("s", 2) == Some(second)
    })
    .await;
    let names = other.names("s");
    let messages = names.iter().filter(|name| *name == "MESSAGE_CREATE").count();
    assert_eq!(messages, 6, "{names:?}");
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_hears_of_no_guilds_misses_nothing_when_its_sessions_node_dies() {
    let stack = Stack::start().await;
    let _data = stack.node(Cluster::Data, "data-0").await;
    let _guilds = stack.node(Cluster::Guilds, "guilds-0").await;
    let first = stack.node(Cluster::Sessions, "sessions-0").await;
    let gateway = stack.gateway().await;
    gateway.create_guild(1, &[1, 2]).await;
    gateway.identify("s", 2, Intents::GUILD_MESSAGES).await;
    until("the gateway knows where it is", async || {
        gateway.cursor("s", 1).is_some()
    })
    .await;
    assert_eq!(gateway.names("s"), ["READY"], "no frame said so");

    let name = first.name().clone();
    first.kill();
    stack.lease.expire(&name);
    // Acknowledged while no sessions node is there to hear of it.
    let mut sent = Vec::new();
    for _ in 0..3 {
        sent.push(gateway.send(1, 1).await);
    }
    let second = stack.node(Cluster::Sessions, "sessions-1").await;
    let last = gateway.send(1, 1).await;
    until("everything arrives", async || {
        gateway.cursor("s", 1) == Some(last)
    })
    .await;
    let names = gateway.names("s");
    assert_eq!(names[0], "READY");
    assert_eq!(names[1..], ["MESSAGE_CREATE"; 4], "each once");
    let served = second.health().await.red.requests_total;
    assert!(served > 4, "each dispatch that is given out counts: {served}");

    // Events that are not for it move its cursor all the same.
    gateway.add_member(1, 3).await;
    until("the gateway is told", async || {
        gateway.cursor("s", 1) > Some(last)
    })
    .await;
    gateway.stop().await;
}
