//! Owners that drain, die, are cut off or lose data: nothing acknowledged is lost, repeated or reordered.

use std::collections::HashMap;
use std::sync::Arc;

use crate::stack::{Client, Stack, message, until};
use chat_proto::service::Refusal;
use chat_proto::service::guilds::{Ask, Guilds, Reply, Request};
use chat_proto::{Cluster, GuildId, MessageId};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const GUILDS: u64 = 8;
const SENDERS: u64 = 3;

/// Senders that send one message after another until they are told to stop. Returns the id of each acknowledged
/// message by guild and number.
struct Load {
    stop: CancellationToken,
    senders: JoinSet<Vec<(u64, u64, MessageId)>>,
}

impl Load {
    fn start(client: &Arc<Client>) -> Self {
        let stop = CancellationToken::new();
        let mut senders = JoinSet::new();
        for guild in 1..=GUILDS {
            for _ in 0..SENDERS {
                let (client, stop) = (client.clone(), stop.clone());
                senders.spawn(async move {
                    let mut acknowledged = Vec::new();
                    while !stop.is_cancelled() {
                        let (id, number) = client.send(guild, "hello").await;
                        acknowledged.push((guild, number, id));
                    }
                    acknowledged
                });
            }
        }
        Self { stop, senders }
    }

    async fn finish(mut self) -> HashMap<u64, HashMap<u64, MessageId>> {
        self.stop.cancel();
        let mut all: HashMap<u64, HashMap<u64, MessageId>> = HashMap::new();
        while let Some(sent) = self.senders.join_next().await {
            for (guild, number, id) in sent.unwrap() {
                let other = all.entry(guild).or_default().insert(number, id);
                assert_eq!(
                    other, None,
                    "number {number} of guild {guild} was given out twice"
                );
            }
        }
        all
    }
}

async fn following(stack: &Stack) -> Arc<Client> {
    let client = Arc::new(stack.client().await);
    for guild in 1..=GUILDS {
        client.create(guild).await;
        client.follow(guild).await;
    }
    client
}

/// The subscriber has seen every number once and in order, and each acknowledged message under its number.
async fn check(client: &Client, acknowledged: &HashMap<u64, HashMap<u64, MessageId>>) {
    client
        .keep_following(|client| {
            (1..=GUILDS).all(|guild| {
                let last = acknowledged[&guild].keys().max().unwrap();
                client.last(guild) >= *last
            })
        })
        .await;
    for (guild, messages) in acknowledged {
        let seen = client.payloads(*guild);
        let numbers: Vec<u64> = seen.iter().map(|event| event.number.unwrap().0).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
        let mut ids = std::collections::HashSet::new();
        for event in &seen {
            let text = std::str::from_utf8(&event.payload.full).unwrap();
            let object: serde_json::Value = serde_json::from_str(text).unwrap();
            let id: MessageId = object["id"].as_str().unwrap().parse().unwrap();
            assert!(ids.insert(id), "message {id} was published twice");
            if let Some(sent) = messages.get(&event.number.unwrap().0) {
                assert_eq!(*sent, id);
            }
        }
        for id in messages.values() {
            assert!(
                ids.contains(id),
                "message {id} was acknowledged and not published"
            );
        }
    }
}

