//! A load against a small stack that keeps the protocol, or breaks it on command: the verdict says which.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the small stack is part of the tests: where it fails, the test does"
)]

mod stack;

use std::time::Duration;

use ops_api::ControlClient;
use ops_load::{Options, Report};
use stack::{Fault, Stack};
use tokio_util::sync::CancellationToken;

const USERS: usize = 6;
const GUILDS: usize = 2;

fn options(stack: &Stack) -> Options {
    let base = format!("http://{}", stack.address);
    Options {
        control: ControlClient::new(&base, "operator"),
        edge: base,
        users: USERS,
        guilds: GUILDS,
        rate: 60.0,
        duration: Duration::from_secs(1),
        ramp: 1_000.0,
        settle: Duration::from_secs(20),
        by: "a test".to_owned(),
        progress: false,
    }
}

async fn judge(faults: &[Fault]) -> Report {
    let stack = Stack::start(faults).await;
    ops_load::run(options(&stack), CancellationToken::new())
        .await
        .unwrap()
}

/// The same, when the fault loses something: there is no use in a long wait for it.
async fn judge_briefly(faults: &[Fault]) -> Report {
    let stack = Stack::start(faults).await;
    let options = Options {
        settle: Duration::from_secs(5),
        ..options(&stack)
    };
    ops_load::run(options, CancellationToken::new()).await.unwrap()
}

#[track_caller]
fn assert_kept(report: &Report) {
    assert!(report.ok(), "{report:#?}");
    assert!(report.acknowledged > 0);
    assert_eq!(report.expected, report.acknowledged * (USERS / GUILDS) as u64);
    assert_eq!(report.delivered, report.expected);
    assert_eq!((report.failed, report.withheld), (0, 0));
    assert_eq!(report.findings, [""; 0]);
}

#[tokio::test]
async fn a_stack_that_keeps_its_word_passes() {
    let report = judge(&[]).await;
    assert_kept(&report);
    assert_eq!(report.acknowledged, report.sent);
    assert_eq!(
        (
            report.dropped,
            report.resumes,
            report.identifies,
            report.unconnected
        ),
        (0, 0, 0, 0)
    );
    assert!(report.delivery.max_ms >= report.delivery.p50_ms && report.delivery.p50_ms > 0.0);
}

#[tokio::test]
async fn a_dropped_dispatch_is_a_loss() {
    let report = judge_briefly(&[Fault::Drop(40)]).await;
    assert!(!report.ok());
    assert_eq!((report.lost, report.duplicated, report.reordered), (1, 0, 0));
    assert!(
        report.findings[0].starts_with("lost: message "),
        "{:?}",
        report.findings
    );
}

#[tokio::test]
async fn a_repeated_dispatch_is_a_duplicate() {
    let report = judge(&[Fault::Repeat(40)]).await;
    assert!(!report.ok());
    assert_eq!((report.lost, report.duplicated, report.reordered), (0, 1, 0));
}

#[tokio::test]
async fn swapped_dispatches_are_out_of_order() {
    let report = judge(&[Fault::Swap(40)]).await;
    assert!(!report.ok());
    assert_eq!((report.lost, report.duplicated, report.reordered), (0, 0, 1));
}

#[tokio::test]
async fn a_message_to_users_outside_its_guild_is_misrouted() {
    let report = judge(&[Fault::Misroute(10)]).await;
    assert!(!report.ok());
    assert_eq!(report.misrouted, (USERS - USERS / GUILDS) as u64);
    assert_eq!((report.lost, report.duplicated, report.reordered), (0, 0, 0));
}

#[tokio::test]
async fn broken_connections_are_resumed_and_nothing_is_missing() {
    let report = judge(&[Fault::Break(10), Fault::Break(40)]).await;
    assert_kept(&report);
    assert_eq!(report.identifies, 0);
    assert!(report.dropped > USERS as u64, "{report:#?}");
    assert!(report.resumes > USERS as u64, "{report:#?}");
}

#[tokio::test]
async fn an_order_to_reconnect_is_obeyed_and_is_no_drop() {
    let report = judge(&[Fault::Reconnect(20)]).await;
    assert_kept(&report);
    assert_eq!((report.reconnects, report.dropped), (USERS as u64, 0));
    assert_eq!((report.resumes, report.identifies), (USERS as u64, 0));
}

