//! discord.py, unchanged but for its two addresses, works against the stack, also while clusters restart.

mod support;

use std::process::Command;

use serde_json::{Value, json};
use support::{Stack, enabled, run, run_ok, tools};

#[test]
fn a_bot_logs_in_sends_by_rest_and_receives_by_gateway() {
    if !enabled() {
        return;
    }
    let python = tools::python_with_discord();
    let stack = Stack::up();
    let bot_token = guild_with_bot(&stack);

    let seen = drive(&stack, &python, &bot_token, "20", "0");
    assert_eq!(seen["user"], "demo");
    assert_eq!(seen["bot"], true);
    assert_eq!(seen["guild"], "e2e");
    assert_eq!(seen["channel"], "general");
    assert_eq!(seen["members"], 2);
    assert_eq!(seen["received"], seen["sent"], "each message once, in order");
    assert_eq!(seen["history"], seen["sent"], "history agrees");
    assert_eq!(seen["contents"][19], "message 19");

    // Planned restarts of what holds its session and its guild go unnoticed by the client.
    let restarts = std::thread::scope(|scope| {
        let driver = scope.spawn(|| drive(&stack, &python, &bot_token, "120", "25"));
        for cluster in ["guilds", "sessions", "presence"] {
            run_ok(&mut stack.ops(&["restart", cluster, "--yes", "--wait", "--reason", "e2e"]));
        }
        driver.join().expect("the driver does not panic")
    });
    assert_eq!(restarts["received"], restarts["sent"]);
    assert_eq!(restarts["disconnected"], 0, "no connection is dropped");

    // A restart of the gateway costs a Resume and nothing else.
    let gateway = std::thread::scope(|scope| {
        let driver = scope.spawn(|| drive(&stack, &python, &bot_token, "60", "15"));
        run_ok(&mut stack.ops(&["restart", "gateway", "--yes", "--wait", "--reason", "e2e"]));
        driver.join().expect("the driver does not panic")
    });
    assert_eq!(gateway["received"], gateway["sent"]);
    assert!(gateway["resumed"].as_u64() >= Some(1), "{gateway}");

    // A wrong token is refused the way the library expects.
    let output = run(Command::new(&python).arg(tools::client("discord_py.py")).args([
        format!("127.0.0.1:{}", stack.ports.edge),
        "wrong.token".into(),
        "1".into(),
    ]));
    let answer: Value = serde_json::from_slice(&output.stdout).expect("the client prints JSON");
    assert!(
        answer["error"]
            .as_str()
            .is_some_and(|error| error.contains("LoginFailure")),
        "{answer}"
    );
}

/// A guild `e2e` with an owner and the bot `demo`; the bot's token.
fn guild_with_bot(stack: &Stack) -> String {
    let (_, owner_token) = stack.account("user", "owner");
    let (bot, bot_token) = stack.account("bot", "demo");
    let api = format!("{}/api/v10", stack.edge_url());
    let body = json!({"name": "e2e"}).to_string();
    let (status, guild) = stack.http("POST", &format!("{api}/guilds"), Some(&owner_token), Some(&body));
    assert_eq!(status, 201, "{guild}");
    let guild = guild["id"].as_str().expect("a guild has an id").to_owned();
    let url = format!("{api}/guilds/{guild}/members/{bot}");
    let (status, answer) = stack.http("PUT", &url, Some(&owner_token), Some("{}"));
    assert!(status == 201 || status == 204, "{status} {answer}");
    bot_token
}

fn drive(stack: &Stack, python: &std::path::Path, token: &str, count: &str, seconds: &str) -> Value {
    let output = run(Command::new(python)
        .arg(tools::client("discord_py.py"))
        .arg(format!("127.0.0.1:{}", stack.ports.edge))
        .args([token, count, seconds]));
    let text = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "discord.py failed: {text}\n{stderr}");
    serde_json::from_str(text.trim()).expect("the client prints JSON")
}
