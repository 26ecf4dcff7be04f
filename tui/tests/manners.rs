//! How the console behaves: what a key does, what it must never do.

mod stage;

use ops_api::{Health, OperationState};
use stage::{Stage, audit, ended_operation, fleet, records, request, running_operation};
use tui::key::Key;
use tui::keymap::KEYMAP;
use tui::state::logs::{Batch, Level};
use tui::state::{ARMED_MS, Cmd, Danger, Feed, Field, Freshness, Msg, Refusal, Screen, Theme};
use tui::view::Look;

use proptest::prelude::*;

fn stage() -> Stage {
    Stage::watched(80, 24, 2)
}

fn armed() -> Stage {
    let mut stage = stage();
    stage.arm();
    stage
}

/// All keys that mean something somewhere, and some that mean nothing.
fn all_keys() -> Vec<Key> {
    let mut keys: Vec<Key> = KEYMAP.iter().map(|row| row.key).collect();
    keys.extend((' '..='~').map(Key::Char));
    keys.extend([
        Key::Backspace,
        Key::Delete,
        Key::Left,
        Key::Right,
        Key::Ctrl('w'),
        Key::Ctrl('a'),
    ]);
    keys.retain(|key| *key != Key::Ctrl('c'));
    keys
}

/// A name, and what leads there.
type Scene = (&'static str, fn(&mut Stage));

/// Every screen there is, with something on it.
fn every_screen() -> Vec<Scene> {
    vec![
        ("fleet", |_| {}),
        ("cluster", |stage| drop(stage.command("cluster guilds"))),
        ("logs", |stage| {
            stage.keys("2");
            stage.logs();
        }),
        ("logs as plain text", |stage| {
            stage.keys("2");
            stage.logs();
            stage.key(Key::Ctrl('o'));
        }),
        ("node", |stage| drop(stage.command("node guilds-2"))),
        ("incidents", |stage| drop(stage.keys("3"))),
        ("pulses", |stage| drop(stage.keys("6"))),
        ("xray", |stage| drop(stage.keys("7G"))),
        ("objectives", |stage| drop(stage.keys("8"))),
        ("sort menu", |stage| drop(stage.keys("1s"))),
        ("theme menu", |stage| drop(stage.command("theme"))),
        ("filter", |stage| drop(stage.keys("1/gui"))),
        ("marks", |stage| drop(stage.keys("1 jv"))),
        ("frozen", |stage| drop(stage.keys("1p"))),
        ("chips", |stage| {
            stage.keys("2");
            stage.key(Key::Tab);
        }),
        ("operations", |stage| drop(stage.keys("4"))),
        ("operation", |stage| {
            stage.send(Msg::Operation(Box::new(running_operation())));
            stage.command("op op_01jnq7f2");
        }),
        ("audit", |stage| {
            stage.keys("9");
            stage.send(Msg::Audit(audit()));
        }),
        ("help", |stage| drop(stage.keys("?"))),
        ("command line", |stage| drop(stage.keys(":restart guilds"))),
        ("palette", |stage| {
            stage.key(Key::Ctrl('p'));
            stage.keys("restart guilds");
        }),
    ]
}

/// Sheets that were opened while writing was allowed.
fn every_sheet() -> Vec<Scene> {
    vec![
        ("node", |stage| drop(stage.command("restart sessions-1"))),
        ("cluster", |stage| drop(stage.command("restart sessions"))),
        ("red cluster", |stage| {
            stage.command("restart guilds");
            stage.settle();
            stage.key(Key::Tab);
            stage.keys("why");
            stage.key(Key::Tab);
            stage.keys("guilds");
            stage.key(Key::Tab);
        }),
        ("cold", |stage| drop(stage.command("restart presence cold"))),
        ("everything", |stage| {
            stage.command("reboot-all");
            stage.settle();
            stage.key(Key::Tab);
            stage.key(Key::Tab);
            stage.keys("local");
            stage.key(Key::Tab);
        }),
        ("abort", |stage| {
            stage.send(Msg::Operation(Box::new(running_operation())));
            stage.command("op op_01jnq7f2");
            stage.keys("A");
        }),
        ("pause", |stage| {
            stage.send(Msg::Operation(Box::new(running_operation())));
            stage.command("op op_01jnq7f2");
            stage.keys("P");
        }),
    ]
}

#[test]
fn read_only_no_key_on_any_screen_changes_anything() {
    for (name, play) in every_screen() {
        let mut stage = stage();
        play(&mut stage);
        for first in all_keys() {
            // W, a reason and Enter arm: that is what they are for.
            if first == Key::Char('W') && !matches!(name, "command line" | "palette" | "filter") {
                continue;
            }
            stage.key(first);
            stage.settle();
            for second in [Key::Char('y'), Key::Enter] {
                stage.key(second);
            }
            assert!(stage.state.armed_ms().is_none(), "{name}: {first} armed");
            assert!(stage.state.sheet.is_none(), "{name}: {first} opened a sheet");
            play(&mut stage);
        }
        assert!(!stage.asked.iter().any(Cmd::mutates), "{name}: {:?}", stage.asked);
    }
}

#[test]
fn an_open_sheet_changes_nothing_once_writing_has_ended() {
    for (name, play) in every_sheet() {
        for key in all_keys() {
            let mut stage = armed();
            play(&mut stage);
            assert!(stage.state.sheet.is_some(), "{name}");
            stage.wait(ARMED_MS);
            stage.send(Msg::Fleet(Box::new(fleet(stage.ms, 0.0))));
            stage.key(key);
            assert!(!stage.asked.iter().any(Cmd::mutates), "{name}: {key}");
        }
    }
}

#[test]
fn an_open_sheet_changes_nothing_on_a_stale_picture() {
    for (name, play) in every_sheet() {
        let mut stage = armed();
        play(&mut stage);
        stage.wait(3_000);
        stage.send(Msg::Tick);
        assert!(matches!(stage.state.freshness(), Freshness::Stale(_)));
        for key in [Key::Char('y'), Key::Enter] {
            stage.key(key);
        }
        assert!(!stage.asked.iter().any(Cmd::mutates), "{name}");
        let notice = stage
            .state
            .notice
            .as_ref()
            .map(|notice| notice.text.as_str())
            .unwrap_or_default();
        assert!(
            notice.contains("3s old") || stage.state.sheet.is_none(),
            "{name}: {notice}"
        );
    }
}

#[test]
fn a_sheet_is_deaf_for_a_moment_after_it_opens() {
    let mut stage = armed();
    stage.command("restart sessions");
    stage.wait(299);
    assert!(stage.keys("yyy").is_empty());
    stage.wait(1);
    assert!(stage.keys("y").iter().any(Cmd::mutates));
}

#[test]
fn running_asks_once_and_leads_to_the_operation() {
    let mut stage = armed();
    let plan = stage.command("restart sessions");
    assert!(matches!(&plan[..], [Cmd::Plan(1, request)] if request.dry_run));
    stage.settle();
    let cmds = stage.keys("yyyy");
    let [Cmd::Start(1, sent, key)] = &cmds[..] else {
        panic!("{cmds:?}")
    };
    assert_eq!(
        (sent.cluster.as_str(), sent.dry_run, sent.by.as_str()),
        ("sessions", false, "ada (console)")
    );
    assert_eq!(key, "console-5e551011-1");
    stage.send(Msg::Started(1, Ok(Box::new(running_operation()))));
    assert_eq!(
        *stage.state.screens.current(),
        Screen::Operation("op_01jnq7f2".to_owned())
    );
    assert!(stage.state.sheet.is_none());
}

#[test]
fn a_refusal_stays_on_the_sheet_and_a_second_try_has_the_same_key() {
    let mut stage = armed();
    stage.command("restart sessions");
    stage.settle();
    let first = stage.keys("y");
    let refusal = Refusal {
        title: "op_1 holds the chain".to_owned(),
        hint: "wait for it".to_owned(),
        operation: Some("op_1".to_owned()),
    };
    stage.send(Msg::Started(1, Err(refusal.clone())));
    assert_eq!(stage.state.sheet.as_ref().unwrap().refusal, Some(refusal));
    assert_eq!(stage.keys("y"), first);
}

#[test]
fn what_users_notice_needs_the_name_and_a_reason() {
    let mut stage = armed();
    stage.command("restart guilds");
    stage.settle();
    let sheet = stage.state.sheet.as_ref().unwrap();
    assert_eq!((sheet.danger, sheet.focus), (Danger::L3, Field::Cancel));
    assert!(stage.keys("y").is_empty());
    stage.key(Key::Tab);
    assert_eq!(stage.state.sheet.as_ref().unwrap().reason.value(), "memory grows");
    stage.key(Key::Ctrl('u'));
    stage.key(Key::Tab);
    stage.keys("guilds");
    stage.key(Key::Tab);
    assert!(stage.key(Key::Enter).is_empty(), "no reason was given");
    stage.key(Key::BackTab);
    stage.key(Key::BackTab);
    stage.keys("lost its host");
    stage.key(Key::Tab);
    stage.key(Key::Tab);
    let cmds = stage.key(Key::Enter);
    assert!(
        matches!(&cmds[..], [Cmd::Start(_, request, _)] if request.reason == "lost its host"),
        "{cmds:?}"
    );
}

#[test]
fn danger_rises_with_the_fleet_and_never_falls() {
    let mut stage = armed();
    stage.command("restart sessions");
    assert_eq!(stage.state.sheet.as_ref().unwrap().danger, Danger::L2);
    let mut worse = fleet(stage.ms, 0.0);
    worse.clusters[3].health = Health::Yellow;
    stage.send(Msg::Fleet(Box::new(worse)));
    assert_eq!(stage.state.sheet.as_ref().unwrap().danger, Danger::L3);
    stage.send(Msg::Fleet(Box::new(fleet(stage.ms, 0.0))));
    assert_eq!(stage.state.sheet.as_ref().unwrap().danger, Danger::L3);
}

#[test]
fn the_only_node_of_a_cluster_needs_the_name() {
    let mut stage = armed();
    stage.command("restart data-0");
    assert_eq!(stage.state.sheet.as_ref().unwrap().danger, Danger::L3);
}

#[test]
fn platform_processes_are_not_restarted_from_here() {
    let mut stage = armed();
    assert!(stage.command("restart punt").is_empty());
    assert!(stage.state.sheet.is_none());
    assert!(stage.state.notice.as_ref().unwrap().text.contains("platform"));
}

#[test]
fn arming_ends_by_itself_and_by_its_key() {
    let mut stage = armed();
    stage.keys("W");
    assert!(stage.state.may_write().is_err());
    stage.keys("W");
    stage.key(Key::Enter);
    assert!(stage.state.may_write().is_err(), "no reason was given");
    stage.arm();
    assert!(stage.state.may_write().is_ok());
    stage.wait(ARMED_MS);
    stage.send(Msg::Fleet(Box::new(fleet(stage.ms, 0.0))));
    assert!(stage.state.may_write().unwrap_err().contains("read-only"));
}

#[test]
fn a_heartbeat_alone_keeps_the_picture_live_and_silence_makes_it_stale() {
    let mut stage = stage();
    stage.wait(2_999);
    stage.send(Msg::Heartbeat);
    stage.wait(2_999);
    stage.send(Msg::Tick);
    assert_eq!(stage.state.freshness(), Freshness::Live);
    stage.wait(1);
    stage.send(Msg::Tick);
    assert_eq!(stage.state.freshness(), Freshness::Stale(3_000));
}

#[test]
fn signs_of_life_do_not_keep_an_old_picture_live_for_ever() {
    let mut stage = stage();
    for _ in 0..9 {
        stage.wait(1_000);
        stage.send(Msg::Heartbeat);
    }
    assert_eq!(stage.state.freshness(), Freshness::Live);
    stage.wait(1_000);
    stage.send(Msg::Heartbeat);
    assert_eq!(stage.state.freshness(), Freshness::Stale(10_000));
}

#[test]
fn what_happened_while_the_stream_was_away_is_fetched() {
    let mut stage = stage();
    stage.send(Msg::Unreachable {
        reason: "gone".to_owned(),
        retry_ms: 500,
    });
    assert_eq!(
        stage.send(Msg::Fleet(Box::new(fleet(stage.ms, 0.0)))),
        [Cmd::FetchOperations]
    );
    assert!(stage.send(Msg::Fleet(Box::new(fleet(stage.ms, 0.0)))).is_empty());
}

#[test]
fn an_operation_that_ended_does_not_come_back_to_life() {
    let mut stage = stage();
    let mut done = running_operation();
    done.state = OperationState::Completed;
    stage.send(Msg::Operation(Box::new(done)));
    stage.send(Msg::Operations(vec![running_operation(), ended_operation()]));
    let known = stage.state.operations.get("op_01jnq7f2").unwrap();
    assert_eq!(known.state, OperationState::Completed);
    assert!(stage.state.running().is_none());
}

#[test]
fn a_plan_is_not_an_operation() {
    let mut stage = stage();
    let mut plan = running_operation();
    plan.request = request("guilds", true);
    plan.state = OperationState::Planned;
    stage.send(Msg::Operation(Box::new(plan)));
    assert!(stage.state.running().is_none());
}

#[test]
fn an_operation_that_is_not_known_is_asked_for() {
    let mut stage = stage();
    assert_eq!(stage.command("op op_elsewhere"), [Cmd::FetchOperations]);
}

#[test]
fn quitting_takes_one_key_at_the_root_and_control_c_anywhere() {
    let mut stage = armed();
    stage.command("cluster guilds");
    assert!(stage.keys("q").is_empty());
    assert_eq!(stage.keys("q"), [Cmd::Quit]);
    stage.command("restart guilds");
    assert_eq!(stage.key(Key::Ctrl('c')), [Cmd::Quit]);
    stage.keys(":rest");
    assert_eq!(stage.key(Key::Ctrl('c')), [Cmd::Quit]);
}

#[test]
fn logs_opened_from_a_node_are_that_nodes() {
    let mut stage = stage();
    stage.command("node guilds-2");
    let cmds = stage.keys("l");
    let [Cmd::Follow(Feed::Logs, _, query), Cmd::Count(..)] = &cmds[..] else {
        panic!("{cmds:?}")
    };
    assert_eq!(query.node.as_deref(), Some("guilds-2"));
    assert!(query.clusters.contains("guilds"));
    assert_eq!(stage.key(Key::Esc), [Cmd::Unfollow(Feed::Logs)]);
}

#[test]
fn a_new_query_forgets_what_was_loaded_and_drops_late_answers() {
    let mut stage = stage();
    stage.keys("2");
    stage.logs();
    let before = stage.state.logs.generation;
    let cmds = stage.keys("L");
    assert!(matches!(&cmds[..], [Cmd::Follow(_, _, query), Cmd::Count(..)] if query.level == Level::Warn));
    assert!(stage.state.logs.ring.is_empty());
    stage.send(Msg::Logs(
        Feed::Logs,
        before,
        Batch {
            records: records(),
            skipped: 0,
        },
    ));
    assert!(stage.state.logs.ring.is_empty());
}

#[test]
fn the_cursor_stays_on_its_record_while_others_arrive() {
    let mut stage = stage();
    stage.keys("2");
    stage.logs();
    stage.keys("E");
    let held = stage.state.logs.current().unwrap().clone();
    assert_eq!(held.level, Level::Error);
    let generation = stage.state.logs.generation;
    let mut more = records();
    for (number, record) in more.iter_mut().enumerate() {
        record.id = format!("more-{number}");
    }
    stage.send(Msg::Logs(
        Feed::Logs,
        generation,
        Batch {
            records: more,
            skipped: 0,
        },
    ));
    assert_eq!(stage.state.logs.current(), Some(&held));
    stage.keys("o");
    assert_eq!(stage.state.logs.current().unwrap().trace, held.trace);
    stage.keys("f");
    assert!(stage.state.logs.follow);
}

#[test]
fn hiding_leaves_only_matches_and_the_cursor_on_one() {
    let mut stage = stage();
    stage.keys("2");
    stage.logs();
    stage.keys("/LEASE");
    stage.key(Key::Enter);
    assert_eq!(stage.state.logs.hits(), 0, "capitals mean themselves");
    stage.keys("/");
    stage.key(Key::Ctrl('u'));
    stage.keys("lease");
    stage.key(Key::Enter);
    stage.keys("c");
    assert!(stage.state.logs.ring.len() > 40);
    let shown = |stage: &Stage| {
        let logs = &stage.state.logs;
        (0..logs.ring.len()).filter(|index| logs.shown(*index)).count()
    };
    let around = shown(&stage);
    assert!((4..20).contains(&around), "{around}");
    stage.keys("c");
    assert_eq!(stage.state.logs.hits(), 3);
    assert!(stage.state.logs.current().unwrap().message.contains("lease"));
    assert_eq!(shown(&stage), 3);
}

#[test]
fn commands_complete_and_bad_ones_say_what_is_wrong() {
    let mut stage = stage();
    stage.keys(":restart pr");
    stage.key(Key::Tab);
    assert_eq!(
        stage.state.line.as_ref().unwrap().input.value(),
        "restart presence"
    );
    stage.key(Key::Esc);
    stage.command("since 3w");
    assert!(stage.state.notice.as_ref().unwrap().text.contains("15m"));
    stage.command("dance");
    assert!(stage.state.notice.as_ref().unwrap().text.contains("dance"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_keys_and_no_size_make_the_console_panic(
        size in (0u16..140, 0u16..50),
        steps in prop::collection::vec((0usize..200, 0u64..400), 0..60),
    ) {
        let keys = all_keys();
        let mut stage = Stage::empty(size.0, size.1);
        stage.send(Msg::Fleet(Box::new(fleet(0, 0.5))));
        stage.send(Msg::Operation(Box::new(running_operation())));
        for (index, (key, pause)) in steps.into_iter().enumerate() {
            stage.wait(pause);
            for cmd in stage.key(keys[key % keys.len()]) {
                match cmd {
                    Cmd::Follow(Feed::Logs, ..) => stage.logs(),
                    Cmd::Plan(id, _) => drop(stage.send(Msg::Planned(id, Ok(Box::new(running_operation()))))),
                    Cmd::FetchAudit => drop(stage.send(Msg::Audit(audit()))),
                    _ => {}
                }
            }
            if index % 5 == 0 {
                stage.send(Msg::Fleet(Box::new(fleet(stage.ms, 0.2))));
            }
            let look = Look { ascii: index % 2 == 0, theme: Theme::ALL[index % Theme::ALL.len()] };
            stage.buffer(look);
        }
    }
}
