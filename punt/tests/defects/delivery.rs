//! Defects between the buffer and the engine.

use crate::engine::{Engine, Fault};
use crate::process::Site;
use crate::wait::until;
use crate::{SYSLOG, original, send, start, start_original, unpack};

#[test]
fn d01_an_item_that_is_turned_away_is_sent_again() {
    let engine = Engine::start(Fault::HalfOnce429);
    let (_site, punt) = start(&engine, "");
    punt.send(0, 1000);
    engine.wait_for(1000);
    punt.assert_balance();
}

#[test]
fn d02_a_missing_number_of_retries_drops_nothing() {
    let engine = Engine::start(Fault::None);
    let (_site, punt) = start_original(&original(&engine, &unpack("direct")));
    punt.send(0, 100);
    engine.wait_for(100);
}

#[test]
fn d03_a_long_outage_loses_nothing_and_is_not_hammered() {
    let engine = Engine::start(Fault::Whole(503));
    let (_site, punt) = start(&engine, "");
    punt.send(0, 4000);
    until("some tries have failed", || {
        (engine.stored().faulty > 5).then_some(())
    });
    engine.set(Fault::None);
    engine.wait_for(4000);
    engine.assert_each_once(4000);
    punt.assert_balance();
}

#[test]
fn d04_an_engine_that_is_down_at_the_start_deafens_nobody() {
    let address = Engine::reserve();
    let site = Site::new(SYSLOG, &format!("http://{address}"), "");
    let punt = site.start();
    punt.send(0, 100);
    punt.wait_for_counter("sink", "buffered", 100);
    let engine = Engine::start_at(address, Fault::None);
    engine.wait_for(100);
}

#[test]
fn d05_sigterm_delivers_what_was_taken() {
    let engine = Engine::start(Fault::None);
    let (_site, punt) = start(&engine, "batch_events = 100");
    punt.send(0, 20_000);
    punt.wait_for_counter("source", "received", 20_000);
    punt.terminate();
    assert_eq!(engine.count(), 20_000);
}

#[test]
fn d16_batches_are_as_large_as_configured() {
    let engine = Engine::start(Fault::None);
    let site = Site::new(SYSLOG, &engine.url(), "batch_events = 5000\nconcurrency = 4");
    let path = site.path("punt.toml");
    let text = std::fs::read_to_string(&path).expect("the configuration");
    std::fs::write(
        &path,
        text.replace("batch_timeout_ms = 20", "batch_timeout_ms = 5000"),
    )
    .expect("written");
    let punt = site.start();
    punt.send(0, 20_000);
    engine.wait_for(20_000);
    punt.assert_balance();
    let requests = punt.counter("sink", "requests");
    assert!(requests <= 8, "{requests} requests for four batches");
}

#[test]
fn d17_events_are_taken_while_a_request_is_on_its_way() {
    let engine = Engine::start(Fault::StoreAndHang);
    let (_site, punt) = start(&engine, "concurrency = 1");
    punt.send(0, 100);
    until("a request hangs", || (engine.count() > 0).then_some(()));
    punt.send(100, 5000);
    punt.wait_for_counter("sink", "buffered", 5100);
    engine.set(Fault::None);
    engine.wait_for(5100);
    engine.assert_each_once(5100);
}

#[test]
fn d18_a_bulk_request_has_a_bound_in_bytes() {
    let engine = Engine::start(Fault::TooLarge(80_000));
    let (_site, punt) = start(&engine, "batch_bytes = 60000\nbatch_events = 1000000");
    punt.send(0, 5000);
    engine.wait_for(5000);
    punt.assert_balance();
    assert_eq!(
        punt.counter("sink", "failed_requests"),
        0,
        "no request was too large"
    );
}

#[test]
fn d21_no_index_is_deleted_because_its_name_begins_like_another() {
    let engine = Engine::start(Fault::None);
    let mut config = original(&engine, &unpack("direct"));
    config["gc"] = serde_json::json!({"app-": {"keep": 1}});
    // Counting names is not taken over: the engine would answer no request to delete, and nothing would arrive.
    let (_site, punt) = start_original(&config);
    punt.wait_for_log("gc.app-.keep");
    punt.send(0, 10);
    engine.wait_for(10);
}

#[test]
fn d23_requests_have_the_form_that_current_engines_take() {
    let engine = Engine::start(Fault::None);
    let (_site, punt) = start(&engine, "");
    punt.send(0, 10);
    engine.wait_for(10);
    let stored = engine.stored();
    let template = stored.templates.values().next().expect("a template is installed");
    assert!(template["index_patterns"].is_array(), "{template}");
    assert!(
        template["template"]["mappings"]["properties"].is_object(),
        "{template}"
    );
}

#[test]
fn d25_a_retry_after_a_lost_answer_stores_nothing_twice() {
    let engine = Engine::start(Fault::StoreAndClose);
    let (_site, punt) = start(&engine, "");
    punt.send(0, 500);
    until("an answer is lost", || (engine.stored().faulty > 0).then_some(()));
    engine.set(Fault::None);
    punt.assert_balance();
    engine.wait_for(500);
    engine.assert_each_once(500);
    send(&punt, "<13>Nov 24 09:46:51 host app[7]: message 500\n");
    engine.wait_for(501);
}
