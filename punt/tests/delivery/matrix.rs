//! The partial-failure matrix: 4,000 messages into each fault, 4,000 of them stored, buried with the reason, or
//! counted; none twice.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::law::assert_law;
use crate::process::{Punt, Site};
use crate::server::{Reply, Request, serve};
use crate::store::{Item, Store, modern, refused, stored};
use crate::{MESSAGES, SYSLOG};

/// Sends the messages to an engine whose bulk requests fare as `fault` says (by how many came before), and waits
/// until `stored` are stored and `buried` are dead letters.
fn run(
    sink: &str,
    fault: impl Fn(&Store, &Request, usize) -> Reply + Send + Sync + 'static,
    stored: usize,
    buried: usize,
) -> (Site, Store, Punt) {
    let store = Store::default();
    let (bulks, serving) = (AtomicUsize::new(0), store.clone());
    let address = serve(move |request| match request.path.starts_with("/_bulk") {
        true => fault(&serving, request, bulks.fetch_add(1, SeqCst)),
        false => serving.answer(request, &modern(), crate::store::stored),
    });
    let site = Site::new(SYSLOG, &format!("http://{address}"), sink);
    let punt = site.start();
    punt.send(0, MESSAGES);
    store.wait_for(stored);
    punt.wait_for_counter("sink", "acknowledged", stored as u64);
    punt.wait_for_counter("sink", "dead_lettered", buried as u64);
    assert_law(&punt);
    assert_eq!(site.dead_letters().len(), buried);
    (site, store, punt)
}

/// The first `count` bulk requests fare like this, the others well.
fn first(
    count: usize,
    reply: impl Fn(&Store, &Request) -> Reply + Send + Sync + 'static,
) -> impl Fn(&Store, &Request, usize) -> Reply + Send + Sync + 'static {
    move |store, request, before| match before < count {
        true => reply(store, request),
        false => store.answer(request, &modern(), stored),
    }
}

fn whole(status: u16) -> impl Fn(&Store, &Request) -> Reply + Send + Sync + 'static {
    move |_, _| {
        Reply::Json(
            status,
            json!({ "error": { "type": "t", "reason": "r" }, "status": status }),
        )
    }
}

fn odd(item: &Item) -> bool {
    item.number % 2 == 1
}

fn items(judge: fn(&Item) -> Value) -> impl Fn(&Store, &Request, usize) -> Reply + Send + Sync + 'static {
    move |store, request, _| store.answer(request, &modern(), judge)
}

fn all_stored_once(store: &Store) {
    store.assert_each_once(0..MESSAGES);
}

#[test]
fn half_the_items_turned_away_are_sent_again_alone() {
    let judge = |item: &Item| match odd(item) && item.before == 0 {
        true => refused(429, "es_rejected_execution_exception"),
        false => stored(item),
    };
    let (_site, store, punt) = run("", items(judge), MESSAGES, 0);
    all_stored_once(&store);
    assert_eq!(store.lock().duplicates, 0, "what was stored is not sent again");
    assert_eq!(punt.counter("sink", "retried"), MESSAGES as u64 / 2);
}

#[test]
fn items_of_an_index_that_is_blocked_for_now_are_sent_again() {
    let judge = |item: &Item| match odd(item) && item.before == 0 {
        true => refused(403, "cluster_block_exception"),
        false => stored(item),
    };
    let (_site, store, _punt) = run("", items(judge), MESSAGES, 0);
    all_stored_once(&store);
}

#[test]
fn half_the_items_poisonous_are_buried_with_the_reason() {
    let judge = |item: &Item| match odd(item) {
        true => refused(400, "mapper_parsing_exception"),
        false => stored(item),
    };
    let (site, store, _punt) = run("", items(judge), MESSAGES / 2, MESSAGES / 2);
    store.assert_each_once((0..MESSAGES).step_by(2));
    for letter in site.dead_letters() {
        assert_eq!(letter["error.type"], "mapper_parsing_exception");
        assert_eq!(letter["error.message"], "the reason");
        assert_eq!(letter["status"], 400);
    }
}

#[test]
fn items_that_are_turned_away_poisonous_or_fine_in_one_request_fare_each_as_it_should() {
    let judge = |item: &Item| match item.number % 4 {
        0 => refused(400, "mapper_parsing_exception"),
        1 if item.before < 2 => refused(429, "es_rejected_execution_exception"),
        2 if item.before < 1 => refused(503, "unavailable_shards_exception"),
        _ => stored(item),
    };
    let (_site, store, _punt) = run("", items(judge), MESSAGES * 3 / 4, MESSAGES / 4);
    assert_eq!(store.lock().duplicates, 0);
}

