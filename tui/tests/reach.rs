//! How far it is from the fleet to the right action, and what stops on the way there.
#![allow(clippy::panic, reason = "what is not on the sheet is a failed test")]

mod stage;

use jiff::SignedDuration;
use ops_api::{Fleet, Health, ServiceKind};
use stage::{Stage, fleet, moment, running_operation};
use tui::key::Key;
use tui::state::{COUNTDOWN_MS, Cmd, Danger, Msg, Screen, Subject};

/// A console that was armed and has just seen `fleet`.
fn seeing(fleet: Fleet) -> Stage {
    let mut stage = Stage::watched(80, 24, 2);
    stage.arm();
    stage.send(Msg::Fleet(Box::new(fleet)));
    stage
}

fn quiet(ms: u64) -> Fleet {
    let mut fleet = fleet(ms, 0.0);
    for cluster in &mut fleet.clusters {
        cluster.health = Health::Green;
        cluster.reason.clear();
        cluster.ready = cluster.total;
        for node in &mut cluster.nodes {
            node.health = Health::Green;
            node.state = "ready".to_owned();
            node.reason.clear();
        }
    }
    fleet.health = Health::Green;
    fleet
}

/// What the open sheet would restart.
fn on_the_sheet(stage: &Stage) -> (String, Danger) {
    let sheet = stage.state.sheet.as_ref().expect("a sheet is open");
    let Subject::Restart(target) = &sheet.subject else {
        panic!("{:?}", sheet.subject)
    };
    (target.name().to_owned(), sheet.danger)
}

#[test]
fn a_dead_guilds_node_is_restarted_with_three_keys() {
    let mut stage = seeing(fleet(300_000, 0.0));
    stage.keys("3");
    stage.key(Key::Enter);
    assert_eq!(on_the_sheet(&stage), ("guilds-2".to_owned(), Danger::L1));
    stage.settle();
    let cmds = stage.keys("y");
    let [Cmd::Start(_, request, _)] = &cmds[..] else {
        panic!("{cmds:?}")
    };
    assert_eq!(request.node.as_deref(), Some("guilds-2"));
    assert_eq!(request.reason, "memory grows");
}

#[test]
fn a_push_cluster_that_fails_is_two_keys_away() {
    let mut sick = quiet(300_000);
    let mut push = sick.clusters[2].clone();
    push.name = "push".to_owned();
    push.health = Health::Yellow;
    push.reason = "upstream answers 503".to_owned();
    for (number, node) in push.nodes.iter_mut().enumerate() {
        node.name = format!("push-{number}");
        node.cluster = "push".to_owned();
    }
    sick.clusters.insert(3, push);
    let mut stage = seeing(sick);
    stage.keys("3");
    stage.key(Key::Enter);
    assert_eq!(on_the_sheet(&stage).0, "push");
}

#[test]
fn a_load_balancer_that_lost_a_node_is_two_keys_away() {
    let mut sick = quiet(300_000);
    let edge = &mut sick.clusters[6];
    edge.health = Health::Yellow;
    edge.ready = 1;
    edge.nodes[1].health = Health::Red;
    edge.nodes[1].state = "lost".to_owned();
    let mut stage = seeing(sick);
    stage.keys("3");
    stage.key(Key::Enter);
    assert_eq!(on_the_sheet(&stage), ("edge-1".to_owned(), Danger::L1));
}

#[test]
fn when_everything_is_red_the_cluster_that_needs_nobody_comes_first() {
    let mut down = quiet(300_000);
    for cluster in &mut down.clusters {
        if cluster.kind == ServiceKind::Chat {
            cluster.health = Health::Red;
            cluster.reason = "nobody serves".to_owned();
        }
    }
    let mut stage = seeing(down);
    stage.keys("3");
    assert_eq!(stage.state.shown_incidents()[0].name, "data");
    assert!(stage.state.shown_incidents()[0].root_cause);
    stage.key(Key::Enter);
    assert_eq!(on_the_sheet(&stage).0, "data");
}

#[test]
fn a_herd_on_presence_is_two_keys_away_from_its_logs_and_its_restart() {
    let mut slow = quiet(300_000);
    slow.clusters[2].health = Health::Yellow;
    slow.clusters[2].nodes[1].health = Health::Yellow;
    slow.clusters[2].nodes[1].reason = "queue at 81% of its bound".to_owned();
    let mut stage = seeing(slow);
    stage.keys("3");
    let cmds = stage.keys("l");
    assert!(
        matches!(&cmds[..], [Cmd::Follow(_, _, query), ..] if query.node.as_deref() == Some("presence-1")),
        "{cmds:?}"
    );
    stage.keys("3R");
    assert_eq!(on_the_sheet(&stage).0, "presence-1");
}

