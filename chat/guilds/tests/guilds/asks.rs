//! What can be asked of a guild, over real sockets: who may do what, and what its subscribers hear.

use crate::stack::{Client, Running, Stack, channel, guild, message, until, user};
use chat_node::CallError;
use chat_proto::service::Refusal;
use chat_proto::service::data::{Data, Page};
use chat_proto::service::guilds::{Ask, Reply};
use chat_proto::service::presence::News;
use chat_proto::{ChannelId, Cluster, EventKind, EventNumber, GuildId, MessageId, UserId};

struct Scene {
    client: Client,
    owner: Running,
    stack: Stack,
    _data: Running,
}

/// One owner, one guild (7), followed.
async fn scene() -> Scene {
    let stack = Stack::start().await;
    let data = stack.node(Cluster::Data, "data-0").await;
    let owner = stack.node(Cluster::Guilds, "guilds-0").await;
    let client = stack.client().await;
    client.create(7).await;
    client.follow(7).await;
    Scene {
        client,
        owner,
        stack,
        _data: data,
    }
}

async fn done(client: &Client, ask: Ask) {
    let answer = client.ask(7, ask).await;
    assert!(matches!(answer, Ok(Reply::Done)), "{answer:?}");
}

async fn refused(client: &Client, ask: Ask) -> Refusal {
    match client.ask(7, ask).await {
        Err(CallError::Refused(refusal)) => refusal,
        other => unreachable!("it must be refused: {other:?}"),
    }
}

/// The kinds of the events seen, once there are `count`.
async fn heard(client: &Client, count: u64) -> Vec<EventKind> {
    client.keep_following(|client| client.last(7) >= count).await;
    client.payloads(7).iter().map(|event| event.kind).collect()
}

fn edit(by: u64, id: MessageId, content: &str) -> Ask {
    Ask::EditMessage {
        by: UserId(by),
        channel: ChannelId(7),
        message: id,
        content: content.into(),
        edited_ms: 1_700_000_000_000,
    }
}

