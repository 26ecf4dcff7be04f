//! Restarts and crashes under load: nothing acknowledged is lost, repeated or reordered.

#![allow(clippy::panic, reason = "a test that cannot go on says why")]

mod support;

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use support::{Stack, enabled, run_ok};

#[test]
fn rolling_restarts_under_load_lose_nothing_and_drop_no_connection() {
    if !enabled() {
        return;
    }
    let stack = Stack::up();
    let load = start_load(&stack, "60", "6", "100", "40s");
    for cluster in ["guilds", "sessions", "presence"] {
        run_ok(&mut stack.ops(&[
            "restart",
            cluster,
            "--yes",
            "--wait",
            "--reason",
            "test under load",
        ]));
    }
    let report = finish_load(load);
    assert_clean(&report);
    assert_eq!(report["dropped"], 0, "{report}");
    each_acknowledged_message_is_in_the_log_once(&stack, &report);

    let audit = stack.ops_json(&["audit"]).to_string();
    assert!(
        audit.contains("restart guilds") && audit.contains("test under load"),
        "{audit}"
    );
}

#[test]
fn kill_dash_nine_of_any_process_loses_nothing_that_was_acknowledged() {
    if !enabled() {
        return;
    }
    let stack = Stack::up();
    let load = start_load(&stack, "60", "6", "100", "60s");
    for node in [
        "guilds-1",
        "sessions-1",
        "data-0",
        "control-0",
        "punt-0",
        "logstore-0",
    ] {
        stack.kill_and_wait(node);
    }
    let report = finish_load(load);
    assert_clean(&report);
    each_acknowledged_message_is_in_the_log_once(&stack, &report);
    stack.wait_until_green();
}

fn start_load(stack: &Stack, users: &str, guilds: &str, rate: &str, duration: &str) -> Child {
    let arguments = [
        "load",
        "--users",
        users,
        "--guilds",
        guilds,
        "--rate",
        rate,
        "--duration",
        duration,
        "-o",
        "json",
    ];
    let mut command: Command = stack.ops(&arguments);
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("ops load starts")
}

fn finish_load(load: Child) -> Value {
    let output = load.wait_with_output().expect("ops load ends");
    let text = String::from_utf8_lossy(&output.stdout);
    let report: Value =
        serde_json::from_str(text.trim()).unwrap_or_else(|error| panic!("no report ({error}): {text}"));
    eprintln!("{report}");
    assert!(output.status.success(), "ops load says no: {report}");
    report
}

fn assert_clean(report: &Value) {
    for figure in ["lost", "duplicated", "reordered", "misrouted", "failed"] {
        assert_eq!(report[figure], 0, "{figure}: {report}");
    }
    assert!(report["acknowledged"].as_u64() > Some(1000), "{report}");
}

/// The message log agrees with what clients were told: one record for each acknowledged message.
fn each_acknowledged_message_is_in_the_log_once(stack: &Stack, report: &Value) {
    let acknowledged = report["acknowledged"].as_u64().expect("a number");
    stack.wait_for_count(
        "event.action:\"message-acknowledged\"",
        acknowledged,
        Duration::from_secs(30),
    );
    let body = r#"{"size":0,"query":{"term":{"event.action":"message-acknowledged"}},
        "aggs":{"ids":{"cardinality":{"field":"labels.message_id","precision_threshold":40000}}}}"#;
    let (status, answer) = stack.http(
        "POST",
        &format!("{}/_search", stack.store_url()),
        None,
        Some(body),
    );
    assert_eq!(status, 200, "{answer}");
    let distinct = answer["aggregations"]["ids"]["value"].as_f64().expect("a number");
    let error = (distinct - acknowledged as f64).abs() / acknowledged as f64;
    assert!(error < 0.03, "distinct ids: {distinct} of {acknowledged}");
}
