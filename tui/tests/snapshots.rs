//! Every screen at three sizes, in colour and without: the picture and its styles, kept as text. A look at the
//! `.snap` files is a look at the console.

mod stage;

use ratatui::style::Color;
use stage::{Stage, audit, running_operation};
use tui::key::Key;
use tui::state::{Msg, Refusal, Theme};
use tui::view::Look;

const SIZES: [(u16, u16); 3] = [(60, 16), (80, 24), (120, 36)];
const COLOR: Look = Look {
    ascii: false,
    theme: Theme::Dark,
};
const MONO: Look = Look {
    ascii: false,
    theme: Theme::Mono,
};
const ASCII: Look = Look {
    ascii: true,
    theme: Theme::Mono,
};

/// Pictures what `play` leads to, at all sizes, in colour and mono.
fn picture(name: &str, play: impl Fn(&mut Stage)) {
    for (columns, rows) in SIZES {
        let mut stage = day(columns, rows);
        play(&mut stage);
        let uncoloured = stage.buffer(MONO);
        assert!(
            uncoloured.content.iter().all(|cell| cell.fg == Color::Reset),
            "{name} sets a colour in mono"
        );
        for (kind, look) in [("colour", COLOR), ("mono", MONO)] {
            insta::assert_snapshot!(format!("{name}_{columns}x{rows}_{kind}"), stage.picture(look));
        }
    }
}

/// A console that has watched for five minutes, which takes a moment to play: every picture begins with it.
fn day(columns: u16, rows: u16) -> Stage {
    Stage::watched(columns, rows, 300)
}

fn arm(stage: &mut Stage) {
    stage.arm();
    // The notice has been read.
    stage.state.notice = None;
}

#[test]
fn fleet() {
    picture("fleet", |_| {});
}

#[test]
fn fleet_while_an_operation_runs() {
    picture("fleet_operation", |stage| {
        arm(stage);
        stage.send(Msg::Operation(Box::new(running_operation())));
    });
}

#[test]
fn fleet_when_stale() {
    picture("fleet_stale", |stage| {
        stage.wait(7200);
        let reason = "no control plane at http://127.0.0.1:7070: connection refused".to_owned();
        stage.send(Msg::Unreachable {
            reason,
            retry_ms: 2000,
        });
    });
}

#[test]
fn cluster() {
    picture("cluster", |stage| {
        stage.command("cluster guilds");
        stage.keys("G");
    });
}

#[test]
fn node() {
    picture("node", |stage| {
        stage.send(Msg::Operation(Box::new(running_operation())));
        stage.command("node sessions-1");
    });
}

#[test]
fn node_that_is_lost() {
    picture("node_lost", |stage| {
        stage.command("node guilds-2");
    });
}

#[test]
fn incidents() {
    picture("incidents", |stage| {
        stage.keys("3");
    });
}

#[test]
fn pulses() {
    picture("pulses", |stage| {
        stage.keys("6");
    });
}

#[test]
fn xray() {
    picture("xray", |stage| {
        stage.keys("7");
    });
}

#[test]
fn slo() {
    picture("slo", |stage| {
        stage.keys("8");
    });
}

#[test]
fn fleet_looked_at_closely() {
    picture("fleet_grid", |stage| {
        stage.keys("s");
        stage.keys("jj");
        stage.keys("/health!=green");
        stage.key(Key::Enter);
        stage.key(Key::Esc);
        stage.command("sort queue");
        stage.keys("/!edge");
        stage.key(Key::Enter);
        stage.keys("  !");
    });
}

#[test]
fn menus() {
    picture("menu_admin", |stage| {
        arm(stage);
        stage.command("cluster guilds");
        stage.keys("GX");
    });
    picture("menu_sort", |stage| {
        stage.keys("s");
    });
}

#[test]
fn frozen() {
    picture("frozen", |stage| {
        stage.keys("p");
    });
}

#[test]
fn logs_as_plain_text() {
    picture("plain", |stage| {
        stage.keys("2");
        stage.logs();
        stage.key(Key::Ctrl('o'));
    });
}

