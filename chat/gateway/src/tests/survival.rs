//! Sessions nodes die, hand over and come back; the client notices nothing, or as little as can be.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::client::{Client, Heard};
use super::{Gateway, quick};
use crate::limits::Limits;

/// Waits for a condition, within bounds.
pub(super) async fn until(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(
        tokio::time::timeout(Duration::from_secs(20), waiting)
            .await
            .is_ok(),
        "never: {what}"
    );
}

fn upto(last: u64) -> Vec<u64> {
    (1..=last).collect()
}

#[tokio::test]
async fn the_death_of_a_sessions_node_goes_unnoticed() {
    let gateway = Gateway::start(quick()).await;
    let mut client = gateway.ready().await;
    for _ in 0..3 {
        gateway.cluster.event().await;
    }
    client.until_event(3).await;
    gateway.cluster.kill().await;
    for _ in 0..3 {
        gateway.cluster.event().await;
    }
    client.op(1, json!(client.seq)).await;
    assert_eq!(
        client.payload().await["op"],
        11,
        "heartbeats are answered all the while"
    );
    gateway.cluster.revive();
    let last = gateway.cluster.event().await;
    client.until_event(last).await;
    assert_eq!(client.events, upto(last));
    assert_eq!(gateway.cluster.asked(), ["start", "rebuild"]);
    gateway.stop().await;
}

#[tokio::test]
async fn a_session_that_hears_of_no_guilds_misses_nothing_when_its_node_dies() {
    let gateway = Gateway::start(quick()).await;
    gateway.cluster.without_guilds();
    let mut client = gateway.connect().await;
    client.identify().await;
    assert_eq!(client.dispatch().await["t"], "READY");
    gateway.cluster.kill().await;
    // The gateway was told where the session is, so the next one goes on from there.
    for _ in 0..3 {
        gateway.cluster.event().await;
    }
    gateway.cluster.revive();
    client.until_event(3).await;
    assert_eq!(client.events, upto(3));
    gateway.stop().await;
}

#[tokio::test]
async fn a_hand_over_goes_unnoticed_and_late_frames_of_the_old_node_are_ignored() {
    let gateway = Gateway::start(quick()).await;
    let mut client = gateway.ready().await;
    gateway.cluster.event().await;
    gateway.cluster.hand_over().await;
    let last = gateway.cluster.event().await;
    client.until_event(last).await;
    assert_eq!(client.events, upto(last));
    assert_eq!(gateway.cluster.asked(), ["start", "attach"]);
    gateway.stop().await;
}

#[tokio::test]
async fn a_node_that_dies_before_ready_is_asked_again() {
    let gateway = Gateway::start(quick()).await;
    gateway.cluster.kill().await;
    let mut client = gateway.connect().await;
    client.identify().await;
    client.op(1, json!(null)).await;
    assert_eq!(client.payload().await["op"], 11);
    gateway.cluster.revive();
    assert_eq!(client.dispatch().await["t"], "READY");
    gateway.stop().await;
}

#[tokio::test]
async fn frames_that_are_lost_on_the_way_are_asked_for_again() {
    let gateway = Gateway::start(quick()).await;
    let mut client = gateway.ready().await;
    gateway.cluster.event().await;
    client.until_event(1).await;
    gateway.cluster.lose(2);
    for _ in 0..4 {
        gateway.cluster.event().await;
    }
    client.until_event(5).await;
    assert_eq!(client.events, upto(5));
    gateway.stop().await;
}

#[tokio::test]
async fn a_session_that_nobody_can_find_is_declared_invalid_and_the_client_may_start_over() {
    let limits = Limits {
        patience: Duration::from_millis(100),
        ..quick()
    };
    let gateway = Gateway::start(limits).await;
    let mut client = gateway.ready().await;
    gateway.cluster.kill().await;
    let invalid = client.payload().await;
    assert_eq!((&invalid["op"], &invalid["d"]), (&json!(9), &json!(false)));
    gateway.cluster.revive();
    client.seq = 0;
    client.identify().await;
    assert_eq!(client.dispatch().await["t"], "READY");
    client.dispatch().await;
    gateway.cluster.end_sessions().await;
    assert_eq!(client.payload().await["op"], 9);
    gateway.stop().await;
}

