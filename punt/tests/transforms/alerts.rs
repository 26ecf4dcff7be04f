//! Alerts reach a webhook, and never get into the way of events.

use crate::hook::{Answer, Hook};
use crate::law::{component, count};
use crate::pipe::ship;
use crate::wait::until;

fn config(alert: &str, action: &str, url: &str) -> String {
    format!("[alerts.bad]\naction = \"tell\"\n{alert}\n[actions.tell]\nurl = \"{url}\"\n{action}")
}

#[test]
fn an_alert_says_what_happened_once_and_counts_the_rest() {
    let hook = Hook::start(Answer::Status(204));
    let alert = "when = 'message:failed'\ntitle = '{alert}: {message} ({count})'";
    let lines = ["all good", "it failed 1", "it failed 2", "it failed 3"];
    let shipped = ship(&lines, &config(alert, "type = \"webhook\"", &hook.url()), 4);
    let bodies = hook.wait_for(1);
    assert_eq!(bodies[0]["title"], "bad: it failed 1 (1)");
    assert_eq!(bodies[0]["event"]["message"], "it failed 1");
    let stats = shipped.punt.stats();
    let alert = component(&stats, "alert", "bad");
    assert_eq!((count(alert, "received"), count(alert, "fired")), (3, 1));
    shipped.punt.terminate();
    // What came during the silence is told when nothing more will come.
    let bodies = hook.bodies();
    assert_eq!(bodies.len(), 2);
    assert_eq!(
        (&bodies[1]["count"], &bodies[1]["rolled_up"]),
        (&2.into(), &true.into())
    );
}

#[test]
fn a_threshold_is_counted_by_key_and_discord_gets_an_embed() {
    let hook = Hook::start(Answer::Status(204));
    let alert =
        "when = 'message:failed'\nthreshold = 2\nwindow = \"1h\"\nkey = \"message\"\nroll_up = \"0s\"";
    let lines = ["a failed", "b failed", "a failed", "c failed"];
    let _shipped = ship(&lines, &config(alert, "type = \"discord\"", &hook.url()), 4);
    let bodies = hook.wait_for(1);
    assert_eq!(bodies[0]["embeds"][0]["title"], "bad: 2");
    assert_eq!(bodies[0]["embeds"][0]["description"], "a failed");
}

#[test]
fn what_comes_during_the_silence_is_told_at_its_end() {
    let hook = Hook::start(Answer::Status(204));
    let alert = "when = '*'\nroll_up = \"1s\"";
    let _shipped = ship(
        &["a", "b", "c"],
        &config(alert, "type = \"webhook\"", &hook.url()),
        3,
    );
    let bodies = hook.wait_for(2);
    assert_eq!(bodies[1]["count"], 2);
    assert_eq!(bodies[1]["rolled_up"], true);
}

#[test]
fn a_failed_try_is_repeated() {
    let hook = Hook::start(Answer::Once(503));
    let shipped = ship(
        &["a"],
        &config("when = '*'", "type = \"webhook\"", &hook.url()),
        1,
    );
    hook.wait_for(2);
    until("the alert is acknowledged", || {
        let stats = shipped.punt.stats();
        let action = component(&stats, "action", "tell");
        (count(action, "acknowledged") == 1 && count(action, "retried") == 1).then_some(())
    });
}

#[test]
fn a_webhook_that_refuses_hangs_or_is_not_there_costs_alerts_and_no_event() {
    let refusing = Hook::start(Answer::Status(404));
    let hanging = Hook::start(Answer::Hang);
    let nobody = "http://127.0.0.1:1/".to_owned();
    let lines: Vec<String> = (0..2000).map(|n| format!("line {n}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    for url in [refusing.url(), hanging.url(), nobody] {
        let action = "type = \"webhook\"\nsending = { timeout = \"1s\", retries = 0, queue = 4 }";
        let alert = "when = '*'\nroll_up = \"0s\"";
        let shipped = ship(&lines, &config(alert, action, &url), lines.len());
        let stats = until("an alert is dropped", || {
            let stats = shipped.punt.stats();
            let unsent = component(&stats, "action", "tell")["dropped"]["unsent"].as_u64();
            (unsent > Some(0)).then_some(stats)
        });
        let alert = component(&stats, "alert", "bad");
        assert_eq!(count(alert, "fired"), 2000);
        assert!(alert["dropped"]["queue_full"].as_u64() > Some(0), "{stats}");
        shipped.punt.wait_for_log("an alert could not be sent");
        // It stops all the same.
        shipped.punt.terminate();
    }
}