#[test]
fn items_in_the_failure_store_are_buried() {
    let judge = |item: &Item| match odd(item) {
        true => json!({ "status": 201, "failure_store": "used" }),
        false => stored(item),
    };
    let (site, _store, _punt) = run("", items(judge), MESSAGES / 2, MESSAGES / 2);
    assert_eq!(site.dead_letters()[0]["error.type"], "failure_store_used");
}

#[test]
fn a_whole_request_that_is_refused_for_now_is_sent_again() {
    for status in [408, 429, 500, 502, 503, 504] {
        let (_site, store, _punt) = run("", first(5, whole(status)), MESSAGES, 0);
        all_stored_once(&store);
        assert_eq!(store.lock().duplicates, 0, "{status}");
    }
}

#[test]
fn credentials_that_are_refused_are_said_and_events_are_kept() {
    for status in [401, 403] {
        let (_site, store, punt) = run("", first(5, whole(status)), MESSAGES, 0);
        all_stored_once(&store);
        punt.wait_for_log("we are not let in");
    }
}

#[test]
fn a_request_that_is_too_large_is_split_down_to_single_items() {
    let fault = |store: &Store, request: &Request, _| match request.body.len() > 1000 {
        true => Reply::Json(413, json!({ "error": "too large" })),
        false => store.answer(request, &modern(), stored),
    };
    let (_site, store, _punt) = run("", fault, MESSAGES, 0);
    all_stored_once(&store);
}

#[test]
fn a_single_item_that_is_too_large_is_buried() {
    let fault = |store: &Store, request: &Request, _| {
        let text = String::from_utf8_lossy(&request.body);
        match text.contains("message 17\"") || text.contains("message 3999\"") {
            true => Reply::Json(413, json!(null)),
            false => store.answer(request, &modern(), stored),
        }
    };
    let (site, store, _punt) = run("", fault, MESSAGES - 2, 2);
    assert_eq!(store.lock().duplicates, 0);
    assert!(site.dead_letters().iter().all(|letter| letter["status"] == 413));
}

#[test]
fn an_engine_that_hangs_is_asked_again() {
    let (_site, store, _punt) = run(
        "request_timeout_ms = 300",
        first(2, |_, _| Reply::Hang),
        MESSAGES,
        0,
    );
    all_stored_once(&store);
}

#[test]
fn an_engine_that_stores_and_hangs_stores_nothing_twice() {
    let fault = first(2, |store, request| {
        drop(store.answer(request, &modern(), stored));
        Reply::Hang
    });
    let (_site, store, _punt) = run("request_timeout_ms = 300", fault, MESSAGES, 0);
    all_stored_once(&store);
    assert!(store.lock().duplicates > 0, "the fault had an effect");
}

#[test]
fn a_connection_that_is_reset_before_or_after_storing_loses_and_doubles_nothing() {
    let (_site, store, _punt) = run("", first(3, |_, _| Reply::Close), MESSAGES, 0);
    all_stored_once(&store);
    let fault = first(3, |store, request| {
        drop(store.answer(request, &modern(), stored));
        Reply::Close
    });
    let (_site, store, _punt) = run("", fault, MESSAGES, 0);
    all_stored_once(&store);
    assert!(store.lock().duplicates > 0, "the fault had an effect");
}

#[test]
fn an_answer_that_is_cut_off_or_no_answer_at_all_is_not_believed() {
    let cut = first(3, |store, request| {
        match store.answer(request, &modern(), stored) {
            Reply::Json(_, value) => Reply::Truncated(value),
            other => other,
        }
    });
    let (_site, store, _punt) = run("", cut, MESSAGES, 0);
    all_stored_once(&store);
    let other = first(3, |_, _| {
        Reply::Json(200, json!({ "message": "welcome to our portal" }))
    });
    let (_site, store, _punt) = run("", other, MESSAGES, 0);
    all_stored_once(&store);
}

#[test]
fn the_engines_wish_to_be_left_alone_is_respected() {
    let asked: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let seen = Arc::clone(&asked);
    let fault = move |store: &Store, request: &Request, before| {
        seen.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Instant::now());
        match before == 0 {
            true => Reply::JsonWith(429, "retry-after: 1", json!({ "error": "busy" })),
            false => store.answer(request, &modern(), stored),
        }
    };
    let (_site, store, _punt) = run("concurrency = 1", fault, MESSAGES, 0);
    all_stored_once(&store);
    let asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(asked[1] - asked[0] >= Duration::from_secs(1));
}
