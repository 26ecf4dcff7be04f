//! The connections against a server that speaks real HTTP.

mod server;
mod stage;

use std::time::Duration;

use ops_api::ControlClient;
use server::{Server, TOKEN};
use tokio::sync::mpsc::Receiver;
use tui::conn::{Connections, Store};
use tui::state::logs::{Level, LogQuery};
use tui::state::{Cmd, Feed, Msg, Turn};

/// Waits for the first message that `wanted` accepts. The limit is for a hang, not a measure.
async fn wait<T>(inbox: &mut Receiver<Msg>, mut wanted: impl FnMut(Msg) -> Option<T>) -> T {
    let search = async {
        loop {
            let msg = inbox.recv().await.expect("the connections are open");
            if let Some(found) = wanted(msg) {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), search)
        .await
        .expect("the message comes")
}

fn connect(server: &Server, token: &str) -> (Connections, Receiver<Msg>) {
    let control = ControlClient::new(&server.base, token);
    Connections::start(control, Store::new(&server.base, "guildwatch-*"))
}

#[tokio::test]
async fn a_stream_that_ends_is_told_and_opened_again() {
    let server = Server::start(3).await;
    let (connections, mut inbox) = connect(&server, TOKEN);
    let mut kinds = Vec::new();
    while kinds.len() < 5 {
        kinds.push(match wait(&mut inbox, Some).await {
            Msg::Fleet(fleet) => fleet.environment,
            Msg::Heartbeat => "alive".to_owned(),
            Msg::Unreachable { retry_ms, .. } => retry_ms.to_string(),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(kinds, ["local", "alive", "local", "500", "local"]);
    connections.close(inbox).await;
}

#[tokio::test]
async fn a_wrong_token_is_told_in_the_control_planes_words_with_growing_pauses() {
    let server = Server::start(0).await;
    let (connections, mut inbox) = connect(&server, "wrong");
    let told = |msg| match msg {
        Msg::Unreachable { reason, retry_ms } => Some((reason, retry_ms)),
        _ => None,
    };
    let first = wait(&mut inbox, told).await;
    let second = wait(&mut inbox, told).await;
    assert_eq!(first, ("the token is wrong".to_owned(), 500));
    assert_eq!(second, ("the token is wrong".to_owned(), 1000));
    connections.close(inbox).await;
}

#[tokio::test]
async fn a_follower_brings_records_once_and_asks_only_for_newer_ones() {
    let server = Server::start(0).await;
    let (mut connections, mut inbox) = connect(&server, TOKEN);
    let query = LogQuery {
        level: Level::Warn,
        ..LogQuery::recent()
    };
    connections.execute(Cmd::Follow(Feed::Logs, 7, query.clone()));
    let batch = |msg| match msg {
        Msg::Logs(Feed::Logs, 7, batch) => Some(batch),
        _ => None,
    };
    let first = wait(&mut inbox, batch).await;
    assert!(first.records.iter().all(|record| record.level >= Level::Warn));
    assert!(first.records.iter().map(|record| record.at).is_sorted());
    wait(&mut inbox, batch).await;
    let from = |body: &serde_json::Value| {
        let from = &body["query"]["bool"]["filter"][0]["range"]["@timestamp"]["gte"];
        from.as_str().unwrap().parse::<jiff::Timestamp>().unwrap()
    };
    {
        let known = server.known.lock().unwrap();
        let newest = first.records.last().unwrap().at;
        assert!(from(&known.searches[0]) < first.records[0].at);
        assert_eq!(
            from(&known.searches[1]),
            newest - jiff::SignedDuration::from_secs(3)
        );
    }
    connections.execute(Cmd::Count(7, query, 15_000));
    let counts = wait(&mut inbox, |msg| match msg {
        Msg::Counts {
            generation: 7,
            buckets,
            ..
        } => Some(buckets),
        _ => None,
    });
    assert!(counts.await.iter().map(|bucket| bucket.error).sum::<u64>() >= 6);
    connections.close(inbox).await;
}

#[tokio::test]
async fn a_page_that_was_too_small_says_how_many_are_missing() {
    let server = Server::start(0).await;
    let store = Store::new(&server.base, "guildwatch-*");
    // The server answers with forty seconds; the page is full and its oldest is newer than what was known.
    let query = LogQuery {
        page: 10,
        ..LogQuery::recent()
    };
    let long_ago = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(5);
    assert_eq!(store.records(&query, Some(long_ago)).await.unwrap().skipped, 1284);
    assert_eq!(store.records(&query, None).await.unwrap().skipped, 0);
}

#[tokio::test]
async fn a_store_that_is_away_is_named() {
    let store = Store::new("http://127.0.0.1:1", "guildwatch-*");
    let error = store.records(&LogQuery::recent(), None).await.unwrap_err();
    assert_eq!(
        error,
        "cannot reach the store at http://127.0.0.1:1: connection refused"
    );
}

#[tokio::test]
async fn a_plan_starts_nothing_and_a_start_carries_its_key() {
    let server = Server::start(0).await;
    let (mut connections, mut inbox) = connect(&server, TOKEN);
    connections.execute(Cmd::Plan(1, stage::request("sessions", true)));
    let plan = wait(&mut inbox, |msg| match msg {
        Msg::Planned(1, answer) => Some(answer.unwrap()),
        _ => None,
    });
    assert_eq!(plan.await.steps.len(), 4);
    assert!(server.known.lock().unwrap().keys.is_empty());

    connections.execute(Cmd::Start(
        1,
        stage::request("sessions", false),
        "console-1-1".to_owned(),
    ));
    let id = wait(&mut inbox, |msg| match msg {
        Msg::Started(1, answer) => Some(answer.unwrap().id),
        _ => None,
    });
    let id = id.await;
    assert_eq!(server.known.lock().unwrap().keys, ["console-1-1"]);
    connections.execute(Cmd::Turn(2, Turn::Abort, id, "ada".to_owned()));
    wait(&mut inbox, |msg| {
        matches!(msg, Msg::Turned(2, Ok(_))).then_some(())
    })
    .await;
    connections.execute(Cmd::Start(
        3,
        stage::request("nothing", false),
        "console-1-3".to_owned(),
    ));
    let refusal = wait(&mut inbox, |msg| match msg {
        Msg::Started(3, answer) => Some(answer.unwrap_err()),
        _ => None,
    });
    assert_eq!(refusal.await.hint, "`ops status` lists them");
    connections.close(inbox).await;
}