#[tokio::test]
async fn a_resume_on_another_socket_takes_the_session_with_it() {
    let gateway = Gateway::start(quick()).await;
    let mut old = gateway.ready().await;
    for _ in 0..4 {
        gateway.cluster.event().await;
    }
    old.until_event(2).await;
    let mut new = gateway.connect().await;
    new.seq = old.seq;
    new.op(
        6,
        json!({"token": "right", "session_id": old.session, "seq": old.seq}),
    )
    .await;
    assert_eq!(new.dispatch().await["d"]["event"], 3);
    assert_eq!(new.dispatch().await["d"]["event"], 4);
    assert_eq!(new.dispatch().await["t"], "RESUMED");
    // The old socket is cut off, and takes nothing with it.
    while !matches!(old.hear().await, Heard::Closed(..)) {}
    gateway.cluster.event().await;
    new.until_event(5).await;
    assert_eq!(gateway.cluster.detached(), None);
    // What was resumed survives a death as well.
    gateway.cluster.kill().await;
    gateway.cluster.revive();
    let last = gateway.cluster.event().await;
    new.until_event(last).await;
    assert_eq!(new.events, [3, 4, 5, 6]);
    gateway.stop().await;
}

#[tokio::test]
async fn a_resume_of_a_session_that_is_gone_is_answered_with_invalid_session() {
    let gateway = Gateway::start(quick()).await;
    let mut client = gateway.connect().await;
    client
        .op(6, json!({"token": "right", "session_id": "none", "seq": 5}))
        .await;
    let invalid = client.payload().await;
    assert_eq!((&invalid["op"], &invalid["d"]), (&json!(9), &json!(false)));
    client.identify().await;
    assert_eq!(client.dispatch().await["t"], "READY");
    gateway.stop().await;
}

#[tokio::test]
async fn a_drain_tells_clients_to_reconnect_and_keeps_their_sessions() {
    let gateway = Gateway::start(quick()).await;
    let mut polite = gateway.ready().await;
    let mut stubborn = gateway.ready().await;
    gateway.drain.send_replace(true);
    assert_eq!(polite.payload().await["op"], 7);
    // Even a library that says goodbye with 1000 means to come back.
    polite.close(1000).await;
    until("it is detached", || gateway.cluster.detached() == Some(false)).await;
    assert_eq!(stubborn.payload().await["op"], 7);
    gateway.cluster.event().await;
    stubborn.until_event(1).await;
    stubborn.expect_close(4000).await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_stop_tells_every_client_to_reconnect() {
    let gateway = Gateway::start(quick()).await;
    let mut client = gateway.ready().await;
    let stopping = tokio::spawn(gateway.stop());
    assert_eq!(client.payload().await["op"], 7);
    client.expect_close(4000).await;
    stopping.await.unwrap();
}

/// What happens to the cluster.
#[derive(Debug, Clone, Copy)]
enum Step {
    Event,
    PassOver,
    Kill,
    HandOver,
    Lose,
    Resume,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Event),
        3 => Just(Step::PassOver),
        1 => Just(Step::Kill),
        1 => Just(Step::HandOver),
        1 => Just(Step::Lose),
        1 => Just(Step::Resume),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_behind_it_a_client_sees_every_event_once_and_in_order(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let gateway = Gateway::start(quick()).await;
            let mut client = gateway.ready().await;
            let mut meant = Vec::new();
            for step in steps {
                match step {
                    Step::Event => meant.push(gateway.cluster.event().await),
                    Step::PassOver => gateway.cluster.pass_over().await,
                    Step::Kill => {
                        gateway.cluster.kill().await;
                        meant.push(gateway.cluster.event().await);
                        gateway.cluster.revive();
                    }
                    Step::HandOver => gateway.cluster.hand_over().await,
                    Step::Lose => {
                        gateway.cluster.lose(1);
                        meant.push(gateway.cluster.event().await);
                        // Only what follows shows that something is missing.
                        gateway.cluster.lose(0);
                    }
                    Step::Resume => {
                        // Reads up to now first: the session must be alive to be resumed.
                        let last = gateway.cluster.event().await;
                        meant.push(last);
                        client.until_event(last).await;
                        client = resume(&gateway, client).await;
                    }
                }
            }
            let last = gateway.cluster.event().await;
            meant.push(last);
            client.until_event(last).await;
            assert_eq!(client.events, meant);
            drop(client);
            gateway.stop().await;
        });
    }
}

async fn resume(gateway: &Gateway, old: Client) -> Client {
    let mut new = gateway.connect().await;
    new.seq = old.seq;
    new.events.clone_from(&old.events);
    new.op(
        6,
        json!({"token": "right", "session_id": old.session, "seq": old.seq}),
    )
    .await;
    new.session.clone_from(&old.session);
    drop(old);
    assert_eq!(new.dispatch().await["t"], "RESUMED");
    new
}
