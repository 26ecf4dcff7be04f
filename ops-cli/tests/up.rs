//! Up, down, and what can be in the way of it.

mod support;

use std::net::TcpListener;
use std::time::Duration;

use support::{Stack, enabled, run, run_ok, wait_for};

#[test]
fn the_stack_comes_up_green_logs_of_every_service_arrive_and_data_survives_down() {
    if !enabled() {
        return;
    }
    let mut stack = Stack::up();
    let fleet = stack.ops_json(&["status"]);
    assert_eq!(fleet["health"], "green", "{fleet}");
    for service in [
        "edge", "api", "gateway", "sessions", "presence", "guilds", "data", "punt", "logstore", "control",
    ] {
        let query = format!("service.name:{service}");
        wait_for(&format!("records of {service}"), Duration::from_secs(10), || {
            (stack.count(&query) > 0).then_some(())
        });
    }
    let nodes = stack.ops_json(&["nodes"]);
    assert_eq!(nodes["items"].as_array().map(Vec::len), Some(18), "{nodes}");

    // A second one on the same folder changes nothing.
    let second = run(&mut stack.up_command());
    assert!(!second.status.success());
    let message = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(
        message.contains("already") && message.contains("ops down"),
        "{message}"
    );
    assert_eq!(stack.ops_json(&["status"])["health"], "green");

    let (user, token) = stack.account("user", "survivor");
    let before = stack.count("service.name:guilds");
    stack.down();
    assert!(
        no_process_of(stack.data().to_str().unwrap()),
        "nothing is left behind"
    );

    run_ok(&mut stack.up_command());
    let url = format!("{}/api/v10/users/@me", stack.edge_url());
    let (status, me) = stack.http("GET", &url, Some(&token), None);
    assert_eq!((status, me["id"].as_str()), (200, Some(user.as_str())), "{me}");
    assert!(stack.count("service.name:guilds") >= before, "logs survive");
    stack.down();
}

#[test]
fn a_taken_port_an_unwritable_folder_and_a_bad_topology_are_said_and_leave_nothing() {
    if !enabled() {
        return;
    }
    let stack = Stack::prepare();
    let taken = TcpListener::bind(("127.0.0.1", stack.ports.edge)).unwrap();
    let output = run(&mut stack.up_command());
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(
        message.contains(&stack.ports.edge.to_string()) && message.contains("edge"),
        "{message}"
    );
    assert!(
        no_process_of(stack.data().to_str().unwrap()),
        "nothing is left behind"
    );
    drop(taken);

    let file = stack.data().join("a-file");
    std::fs::write(&file, "").unwrap();
    let output = run(stack
        .ops(&["up", "--detach"])
        .arg("--data")
        .arg(file.join("below")));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(message.contains("a-file"), "{message}");

    let bad = stack.data().join("bad.toml");
    std::fs::write(&bad, "enviroment = \"ci\"\n").unwrap();
    let output = run(stack.ops(&["up", "--detach"]).arg("--topology").arg(&bad));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(message.contains("enviroment"), "{message}");
    assert!(no_process_of(stack.data().to_str().unwrap()));
}

/// Whether no process has `needle` in its command line (but this test).
fn no_process_of(needle: &str) -> bool {
    let processes = std::fs::read_dir("/proc").expect("there is a /proc").flatten();
    !processes
        .filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok())
        .any(|entry| {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(needle)
        })
}