async fn progress(client: &Client) {
    let before: Vec<u64> = (1..=GUILDS).map(|guild| client.last(guild)).collect();
    client
        .keep_following(|client| {
            (1..=GUILDS).all(|guild| client.last(guild) > before[guild as usize - 1] + 5)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_owner_hands_its_guilds_over_and_takes_them_back() {
    let stack = Stack::start().await;
    let _data = stack.node(Cluster::Data, "data-0").await;
    let first = stack.node(Cluster::Guilds, "guilds-0").await;
    let second = stack.node(Cluster::Guilds, "guilds-1").await;
    let client = following(&stack).await;
    assert_eq!(first.health().await.holds + second.health().await.holds, GUILDS);
    let load = Load::start(&client);
    progress(&client).await;
    for node in [&first, &second] {
        node.drain().await;
        assert_eq!(node.health().await.holds, 0);
        progress(&client).await;
        node.undrain().await;
        progress(&client).await;
    }
    let acknowledged = load.finish().await;
    check(&client, &acknowledged).await;
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_owner_loses_nothing_when_its_peer_takes_over() {
    let stack = Stack::start().await;
    let _data = stack.node(Cluster::Data, "data-0").await;
    let mut victim = stack.node(Cluster::Guilds, "guilds-0").await;
    let _other = stack.node(Cluster::Guilds, "guilds-1").await;
    let client = following(&stack).await;
    let load = Load::start(&client);
    for _ in 0..3 {
        progress(&client).await;
        let name = victim.name().clone();
        victim.kill().await;
        stack.lease.expire(&name);
        progress(&client).await;
        victim = stack.node(Cluster::Guilds, "guilds-0").await;
    }
    progress(&client).await;
    let acknowledged = load.finish().await;
    check(&client, &acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_data_node_loses_nothing_and_sends_wait_for_it() {
    let stack = Stack::start().await;
    let mut data = stack.node(Cluster::Data, "data-0").await;
    let _owner = stack.node(Cluster::Guilds, "guilds-0").await;
    let client = following(&stack).await;
    let load = Load::start(&client);
    for _ in 0..3 {
        progress(&client).await;
        data.kill().await;
        data = stack.node(Cluster::Data, "data-0").await;
    }
    progress(&client).await;
    let acknowledged = load.finish().await;
    check(&client, &acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_stopped_in_the_middle_of_its_work_finishes_what_it_has_begun() {
    let stack = Stack::start().await;
    let mut data = stack.node(Cluster::Data, "data-0").await;
    let mut first = stack.node(Cluster::Guilds, "guilds-0").await;
    let _second = stack.node(Cluster::Guilds, "guilds-1").await;
    let client = following(&stack).await;
    let load = Load::start(&client);
    for _ in 0..2 {
        progress(&client).await;
        first.stop().await;
        progress(&client).await;
        first = stack.node(Cluster::Guilds, "guilds-0").await;
        progress(&client).await;
        data.stop().await;
        data = stack.node(Cluster::Data, "data-0").await;
    }
    progress(&client).await;
    let acknowledged = load.finish().await;
    check(&client, &acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_owners_and_data_die_again_and_again() {
    let stack = Stack::start().await;
    let mut data = stack.node(Cluster::Data, "data-0").await;
    let mut owners = vec![
        stack.node(Cluster::Guilds, "guilds-0").await,
        stack.node(Cluster::Guilds, "guilds-1").await,
    ];
    let client = following(&stack).await;
    let load = Load::start(&client);
    for round in 0..6 {
        progress(&client).await;
        let victim = owners.remove(0);
        let name = victim.name().clone();
        victim.kill().await;
        if round % 2 == 0 {
            // It comes back before its lease ends; until then nobody takes over.
            data.kill().await;
            data = stack.node(Cluster::Data, "data-0").await;
        } else {
            stack.lease.expire(&name);
        }
        owners.push(stack.node(Cluster::Guilds, name.as_str()).await);
    }
    progress(&client).await;
    let acknowledged = load.finish().await;
    check(&client, &acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_is_cut_off_from_the_membership_is_fenced_and_says_try_again() {
    let stack = Stack::start().await;
    let _data = stack.node(Cluster::Data, "data-0").await;
    let old = stack.node(Cluster::Guilds, "guilds-0").await;
    let client = stack.client().await;
    client.create(7).await;
    client.send(7, "before").await;
    let before = old.node.view().generation();
    let _new = stack.node(Cluster::Guilds, "guilds-1").await;
    until("both owners know", async || old.node.view().generation() > before).await;

    // The membership moves on without the old owner: whatever it owns, the new one takes.
    let view = client.node.view();
    let last_view = old.node.view();
    stack.lease.cut_off(old.name());
    client
        .node
        .wait_for(stack.lease.generation(), std::time::Duration::from_secs(10))
        .await;
    let owned = (1..)
        .find(|guild: &u64| old.node.owns(&guild.to_string()))
        .unwrap();
    let member = view.membership().member(old.name()).unwrap();
    client.create(owned).await;
    client.send(owned, "at the new owner").await;

    let ask = |ask| Request {
        guild: GuildId(owned),
        generation: last_view.generation(),
        ask,
    };
    let stale = client
        .node
        .peers()
        .call_within::<Guilds>(
            member,
            &ask(Ask::Send(message(
                owned,
                client.node.snowflakes().next(),
                "at the old owner",
            ))),
            std::time::Duration::from_secs(8),
        )
        .await;
    let refused = matches!(&stale, Err(chat_node::CallError::Refused(refusal)) if refusal.retry());
    assert!(refused, "{stale:?}");
    let (_, number) = client.send(owned, "and on").await;
    assert_eq!(number, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_send_is_answered_by_the_next_owner_with_the_first_message() {
    let stack = Stack::start().await;
    let _data = stack.node(Cluster::Data, "data-0").await;
    let owner = stack.node(Cluster::Guilds, "guilds-0").await;
    let client = stack.client().await;
    client.create(7).await;
    let mut new = message(7, client.node.snowflakes().next(), "once");
    new.nonce = Some("a nonce".into());
    new.enforce_nonce = true;
    let Ok(Reply::Message { number, repeated, .. }) = client.ask(7, Ask::Send(new.clone())).await else {
        unreachable!("it is stored");
    };
    assert_eq!((number.0, repeated), (1, false));
    let name = owner.name().clone();
    owner.kill().await;
    stack.lease.expire(&name);
    let _next = stack.node(Cluster::Guilds, "guilds-1").await;
    let first = new.id;
    let mut same_nonce = new.clone();
    same_nonce.id = MessageId(client.node.snowflakes().next());
    for again in [new, same_nonce] {
        let Ok(Reply::Message {
            message,
            number,
            repeated,
        }) = client.ask(7, Ask::Send(again)).await
        else {
            unreachable!("it is stored");
        };
        assert_eq!((message.id, number.0, repeated), (first, 1, true));
    }
    let (_, number) = client.send(7, "another").await;
    assert_eq!(number, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guild_nobody_made_is_not_found() {
    let stack = Stack::start().await;
    let _data = stack.node(Cluster::Data, "data-0").await;
    let owner = stack.node(Cluster::Guilds, "guilds-0").await;
    let client = stack.client().await;
    let answer = client.ask(404, Ask::Snapshot).await;
    let not_found =
        matches!(&answer, Err(chat_node::CallError::Refused(Refusal::NotFound { what })) if what == "Guild");
    assert!(not_found, "{answer:?}");
    until("nothing of it stays loaded", async || {
        owner.health().await.holds == 0
    })
    .await;
}