#[test]
fn logs_wrapped_with_bookmarks_and_ages() {
    picture("logs_wrapped", |stage| {
        stage.keys("2");
        stage.logs();
        stage.keys("EbwTT/node=sessions*");
        stage.key(Key::Enter);
        stage.state.notice = None;
    });
}

#[test]
fn restart_that_takes_everything_away() {
    picture("restart_l4", |stage| {
        arm(stage);
        stage.command("restart gateway cold");
        stage.settle();
        stage.key(Key::Tab);
        stage.key(Key::Tab);
        stage.keys("local");
        stage.key(Key::Tab);
        stage.key(Key::Enter);
    });
}

#[test]
fn themes() {
    for theme in Theme::ALL {
        let mut stage = day(80, 24);
        stage.command(&format!("theme {}", theme.name()));
        insta::assert_snapshot!(format!("theme_{}", theme.name()), stage.picture(COLOR));
    }
}

#[test]
fn logs() {
    picture("logs", |stage| {
        stage.keys("2");
        stage.logs();
    });
}

#[test]
fn logs_with_everything_open() {
    picture("logs_open", |stage| {
        stage.command("logs guilds");
        stage.logs();
        stage.keys("/lease");
        stage.key(Key::Enter);
        stage.keys("iE");
        stage.key(Key::Enter);
        stage.key(Key::Tab);
    });
}

#[test]
fn operations() {
    picture("operations", |stage| {
        stage.send(Msg::Operation(Box::new(running_operation())));
        stage.keys("4");
    });
}

#[test]
fn operation() {
    picture("operation", |stage| {
        stage.send(Msg::Operation(Box::new(running_operation())));
        stage.command("op op_01jnq7f2");
    });
}

#[test]
fn restart_of_a_node() {
    picture("restart_l1", |stage| {
        arm(stage);
        stage.command("restart sessions-1");
    });
}

#[test]
fn restart_of_a_cluster() {
    picture("restart_l2", |stage| {
        arm(stage);
        stage.command("restart sessions");
    });
}

#[test]
fn restart_that_users_will_notice() {
    picture("restart_l3", |stage| {
        arm(stage);
        stage.command("restart guilds");
        stage.settle();
        let refusal = Refusal {
            title: "gate others ready: guilds-2 is lost".to_owned(),
            hint: "restart guilds-2 first".to_owned(),
            operation: None,
        };
        stage.send(Msg::Planned(1, Err(refusal)));
        stage.key(Key::Tab);
        stage.key(Key::Ctrl('u'));
        stage.keys("host error on guilds-2");
        stage.key(Key::Tab);
        stage.keys("guil");
    });
}

#[test]
fn audit_log() {
    picture("audit", |stage| {
        stage.keys("9");
        stage.send(Msg::Audit(audit()));
    });
}

#[test]
fn help() {
    picture("help", |stage| {
        stage.keys("2?");
    });
}

#[test]
fn palette() {
    picture("palette", |stage| {
        stage.key(Key::Ctrl('p'));
        stage.keys("resgui");
    });
}

#[test]
fn ascii() {
    let mut stage = day(80, 24);
    insta::assert_snapshot!("ascii_fleet", stage.picture(ASCII));
    arm(&mut stage);
    stage.command("restart guilds");
    insta::assert_snapshot!("ascii_restart", stage.picture(ASCII));
    let mut stage = day(80, 24);
    stage.command("cluster guilds");
    insta::assert_snapshot!("ascii_cluster", stage.picture(ASCII));
    assert!(stage.picture(ASCII).is_ascii());
}

#[test]
fn nothing_known_and_nothing_reachable() {
    let mut stage = Stage::empty(80, 24);
    insta::assert_snapshot!("start", stage.picture(COLOR));
    let reason = "no control plane at http://127.0.0.1:7070: connection refused".to_owned();
    stage.send(Msg::Unreachable {
        reason,
        retry_ms: 500,
    });
    insta::assert_snapshot!("start_unreachable", stage.picture(COLOR));
}

#[test]
fn too_small() {
    let stage = day(39, 7);
    assert!(stage.picture(MONO).contains("too small, need 40x8"));
}
