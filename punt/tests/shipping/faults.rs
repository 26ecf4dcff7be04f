//! The fault matrix: 4,000 messages during each fault; all of them stored, none twice.

use crate::engine::{Engine, Fault};
use crate::process::{Site, component};
use crate::wait::until;

const SYSLOG: &str = "[sources.syslog]\ntype = \"syslog\"\ntcp = \"127.0.0.1:0\"";
const MESSAGES: usize = 4000;

/// Sends the messages during the fault, ends it after it was felt, and expects all messages once.
fn all_arrive_once(fault: Fault, sink: &str) -> Engine {
    let engine = Engine::start(fault);
    let site = Site::new(SYSLOG, &engine.url(), sink);
    let punt = site.start();
    punt.send(0, MESSAGES);
    until("the fault was felt", || {
        (engine.stored().faulty >= 3).then_some(())
    });
    engine.set(Fault::None);
    engine.wait_for(MESSAGES);
    engine.assert_each_once(MESSAGES);
    punt.wait_for_counter("sink", "acknowledged", MESSAGES as u64);
    let stats = until("the buffer is empty", || {
        let stats = punt.stats();
        (component(&stats, "sink")["buffer"]["events"] == 0).then_some(stats)
    });
    assert_eq!(
        component(&stats, "sink")["dropped"],
        serde_json::Value::Null,
        "{stats}"
    );
    assert!(site.dead_letters().is_empty());
    engine
}

#[test]
fn items_that_are_turned_away_are_sent_again_alone() {
    let engine = Engine::start(Fault::HalfOnce429);
    let site = Site::new(SYSLOG, &engine.url(), "");
    let punt = site.start();
    punt.send(0, MESSAGES);
    engine.wait_for(MESSAGES);
    engine.assert_each_once(MESSAGES);
    punt.wait_for_counter("sink", "acknowledged", MESSAGES as u64);
    assert_eq!(punt.counter("sink", "retried"), MESSAGES as u64 / 2);
    assert_eq!(engine.stored().duplicates, 0, "what was stored is not sent again");
}

fn half_is_buried(fault: Fault, kind: &str) {
    let engine = Engine::start(fault);
    let site = Site::new(SYSLOG, &engine.url(), "");
    let punt = site.start();
    punt.send(0, MESSAGES);
    punt.wait_for_counter("sink", "dead_lettered", MESSAGES as u64 / 2);
    engine.wait_for(MESSAGES / 2);
    let letters = site.dead_letters();
    assert_eq!(letters.len(), MESSAGES / 2);
    assert!(
        letters.iter().all(|letter| letter["error.type"] == kind),
        "{}",
        letters[0]
    );
    let mut messages = engine.messages();
    messages.extend(
        letters
            .iter()
            .map(|l| l["document"]["message"].as_str().unwrap_or_default().to_owned()),
    );
    messages.sort();
    messages.dedup();
    assert_eq!(messages.len(), MESSAGES, "each message is stored or buried");
}

#[test]
fn items_that_are_refused_for_good_are_in_the_dead_letter_file() {
    half_is_buried(Fault::Half400, "t");
}

#[test]
fn items_in_the_failure_store_are_not_taken_for_stored() {
    half_is_buried(Fault::HalfFailureStore, "failure_store_used");
}

#[test]
fn a_request_that_is_turned_away_is_sent_again() {
    all_arrive_once(Fault::Whole(429), "");
}

#[test]
fn an_engine_that_is_unavailable_is_waited_for() {
    all_arrive_once(Fault::Whole(503), "");
}

#[test]
fn an_engine_that_refuses_our_password_costs_no_event() {
    all_arrive_once(Fault::Whole(403), "");
}

#[test]
fn a_request_that_is_too_large_is_split() {
    let engine = Engine::start(Fault::TooLarge(20_000));
    let site = Site::new(SYSLOG, &engine.url(), "");
    let punt = site.start();
    punt.send(0, MESSAGES);
    engine.wait_for(MESSAGES);
    engine.assert_each_once(MESSAGES);
    assert!(site.dead_letters().is_empty());
}