#[test]
fn what_an_operation_has_in_hand_is_watched_first() {
    let mut busy = quiet(300_000);
    let mut operation = running_operation();
    operation.created = moment(299_000).wall;
    busy.operation = Some(operation);
    busy.clusters[3].health = Health::Yellow;
    busy.clusters[3].nodes[1].health = Health::Yellow;
    busy.clusters[3].nodes[1].state = "draining".to_owned();
    let mut stage = seeing(busy);
    stage.keys("3");
    stage.key(Key::Enter);
    assert_eq!(
        *stage.state.screens.current(),
        Screen::Operation("op_01jnq7f2".to_owned())
    );
}

#[test]
fn the_cause_is_what_was_unwell_first_of_those_that_need_nothing_unwell() {
    let mut stage = seeing(quiet(300_000));
    let mut worse = quiet(301_000);
    worse.clusters[2].health = Health::Red;
    stage.send(Msg::Fleet(Box::new(worse.clone())));
    worse.clusters[1].health = Health::Red;
    worse.clusters[3].health = Health::Red;
    worse.at += SignedDuration::from_secs(5);
    stage.wait(5_000);
    stage.send(Msg::Fleet(Box::new(worse)));
    let incidents = stage.state.shown_incidents();
    let names: Vec<&str> = incidents.iter().map(|incident| incident.name.as_str()).collect();
    assert_eq!(names, ["presence", "guilds", "sessions"]);
    assert_eq!(incidents.iter().filter(|incident| incident.root_cause).count(), 1);
}

#[test]
fn what_takes_everything_away_is_counted_down_and_escape_stops_it() {
    let mut stage = seeing(quiet(300_000));
    stage.command("reboot-all");
    assert_eq!(on_the_sheet(&stage), ("all".to_owned(), Danger::L4));
    assert!(
        stage
            .state
            .sheet
            .as_ref()
            .unwrap()
            .command()
            .starts_with("ops reboot-all")
    );
    stage.settle();
    for _ in 0..2 {
        stage.key(Key::Tab);
    }
    stage.keys("local");
    stage.key(Key::Tab);
    assert!(stage.key(Key::Enter).is_empty());
    stage.wait(1_000);
    assert!(stage.key(Key::Esc).is_empty());
    assert!(
        stage.state.sheet.is_some(),
        "the first escape only stops the countdown"
    );
    stage.wait(COUNTDOWN_MS);
    stage.send(Msg::Fleet(Box::new(quiet(stage.ms))));
    assert!(stage.send(Msg::Tick).is_empty());

    assert!(stage.key(Key::Enter).is_empty());
    stage.wait(COUNTDOWN_MS);
    stage.send(Msg::Fleet(Box::new(quiet(stage.ms))));
    let cmds = stage.send(Msg::Tick);
    assert!(
        matches!(&cmds[..], [Cmd::Start(_, request, _)] if request.cluster == "all"),
        "{cmds:?}"
    );
}

#[test]
fn a_countdown_that_ends_on_a_stale_picture_sends_nothing() {
    let mut stage = seeing(quiet(300_000));
    stage.command("reboot-all");
    stage.settle();
    stage.key(Key::Tab);
    stage.key(Key::Tab);
    stage.keys("local");
    stage.key(Key::Tab);
    stage.key(Key::Enter);
    stage.wait(COUNTDOWN_MS);
    assert!(stage.send(Msg::Tick).is_empty());
    assert!(!stage.asked.iter().any(Cmd::mutates));
}

#[test]
fn pasted_text_confirms_nothing() {
    let mut stage = seeing(quiet(300_000));
    stage.command("restart sessions");
    stage.settle();
    stage.send(Msg::Paste("y\ny\n".to_owned()));
    assert!(!stage.asked.iter().any(Cmd::mutates));
    stage.key(Key::Tab);
    stage.send(Msg::Paste(" and\nwhy\u{1b}[2J".to_owned()));
    let sheet = stage.state.sheet.as_ref().unwrap();
    assert_eq!(sheet.reason.value(), "memory grows andwhy[2J");
}

#[test]
fn a_click_selects_and_opens_and_never_changes_anything() {
    let mut stage = seeing(fleet(300_000, 0.0));
    stage.send(Msg::Pick(3));
    assert_eq!(stage.state.cluster.as_deref(), Some("sessions"));
    stage.send(Msg::Pick(3));
    assert_eq!(
        *stage.state.screens.current(),
        Screen::Cluster("sessions".to_owned())
    );
    stage.keys("3");
    for _ in 0..3 {
        stage.send(Msg::Pick(0));
    }
    assert!(stage.state.sheet.is_none());
    stage.keys("R");
    stage.settle();
    stage.send(Msg::Pick(0));
    assert!(!stage.asked.iter().any(Cmd::mutates));
}
