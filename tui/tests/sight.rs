//! How things are looked at: filters, order, marks, history, standing still; and that no keys make it fall over.

mod stage;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use stage::{Stage, audit, fleet, records, running_operation};
use tui::key::Key;
use tui::keymap::KEYMAP;
use tui::state::logs::Batch;
use tui::state::{Clock, Cmd, Feed, Msg, Screen, Theme, Wheel};
use tui::view::{Hit, Look, text, view};

const LOOK: Look = Look {
    ascii: false,
    theme: Theme::Mono,
};

fn stage() -> Stage {
    Stage::watched(100, 30, 2)
}

fn names(stage: &Stage) -> Vec<String> {
    stage
        .state
        .clusters()
        .iter()
        .map(|cluster| cluster.name.clone())
        .collect()
}

#[test]
fn a_filter_holds_until_an_empty_one_takes_its_place() {
    let mut stage = stage();
    stage.keys("/!health=*green");
    stage.key(Key::Enter);
    assert_eq!(names(&stage), ["guilds", "presence"]);
    stage.keys("/");
    stage.key(Key::Ctrl('u'));
    stage.keys("queue>1000");
    stage.key(Key::Enter);
    assert_eq!(names(&stage), ["guilds"]);
    stage.keys("/");
    stage.key(Key::Ctrl('u'));
    stage.key(Key::Enter);
    assert_eq!(names(&stage).len(), 10);
}

#[test]
fn the_sort_menu_sorts_and_sorts_back() {
    let mut stage = stage();
    stage.keys("sj");
    stage.key(Key::Enter);
    assert_eq!(names(&stage)[..2], ["guilds", "presence"]);
    stage.keys("S");
    assert_eq!(names(&stage)[8..], ["presence", "guilds"]);
    stage.command("sort none");
    assert_eq!(names(&stage)[0], "data");
    stage.command("sort size");
    assert!(stage.state.notice.as_ref().unwrap().text.contains("p99ms"));
}

#[test]
fn logs_of_marked_clusters_are_those_of_all_of_them() {
    let mut stage = stage();
    stage.keys("g j v");
    let cmds = stage.keys("l");
    let [Cmd::Follow(Feed::Logs, _, query), ..] = &cmds[..] else {
        panic!("{cmds:?}")
    };
    let clusters: Vec<&str> = query.clusters.iter().map(String::as_str).collect();
    assert_eq!(clusters, ["data", "presence", "sessions"]);
}

#[test]
fn screens_are_gone_back_to_and_forth() {
    let mut stage = stage();
    stage.keys("763");
    let screen = |stage: &Stage| stage.state.screens.current().clone();
    stage.keys("[");
    assert_eq!(screen(&stage), Screen::Pulses);
    stage.keys("[");
    assert_eq!(screen(&stage), Screen::Xray);
    stage.keys("]");
    assert_eq!(screen(&stage), Screen::Pulses);
    stage.keys("-");
    assert_eq!(screen(&stage), Screen::Xray);
    stage.keys("-");
    assert_eq!(screen(&stage), Screen::Pulses);
    stage.keys("1]");
    assert_eq!(screen(&stage), Screen::Fleet);
}

#[test]
fn a_frozen_screen_stands_still_and_catches_up() {
    let mut stage = stage();
    stage.arm();
    stage.keys("p");
    let before = text(&stage.state, LOOK);
    let mut later = fleet(stage.ms, 0.9);
    later.clusters[0].queue = 777;
    stage.send(Msg::Fleet(Box::new(later)));
    stage.send(Msg::Operation(Box::new(running_operation())));
    assert_eq!(text(&stage.state, LOOK), before);
    assert!(before.contains("FROZEN"));
    stage.command("restart sessions");
    assert!(stage.state.sheet.is_none());
    stage.keys("p");
    let after = text(&stage.state, LOOK);
    assert!(
        after.contains("777") && after.contains("op") && !after.contains("FROZEN"),
        "{after}"
    );
}