#[test]
fn an_item_that_spoils_its_request_is_found_and_buried() {
    let engine = Engine::start(Fault::PoisonSpoilsRequest);
    let site = Site::new(SYSLOG, &engine.url(), "");
    let punt = site.start();
    punt.send(0, MESSAGES);
    engine.wait_for(MESSAGES - 4);
    punt.wait_for_counter("sink", "dead_lettered", 4);
    assert_eq!(site.dead_letters().len(), 4);
}

#[test]
fn an_engine_that_stores_and_never_answers_stores_nothing_twice() {
    let engine = all_arrive_once(Fault::StoreAndHang, "request_timeout_ms = 300");
    assert!(engine.stored().duplicates > 0, "the fault had an effect");
}

#[test]
fn a_connection_that_breaks_after_storing_stores_nothing_twice() {
    let engine = all_arrive_once(Fault::StoreAndClose, "");
    assert!(engine.stored().duplicates > 0, "the fault had an effect");
}

#[test]
fn an_answer_without_all_verdicts_is_not_believed() {
    all_arrive_once(Fault::StoreAndForgetVerdicts, "");
}

#[test]
fn punt_listens_and_keeps_events_while_the_engine_is_down_from_the_start() {
    let address = Engine::reserve();
    let site = Site::new(SYSLOG, &format!("http://{address}"), "");
    let punt = site.start();
    punt.send(0, MESSAGES);
    punt.wait_for_counter("sink", "buffered", MESSAGES as u64);
    let engine = Engine::start_at(address, Fault::None);
    engine.wait_for(MESSAGES);
    engine.assert_each_once(MESSAGES);
    let stored = engine.stored();
    let template = &stored.templates["guildwatch"];
    assert_eq!(template["index_patterns"][0], "guildwatch-*");
    let indices: Vec<&String> = stored.documents.keys().map(|(index, _)| index).collect();
    assert!(
        indices.iter().all(|index| index.starts_with("guildwatch-20")),
        "{:?}",
        indices.first()
    );
}

#[test]
fn a_full_buffer_that_drops_counts_each_event() {
    let address = Engine::reserve();
    let buffer = "buffer = { max_bytes = 1048576, when_full = \"drop_newest\" }";
    let site = Site::new(SYSLOG, &format!("http://{address}"), buffer);
    let punt = site.start();
    punt.send(0, MESSAGES);
    punt.wait_for_counter("source", "received", MESSAGES as u64);
    let lost = until("each event is buffered or counted", || {
        let stats = punt.stats();
        let sink = component(&stats, "sink");
        let buffered = sink["counters"]["buffered"].as_u64().unwrap_or_default();
        let lost = sink["dropped"]["buffer_full"].as_u64().unwrap_or_default();
        (buffered + lost == MESSAGES as u64).then_some(lost)
    });
    assert!(lost > 0, "the buffer was too small for all");
    let engine = Engine::start_at(address, Fault::None);
    engine.wait_for(MESSAGES - usize::try_from(lost).expect("a small number"));
}

#[test]
fn a_full_buffer_that_blocks_loses_nothing() {
    let address = Engine::reserve();
    let site = Site::new(
        SYSLOG,
        &format!("http://{address}"),
        "buffer = { max_bytes = 1048576 }",
    );
    let punt = site.start();
    let send = std::thread::scope(|scope| {
        let sending = scope.spawn(|| punt.send(0, 5 * MESSAGES));
        punt.wait_for_log("the buffer is full");
        let engine = Engine::start_at(address, Fault::None);
        engine.wait_for(5 * MESSAGES);
        engine.assert_each_once(5 * MESSAGES);
        sending.join()
    });
    assert!(send.is_ok());
}
