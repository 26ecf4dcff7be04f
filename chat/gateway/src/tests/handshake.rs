//! Hello, Identify and everything that clients do wrong.

use std::time::Duration;

use serde_json::json;

use super::client::{Client, Heard};
use super::{Gateway, quick};
use crate::limits::Limits;

#[tokio::test]
async fn a_client_identifies_and_gets_its_guilds_and_its_heartbeats_back() {
    let gateway = Gateway::start(quick()).await;
    let mut client = gateway.ready().await;
    client.op(1, json!(2)).await;
    assert_eq!(client.payload().await["op"], 11);
    client
        .op(8, json!({"guild_id": "7", "query": "", "limit": 0, "nonce": "n"}))
        .await;
    let chunk = client.payload().await;
    assert_eq!(
        (&chunk["t"], &chunk["s"]),
        (&json!("GUILD_MEMBERS_CHUNK"), &json!(2)),
        "s does not move"
    );
    assert_eq!(chunk["d"]["nonce"], "n");
    client
        .op(
            3,
            json!({"status": "idle", "activities": [], "since": null, "afk": false}),
        )
        .await;
    client.op(4, json!({})).await;
    let event = gateway.cluster.event().await;
    client.until_event(event).await;
    gateway.stop().await;
}

#[tokio::test]
async fn every_mistake_has_its_close_code() {
    let gateway = Gateway::start(quick()).await;
    let long = format!(r#"{{"op":1,"d":"{}"}}"#, "x".repeat(4096));
    let huge = format!(r#"{{"op":1,"d":"{}"}}"#, "x".repeat(100_000));
    for (payload, code) in [
        ("{", 4002),
        (&long, 4002),
        (&huge, 4002),
        (r#"{"op":77,"d":null}"#, 4001),
        (r#"{"op":3,"d":{"status":"idle"}}"#, 4003),
        (r#"{"op":8,"d":{"guild_id":"1"}}"#, 4003),
        (r#"{"op":2,"d":{"token":"wrong","intents":1}}"#, 4004),
        (r#"{"op":6,"d":{"token":"wrong","session_id":"x","seq":1}}"#, 4004),
        (
            r#"{"op":2,"d":{"token":"right","intents":1,"shard":[3,2]}}"#,
            4010,
        ),
        (
            r#"{"op":2,"d":{"token":"right","intents":9007199254740992}}"#,
            4013,
        ),
        (r#"{"op":2,"d":{"token":"right"}}"#, 4013),
    ] {
        let mut client = gateway.connect().await;
        client.say(payload).await;
        client.expect_close(code).await;
    }
    let mut client = gateway.ready().await;
    client.identify().await;
    client.expect_close(4005).await;
    gateway.stop().await;
}

#[tokio::test]
async fn too_many_events_and_too_few_heartbeats_end_the_connection() {
    let limits = Limits {
        rate_events: 10,
        silence: Duration::from_millis(300),
        ..quick()
    };
    let gateway = Gateway::start(limits).await;
    let mut silent = gateway.ready().await;
    silent.expect_close(4009).await;
    let mut noisy = gateway.connect().await;
    for _ in 0..11 {
        noisy.op(1, json!(null)).await;
    }
    let mut acknowledged = 0;
    loop {
        match noisy.hear().await {
            Heard::Payload(ack) => {
                assert_eq!(ack["op"], 11);
                acknowledged += 1;
            }
            Heard::Closed(code, _) => {
                assert_eq!((code, acknowledged), (Some(4008), 10));
                break;
            }
        }
    }
    gateway.stop().await;
}

#[tokio::test]
async fn what_is_not_spoken_is_refused_with_a_reason() {
    let gateway = Gateway::start(quick()).await;
    for (query, code, word) in [
        ("?v=10&encoding=json&compress=zstd-stream", 4002, "zlib-stream"),
        ("?v=10&encoding=etf", 4002, "json"),
        ("?v=5", 4012, "version"),
    ] {
        let mut client = Client::open(gateway.address, query).await;
        match client.hear().await {
            Heard::Closed(Some(heard), reason) => {
                assert!(heard == code && reason.contains(word), "{heard} {reason}")
            }
            other => panic!("{other:?}"),
        }
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_zlib_stream_is_one_stream_for_the_whole_connection() {
    let gateway = Gateway::start(quick()).await;
    let mut client = Client::connect(gateway.address, "?v=9&encoding=json&compress=zlib-stream").await;
    client.identify().await;
    for _ in 0..50 {
        gateway.cluster.event().await;
    }
    assert_eq!(client.dispatch().await["t"], "READY");
    let event = gateway.cluster.event().await;
    client.until_event(event).await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_client_that_means_to_leave_ends_its_session_and_one_that_is_lost_does_not() {
    let gateway = Gateway::start(quick()).await;
    for (code, end) in [(1000, true), (1001, true), (4000, false)] {
        let mut client = gateway.ready().await;
        client.close(code).await;
        client.expect_close(code).await;
        super::survival::until("the session is detached", || {
            gateway.cluster.detached() == Some(end)
        })
        .await;
    }
    let client = gateway.ready().await;
    drop(client);
    super::survival::until("the session is detached", || {
        gateway.cluster.detached() == Some(false)
    })
    .await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_full_house_lets_the_next_client_wait_and_not_fail() {
    let gateway = Gateway::start(Limits {
        sockets: 1,
        ..quick()
    })
    .await;
    let first = gateway.ready().await;
    let mut waiting = Box::pin(gateway.connect());
    let early = tokio::time::timeout(Duration::from_millis(50), &mut waiting).await;
    assert!(early.is_err(), "there is no room yet");
    drop(first);
    let mut second = waiting.as_mut().await;
    drop(waiting);
    second.identify().await;
    assert_eq!(second.dispatch().await["t"], "READY");
    gateway.stop().await;
}