#[test]
fn a_screen_that_was_frozen_for_too_long_asks_again() {
    let mut stage = stage();
    stage.keys("2p");
    let generation = stage.state.logs.generation;
    for _ in 0..300 {
        let batch = Batch {
            records: records(),
            skipped: 0,
        };
        stage.send(Msg::Logs(Feed::Logs, generation, batch));
    }
    let cmds = stage.keys("p");
    assert!(cmds.contains(&Cmd::FetchOperations));
    assert!(
        cmds.iter().any(|cmd| matches!(cmd, Cmd::Follow(Feed::Logs, ..))),
        "{cmds:?}"
    );
}

#[test]
fn columns_of_the_histogram_become_narrower_and_wider() {
    let mut stage = stage();
    stage.keys("2");
    let width = |cmds: &[Cmd]| match cmds {
        [Cmd::Count(_, _, width)] => *width,
        _ => 0,
    };
    assert_eq!(width(&stage.keys("+")), 10_000);
    assert_eq!(width(&stage.keys("-")), 15_000);
    assert_eq!(width(&stage.keys("-")), 30_000);
}

#[test]
fn bookmarks_are_come_back_to() {
    let mut stage = stage();
    stage.keys("2");
    stage.logs();
    stage.keys("gb");
    let first = stage.state.logs.current().unwrap().id.clone();
    stage.keys("GkkbG");
    stage.keys("B");
    assert_eq!(stage.state.logs.current().unwrap().id, first);
    stage.keys("B");
    assert_ne!(stage.state.logs.current().unwrap().id, first);
}

#[test]
fn what_is_saved_is_what_is_shown() {
    let mut stage = stage();
    stage.keys("2");
    stage.logs();
    stage.keys("/trace=4bf92f*");
    stage.key(Key::Enter);
    stage.keys("cc");
    let cmds = stage.command("save here.ndjson");
    let [Cmd::Save(path, lines)] = &cmds[..] else {
        panic!("{cmds:?}")
    };
    assert_eq!((path.as_str(), lines.lines().count()), ("here.ndjson", 4));
    for line in lines.lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(record["trace.id"], "4bf92f3577b34da6");
    }
}

#[test]
fn a_query_in_the_stores_language_is_asked_of_the_store() {
    let mut stage = stage();
    let cmds = stage.command("query labels.guild_id:1712 AND lease");
    assert!(
        matches!(&cmds[..], [Cmd::Follow(_, _, query), ..] if query.text == "labels.guild_id:1712 AND lease"),
        "{cmds:?}"
    );
}

#[test]
fn times_are_universal_local_or_ages() {
    let mut stage = stage();
    stage.keys("2");
    stage.logs();
    assert!(text(&stage.state, LOOK).contains("12:04:18.114"));
    stage.keys("T");
    assert!(text(&stage.state, LOOK).contains("13:04:18.114"));
    stage.keys("T");
    assert_eq!(stage.state.clock, Clock::Relative);
    assert!(text(&stage.state, LOOK).contains("-41s"));
}

#[test]
fn rows_and_keys_of_the_footer_can_be_clicked_but_not_what_confirms() {
    let mut stage = stage();
    stage.arm();
    let hits = |stage: &Stage| {
        let mut hits = Vec::new();
        let backend = ratatui::backend::TestBackend::new(100, 30);
        let mut terminal = ratatui::Terminal::new(backend).unwrap();
        terminal
            .draw(|frame| {
                let seen = view(&stage.state, LOOK, frame);
                for row in 0..30 {
                    hits.extend((0..100).filter_map(|column| seen.at(column, row)));
                }
            })
            .unwrap();
        hits
    };
    let seen = hits(&stage);
    assert!(seen.contains(&Hit::Row(9)) && !seen.contains(&Hit::Row(10)));
    stage.state.notice = None;
    assert!(hits(&stage).contains(&Hit::Key(Key::Char('R'))));
    stage.command("restart sessions");
    stage.state.notice = None;
    let seen = hits(&stage);
    assert!(
        !seen
            .iter()
            .any(|hit| matches!(hit, Hit::Row(_) | Hit::Key(Key::Char('y')))),
        "{seen:?}"
    );
}

