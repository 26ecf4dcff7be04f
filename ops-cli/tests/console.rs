//! The console in a real terminal (tmux): it shows the fleet, and restarts a cluster by keys alone.

mod support;

use std::process::Command;
use std::time::Duration;

use support::{Stack, enabled, run, run_ok, tools, wait_for};

struct Terminal {
    socket: String,
}

#[test]
fn the_console_shows_the_fleet_and_restarts_a_cluster_by_keys() {
    if !enabled() {
        return;
    }
    tools::debian("tmux", "tmux");
    let stack = Stack::up();
    let terminal = Terminal::open(&stack, 80, 24);
    terminal.wait_for_text("guilds");
    terminal.wait_for_text("green");
    terminal.keys(&["2"]);
    terminal.wait_for_text("Logs");
    terminal.keys(&["1"]);
    terminal.wait_for_text("CLUSTER");

    // Every screen, by its key.
    for (key, text) in [
        ("3", "Incidents"),
        ("4", "Operations"),
        ("6", "Pulses"),
        ("7", "Xray"),
        ("8", "Objectives"),
        ("9", "Audit"),
        ("1", "CLUSTER"),
    ] {
        terminal.keys(&[key]);
        terminal.wait_for_text(text);
    }
    // NO_COLOR leaves the selected row reversed, and no colour anywhere.
    let styled = terminal.styled();
    assert!(styled.contains("\x1b[7m") || styled.contains(";7m"), "{styled:?}");
    for color in 30..=38 {
        assert!(!styled.contains(&format!("\x1b[{color}")), "{styled:?}");
    }

    terminal.keys(&["?"]);
    terminal.wait_for_text("estart");
    terminal.keys(&["Escape"]);
    terminal.wait_for_text("CLUSTER");

    // Read-only until armed; then the sheet, the confirmation, the operation.
    terminal.keys(&[":"]);
    terminal.keys(&["restart presence", "Enter"]);
    terminal.wait_for_text("ead-only");
    terminal.keys(&["W"]);
    terminal.keys(&["try it", "Enter"]);
    terminal.keys(&[":"]);
    terminal.keys(&["restart presence", "Enter"]);
    terminal.wait_for_text("ops restart presence");
    // The sheet ignores keys for a moment after it opens: wait until it takes them.
    wait_for("the restart begins", Duration::from_secs(10), || {
        terminal.keys(&["y"]);
        let operations = stack.ops_json(&["op", "list"]);
        (!operations["items"].as_array()?.is_empty()).then_some(())
    });
    wait_for("the restart ends", Duration::from_secs(60), || {
        let operations = stack.ops_json(&["op", "list"]);
        (operations["items"][0]["state"] == "completed").then_some(())
    });
    let audit = stack.ops_json(&["audit"]).to_string();
    assert!(audit.contains("restart presence"), "{audit}");

    run_ok(Command::new("tmux").args(["-L", &terminal.socket, "resize-window", "-x", "60", "-y", "16"]));
    terminal.keys(&["1"]);
    terminal.wait_for_text("guilds");
    run_ok(Command::new("tmux").args(["-L", &terminal.socket, "resize-window", "-x", "39", "-y", "7"]));
    terminal.wait_for_text("too small, need 40x8");
    run_ok(Command::new("tmux").args(["-L", &terminal.socket, "resize-window", "-x", "80", "-y", "24"]));
    terminal.wait_for_text("guilds");
    let dumped = stack.data().join("screen.txt");
    terminal.keys(&[":"]);
    terminal.keys(&[&format!("dump {}", dumped.display()), "Enter"]);
    terminal.wait_for_text("written to");
    let text = std::fs::read_to_string(&dumped).expect("the screen was written");
    assert!(text.contains("guilds"), "{text}");
    terminal.keys(&["C-c"]);
    wait_for("the console ends", Duration::from_secs(5), || {
        let session = run(Command::new("tmux").args(["-L", &terminal.socket, "has-session"]));
        (!session.status.success()).then_some(())
    });
}

#[test]
fn without_a_terminal_the_console_says_what_to_use_instead() {
    if !enabled() {
        return;
    }
    let stack = Stack::prepare();
    let output = run(&mut stack.ops(&["console"]));
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("ops status"), "{message}");
}

impl Terminal {
    fn open(stack: &Stack, width: u16, height: u16) -> Self {
        let socket = format!("guildwatch-{}", std::process::id());
        let ops = env!("CARGO_BIN_EXE_ops");
        let command = format!(
            "NO_COLOR=1 XDG_STATE_HOME={data} GUILDWATCH_DATA={data} {ops} console",
            data = stack.data().display()
        );
        run_ok(
            Command::new("tmux")
                .args(["-L", &socket, "-f", "/dev/null", "new-session", "-d"])
                .args(["-x", &width.to_string(), "-y", &height.to_string(), &command]),
        );
        Self { socket }
    }

    fn keys(&self, keys: &[&str]) {
        run_ok(
            Command::new("tmux")
                .args(["-L", &self.socket, "send-keys"])
                .args(keys),
        );
    }

    fn screen(&self) -> String {
        let output = run(Command::new("tmux").args(["-L", &self.socket, "capture-pane", "-p"]));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The screen with its attributes, as escape sequences.
    fn styled(&self) -> String {
        let output = run(Command::new("tmux").args(["-L", &self.socket, "capture-pane", "-pe"]));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn wait_for_text(&self, text: &str) {
        let mut screen = String::new();
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_for(text, Duration::from_secs(15), || {
                screen = self.screen();
                screen.contains(text).then_some(())
            });
        }));
        assert!(found.is_ok(), "'{text}' is not on the screen:\n{screen}");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(
            Command::new("tmux")
                .args(["-L", &self.socket, "kill-server"])
                .output(),
        );
    }
}