#[tokio::test]
async fn forgotten_sessions_identify_anew_and_read_what_they_missed() {
    let report = judge(&[Fault::Forget(5)]).await;
    assert_kept(&report);
    assert_eq!(
        (report.dropped, report.identifies, report.resumes),
        (USERS as u64, USERS as u64, 0)
    );
    assert!(report.recovered > 0);
}

#[tokio::test]
async fn refused_and_unanswered_sends_are_repeated_and_arrive_once() {
    let faults = [
        Fault::Refuse(3, 503),
        Fault::Refuse(9, 429),
        Fault::LoseAnswer(20),
        Fault::LoseAnswer(30),
    ];
    let report = judge(&faults).await;
    assert_kept(&report);
    assert_eq!(report.retried, 4);
    let causes: Vec<_> = report
        .causes
        .iter()
        .map(|(cause, times)| (cause.as_str(), *times))
        .collect();
    assert_eq!(causes, [("429", 1), ("500", 2), ("503", 1)]);
}

#[tokio::test]
async fn one_trouble_upon_another_still_costs_nothing() {
    let report = judge(&[
        Fault::Break(5),
        Fault::LoseAnswer(8),
        Fault::Reconnect(12),
        Fault::Break(13),
        Fault::Forget(20),
        Fault::Refuse(25, 503),
        Fault::Break(26),
    ])
    .await;
    assert_kept(&report);
    assert!(report.dropped > 0 && report.identifies > 0, "{report:#?}");
}

#[tokio::test]
async fn a_send_that_became_two_messages_is_a_duplicate() {
    let report = judge(&[Fault::LoseAnswerAndNonce(10)]).await;
    assert!(!report.ok());
    assert_eq!(report.lost, 0);
    assert!(report.duplicated >= (USERS / GUILDS) as u64, "{report:#?}");
}

#[tokio::test]
async fn a_stop_ends_the_sending_and_still_gives_a_verdict() {
    let report = judge_until(&[], |stack| stack.published >= 20).await;
    assert_kept(&report);
    assert!(report.seconds < 3_600.0);
}

/// Runs until the stack has counted something.
async fn judge_until(faults: &[Fault], seen: impl Fn(&stack::State) -> bool) -> Report {
    let stack = Stack::start(faults).await;
    let stop = CancellationToken::new();
    let options = Options {
        duration: Duration::from_secs(3_600),
        ..options(&stack)
    };
    let stopping = async {
        while !seen(&stack.state()) {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    };
    let (report, ()) = tokio::join!(ops_load::run(options, stop.clone()), stopping);
    report.unwrap()
}

#[tokio::test]
async fn heartbeats_are_sent_as_often_as_hello_says() {
    let report = judge_until(&[Fault::Hasty], |stack| {
        stack.heartbeats > 5 * USERS && stack.published > 0
    })
    .await;
    assert_kept(&report);
}

#[tokio::test]
async fn a_gateway_that_answers_no_heartbeat_is_left_and_the_session_resumed() {
    let faults = [Fault::Hasty, Fault::Deaf];
    let report = judge_until(&faults, |stack| {
        stack.heartbeats > 5 * USERS && stack.published > 0
    })
    .await;
    assert_kept(&report);
    assert!(report.dropped > 0 && report.resumes > 0, "{report:#?}");
}

#[tokio::test]
async fn users_who_may_not_connect_are_an_error_that_says_why() {
    let stack = Stack::start(&[Fault::Unwelcome]).await;
    let error = ops_load::run(options(&stack), CancellationToken::new())
        .await
        .unwrap_err();
    assert!(format!("{error:#}").contains("refuses the token"), "{error:#}");
}

#[tokio::test]
async fn options_that_cannot_be_run_are_refused_with_the_reason() {
    let stack = Stack::start(&[]).await;
    let good = options(&stack);
    let bad = [
        (
            Options {
                guilds: 0,
                ..good.clone()
            },
            "at least one guild",
        ),
        (
            Options {
                users: 1,
                ..good.clone()
            },
            "2 guilds need at least as many users",
        ),
        (
            Options {
                rate: 0.0,
                ..good.clone()
            },
            "rate must be above 0",
        ),
        (
            Options {
                ramp: f64::NAN,
                ..good.clone()
            },
            "ramp must be above 0",
        ),
        (
            Options {
                edge: "127.0.0.1:1".to_owned(),
                ..good
            },
            "http://127.0.0.1:8080",
        ),
    ];
    for (options, reason) in bad {
        let error = ops_load::run(options, CancellationToken::new())
            .await
            .unwrap_err();
        assert!(format!("{error:#}").contains(reason), "{error:#}");
    }
}