fn delete(by: u64, id: MessageId) -> Ask {
    Ask::DeleteMessage {
        by: UserId(by),
        channel: ChannelId(7),
        message: id,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_edited_by_its_author_and_deleted_once() {
    let Scene {
        client,
        owner,
        stack,
        _data,
    } = scene().await;
    let (id, _) = client.send(7, "first").await;
    let answer = client.ask(7, edit(7, id, "second")).await;
    let Ok(Reply::Message { message, number, .. }) = answer else {
        unreachable!("{answer:?}");
    };
    assert_eq!(
        (message.content.as_str(), number, message.number),
        ("second", EventNumber(2), EventNumber(1))
    );
    done(
        &client,
        Ask::AddMember {
            by: None,
            user: user(8),
        },
    )
    .await;
    assert!(matches!(
        refused(&client, edit(8, id, "mine")).await,
        Refusal::Forbidden { .. }
    ));
    assert!(matches!(
        refused(&client, delete(8, id)).await,
        Refusal::Forbidden { .. }
    ));

    // The next owner has it from the events, and one that remembers nothing reads it from data.
    let name = owner.name().clone();
    owner.kill().await;
    stack.lease.expire(&name);
    let _next = stack.node(Cluster::Guilds, "guilds-1").await;
    done(&client, delete(7, id)).await;
    assert_eq!(
        refused(&client, delete(7, id)).await,
        Refusal::not_found("Message")
    );
    assert_eq!(
        refused(&client, edit(7, id, "again")).await,
        Refusal::not_found("Message")
    );
    let kinds = heard(&client, 4).await;
    assert_eq!(
        kinds,
        [
            EventKind::MessageCreate,
            EventKind::MessageUpdate,
            EventKind::GuildMemberAdd,
            EventKind::MessageDelete
        ]
    );
    let page = chat_proto::service::data::Request::ReadMessages {
        channel: ChannelId(7),
        page: Page::Latest,
        limit: 10,
    };
    let reply = client.node.call::<Data>(&"data-0".into(), &page).await.unwrap();
    assert!(matches!(reply, chat_proto::service::data::Reply::Messages(rows) if rows.is_empty()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn channels_and_members_change_by_events_and_only_by_those_who_may() {
    let Scene { client, .. } = &scene().await;
    let new_channel = |by| Ask::CreateChannel {
        by: UserId(by),
        channel: channel(70),
    };
    let stranger = Ask::Send({
        let mut new = message(7, client.node.snowflakes().next(), "let me in");
        new.author = user(8);
        new
    });
    assert!(matches!(
        refused(client, new_channel(8)).await,
        Refusal::Forbidden { .. }
    ));
    assert!(matches!(
        refused(client, stranger.clone()).await,
        Refusal::Forbidden { .. }
    ));
    done(client, new_channel(7)).await;
    // Said again, it changes nothing.
    done(client, new_channel(7)).await;
    let join = Ask::AddMember {
        by: Some(UserId(8)),
        user: user(8),
    };
    done(client, join.clone()).await;
    done(client, join).await;
    let answer = client.ask(7, stranger.clone()).await;
    assert!(
        matches!(answer, Ok(Reply::Message { repeated: false, .. })),
        "{answer:?}"
    );
    let Ok(Reply::Snapshot { guild: now, last, .. }) = client.ask(7, Ask::Snapshot).await else {
        unreachable!("a snapshot is answered with one");
    };
    let mut expected = guild(7);
    expected.channels.push(channel(70));
    expected.members.push(user(8));
    assert_eq!((now, last), (expected, EventNumber(3)));
    let leave = |user| Ask::RemoveMember {
        by: Some(UserId(8)),
        user: UserId(user),
    };
    assert!(matches!(refused(client, leave(7)).await, Refusal::Invalid { .. }));
    done(client, leave(8)).await;
    done(client, leave(8)).await;
    let mut late = message(7, client.node.snowflakes().next(), "one more thing");
    late.author = user(8);
    assert!(matches!(
        refused(client, Ask::Send(late)).await,
        Refusal::Forbidden { .. }
    ));
    let kinds = heard(client, 4).await;
    assert_eq!(
        kinds,
        [
            EventKind::ChannelCreate,
            EventKind::GuildMemberAdd,
            EventKind::MessageCreate,
            EventKind::GuildMemberRemove
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn typing_and_presence_pass_without_a_number_and_a_snapshot_has_who_is_online() {
    let Scene { client, .. } = &scene().await;
    let status = |user, status: &str| Ask::PresenceChanged {
        user: UserId(user),
        status: status.into(),
    };
    done(client, status(7, "idle")).await;
    // The same again is no news, and neither is a stranger.
    done(client, status(7, "idle")).await;
    done(client, status(99, "online")).await;
    done(
        client,
        Ask::Typing {
            user: UserId(7),
            channel: ChannelId(7),
        },
    )
    .await;
    until("both have passed", async || client.passing(7).len() >= 2).await;
    let kinds: Vec<EventKind> = client.passing(7).iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::PresenceUpdate, EventKind::TypingStart]);
    let presences = async || match client.ask(7, Ask::Snapshot).await {
        Ok(Reply::Snapshot { presences, .. }) => presences,
        other => unreachable!("{other:?}"),
    };
    assert_eq!(presences().await, [(UserId(7), "idle".to_owned())]);
    done(client, status(7, "offline")).await;
    assert!(presences().await.is_empty());
    assert_eq!(client.last(7), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_is_hidden_in_one_variant_and_shown_in_the_other() {
    let Scene { client, .. } = &scene().await;
    client.send(7, "a secret").await;
    heard(client, 1).await;
    let payload = client.payloads(7).remove(0).payload;
    let object = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
    let (full, bare) = (object(&payload.full), object(&payload.without_content.unwrap()));
    assert_eq!(
        (full["content"].as_str(), bare["content"].as_str()),
        (Some("a secret"), Some(""))
    );
    assert_eq!(
        (payload.author, &full["guild_id"]),
        (Some(UserId(7)), &serde_json::json!("7"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_far_behind_catches_up_in_pages_from_data() {
    let Scene { client, .. } = &scene().await;
    // More than the window of the owner and than one page of data has.
    let total = 2500;
    let mut sending = tokio::task::JoinSet::new();
    let ids: Vec<u64> = (0..total).map(|_| client.node.snowflakes().next()).collect();
    for chunk in ids.chunks(250) {
        for id in chunk {
            let (node, new) = (client.node.clone(), message(7, *id, "x"));
            sending.spawn(async move {
                let request = |view: &chat_node::View| chat_proto::service::guilds::Request {
                    guild: GuildId(7),
                    generation: view.generation(),
                    ask: Ask::Send(new.clone()),
                };
                let limit = std::time::Duration::from_secs(20);
                node.call_owner::<chat_proto::service::guilds::Guilds>("7", limit, request)
                    .await
            });
        }
        while let Some(sent) = sending.join_next().await {
            assert!(matches!(sent.unwrap(), Ok(Reply::Message { .. })));
        }
    }
    let since = Some(EventNumber(3));
    let Ok(Reply::Subscribed { last, events, .. }) = client.ask(7, Ask::Subscribe { since }).await else {
        unreachable!("a subscription is answered with one");
    };
    assert_eq!((last.0, events.len()), (total, 1000));
    let mut numbers: Vec<u64> = events.iter().map(|event| event.number.unwrap().0).collect();
    while *numbers.last().unwrap() < total {
        let after = EventNumber(*numbers.last().unwrap());
        let Ok(Reply::Events { events, .. }) = client.ask(7, Ask::ReadEvents { after, limit: 700 }).await
        else {
            unreachable!("events are answered with events");
        };
        numbers.extend(events.iter().map(|event| event.number.unwrap().0));
    }
    assert_eq!(numbers, (4..=total).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_missed_a_generation_claims_again_and_goes_on() {
    let Scene {
        client,
        owner,
        stack,
        _data,
    } = scene().await;
    client.send(7, "before").await;
    let before = owner.node.view().generation();
    for _ in 0..5 {
        stack.lease.bump();
    }
    until("the owner sees the newest", async || {
        owner.node.view().generation() >= stack.lease.generation()
    })
    .await;
    client.send(7, "after").await;
    heard(&client, 2).await;
    // An older claim is now refused: the owner has said that it is still there.
    until("the claim is renewed", async || {
        let claim = chat_proto::service::data::Request::Claim {
            guild: GuildId(7),
            epoch: chat_proto::Epoch(before.0),
            node: "guilds-9".into(),
            recent: 0,
        };
        let answer = client.node.call::<Data>(&"data-0".into(), &claim).await;
        matches!(answer, Err(CallError::Refused(Refusal::Fenced { highest })) if highest.0 > before.0)
    })
    .await;
    client.send(7, "and on").await;
    heard(&client, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_or_leaves_is_told_and_a_loaded_guild_knows_who_is_online() {
    let stack = Stack::start().await;
    let _presence = stack.node(Cluster::Presence, "presence-0").await;
    let _data = stack.node(Cluster::Data, "data-0").await;
    let _owner = stack.node(Cluster::Guilds, "guilds-0").await;
    let client = stack.client().await;
    client.create(7).await;
    done(
        &client,
        Ask::AddMember {
            by: None,
            user: user(8),
        },
    )
    .await;
    done(
        &client,
        Ask::RemoveMember {
            by: None,
            user: UserId(8),
        },
    )
    .await;
    let guild = GuildId(7);
    // Each is told on its own way: they may overtake one another.
    for expected in [
        (UserId(7), News::GuildJoined { guild }),
        (UserId(8), News::GuildJoined { guild }),
        (UserId(8), News::GuildLeft { guild }),
    ] {
        until("the notice arrives", async || {
            stack.news.lock().unwrap().contains(&expected)
        })
        .await;
    }
    until("the owner has asked who is online", async || {
        let snapshot = client.ask(7, Ask::Snapshot).await;
        matches!(snapshot, Ok(Reply::Snapshot { presences, .. }) if presences == [(UserId(7), "online".to_owned())])
    })
    .await;
}