#[test]
fn the_next_run_looks_at_things_as_this_one_did_and_is_read_only() {
    let mut stage = stage();
    stage.arm();
    stage.command("theme light");
    stage.keys("TmSs");
    stage.key(Key::Esc);
    stage.command("sort queue");
    stage.keys("S6");
    stage.command("since 6h");
    let saved = stage.state.save();
    let text = serde_json::to_string(&saved).unwrap();
    assert!(!text.contains("memory grows"), "{text}");

    let mut next = Stage::empty(100, 30);
    next.state.restore(&serde_json::from_str(&text).unwrap());
    assert_eq!(next.state.save(), saved);
    assert_eq!(*next.state.screens.current(), Screen::Pulses);
    assert!(next.state.armed_ms().is_none());
}

#[test]
fn a_hundred_thousand_random_events_make_nothing_fall_over() {
    const SEED: u64 = 20_260_301;
    let mut random = SmallRng::seed_from_u64(SEED);
    let mut keys: Vec<Key> = KEYMAP.iter().map(|row| row.key).collect();
    keys.extend((' '..='~').map(Key::Char));
    keys.extend([Key::Backspace, Key::Delete, Key::Char('\u{301}'), Key::Char('漢')]);
    let commands = [
        "node guilds-2",
        "logs guilds",
        "restart guilds",
        "restart gateway cold",
        "reboot-all",
        "theme light",
        "sort health",
        "op op_01jnq7f2",
        "find lease",
        "since 24h",
        "write 5m \"why\"",
        "filter ~gl2",
    ];
    let mut stage = Stage::empty(80, 24);
    for number in 0..100_000_u32 {
        stage.wait(random.random_range(0..400));
        let cmds = match random.random_range(0..100) {
            0..80 => stage.key(keys[random.random_range(0..keys.len())]),
            80..84 => {
                let size = (random.random_range(0..160), random.random_range(0..60));
                stage.send(Msg::Resize(size.0, size.1))
            }
            84..88 => stage.send(Msg::Tick),
            88..90 => stage.send(Msg::Wheel(if number % 2 == 0 { Wheel::Up } else { Wheel::Down })),
            90..92 => stage.send(Msg::Pick(random.random_range(0..60))),
            92 => stage.send(Msg::Paste("y\n漢字".to_owned())),
            93 => {
                let cluster = random.random_range(0..10);
                let mut fleet = fleet(stage.ms, 0.5);
                if number % 3 == 0 {
                    fleet.clusters.remove(cluster);
                }
                stage.send(Msg::Fleet(Box::new(fleet)))
            }
            94..97 => {
                let command = commands[random.random_range(0..commands.len())];
                stage.command(command)
            }
            97 => stage.send(Msg::Operation(Box::new(running_operation()))),
            _ => stage.send(Msg::Fleet(Box::new(fleet(stage.ms, 0.2)))),
        };
        for cmd in cmds {
            match cmd {
                Cmd::Follow(Feed::Logs, ..) => stage.logs(),
                Cmd::Plan(id, _) => drop(stage.send(Msg::Planned(id, Ok(Box::new(running_operation()))))),
                Cmd::FetchAudit => drop(stage.send(Msg::Audit(audit()))),
                _ => {}
            }
        }
        stage.asked.clear();
        // Every frame would take minutes; every eighth finds what is there to be found.
        if number % 8 == 0 {
            let theme = Theme::ALL[random.random_range(0..Theme::ALL.len())];
            let ascii = number % 2 == 0;
            stage.buffer(Look { ascii, theme });
        }
    }
}
