//! The process: starting, refusing to start, stopping.

use std::process::Stdio;

use crate::server::{Server, command};

fn refusal(command: &mut std::process::Command) -> (Option<i32>, String) {
    let output = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[tokio::test]
async fn a_second_process_on_the_same_folder_is_refused_and_told_why() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(folder.path(), &[]).await;
    let (code, text) = refusal(&mut command(folder.path()));
    assert_eq!(code, Some(1));
    assert!(text.contains("in use by another logstored"), "{text}");
    assert_eq!(server.get("/").await["version"]["number"], "7.17.28");
}

#[tokio::test]
async fn a_taken_port_is_refused_and_the_message_says_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_logstored"));
    let (code, text) = refusal(command.args(["--listen", &address, "--data"]).arg(folder.path()));
    assert_eq!(code, Some(1));
    assert!(text.contains(&address) && text.contains("--listen"), "{text}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (code, text) = refusal(&mut command(&file.join("data")));
    assert_eq!(code, Some(1));
    assert!(text.contains("cannot write the data folder"), "{text}");
}

#[tokio::test]
async fn the_process_stops_in_order_and_leaves_nothing_to_replay() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(folder.path(), &["--refresh-interval", "1h"]).await;
    server.put("/logs/_doc/1", serde_json::json!({"a": 1})).await;
    assert_eq!(server.stop().await, Some(0));
    let server = Server::start_in(folder.path(), &[]).await;
    assert_eq!(server.count("logs", "a:1").await, 1);
}
