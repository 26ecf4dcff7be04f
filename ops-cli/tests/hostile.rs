//! Bad input gets a clear answer each, and everything else is served.

mod support;

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use support::{Stack, enabled};

#[test]
fn bad_input_is_refused_or_kept_with_a_reason_and_everything_else_is_served() {
    if !enabled() {
        return;
    }
    let stack = Stack::up();
    let api = format!("{}/api/v10", stack.edge_url());

    // Malformed syslog, in the middle of good syslog, and a 10 MiB line.
    let mut syslog = TcpStream::connect(("127.0.0.1", stack.ports.syslog)).unwrap();
    syslog
        .write_all(b"<34>1 2026-11-24T09:46:51Z host app - - - good before\n")
        .unwrap();
    syslog.write_all(b"<999>1 this is no syslog \xff\xfe\n").unwrap();
    let mut long = b"<34>1 2026-11-24T09:46:51Z host app - - - ".to_vec();
    long.resize(10 << 20, b'x');
    long.push(b'\n');
    syslog.write_all(&long).unwrap();
    syslog
        .write_all(b"<34>1 2026-11-24T09:46:51Z host app - - - good after\n")
        .unwrap();
    drop(syslog);
    let limit = Duration::from_secs(20);
    stack.wait_for_count("message:\"good before\"", 1, limit);
    stack.wait_for_count("message:\"good after\"", 1, limit);
    stack.wait_for_count("event.kind:pipeline_error", 1, limit);

    // Malformed JSON and a 10 MiB line in a spool, between good records.
    let spool = stack.data().join("spool/intruder-0");
    std::fs::create_dir_all(&spool).unwrap();
    let record = |message: &str| {
        json!({"@timestamp": "2026-11-24T09:46:51.000Z", "log.level": "info", "message": message,
            "ecs.version": "8.11.0", "service.name": "intruder"})
        .to_string()
    };
    let long = "y".repeat(10 << 20);
    let lines = [
        record("spool before"),
        "{\"@timestamp\": nonsense".into(),
        long,
        record("spool after"),
    ];
    std::fs::write(
        spool.join("1764000000000-1-000000.ndjson"),
        lines.join("\n") + "\n",
    )
    .unwrap();
    stack.wait_for_count("message:\"spool before\"", 1, limit);
    stack.wait_for_count("message:\"spool after\"", 1, limit);
    // The line that is no JSON is kept with the reason; so is the long one, which is no JSON either.
    stack.wait_for_count("event.kind:pipeline_error", 3, limit);

    // One bad item among a thousand.
    let mut bulk = String::new();
    for n in 0..1000 {
        bulk.push_str("{\"index\":{\"_index\":\"hostile\"}}\n");
        bulk.push_str(
            &if n == 500 {
                json!({"n": "not a number"})
            } else {
                json!({"n": n})
            }
            .to_string(),
        );
        bulk.push('\n');
    }
    let (status, answer) = stack.http(
        "POST",
        &format!("{}/_bulk?refresh=true", stack.store_url()),
        None,
        Some(&bulk),
    );
    assert_eq!((status, answer["errors"].as_bool()), (200, Some(true)));
    let items = answer["items"].as_array().unwrap();
    assert_eq!(
        items.iter().filter(|item| item["index"]["status"] == 201).count(),
        999
    );
    assert_eq!(items[500]["index"]["status"], 400, "{}", items[500]);
    let (_, count) = stack.http(
        "GET",
        &format!("{}/hostile/_count", stack.store_url()),
        None,
        None,
    );
    assert_eq!(count["count"], 999);

    // A wrong token, an unknown guild, an unknown channel, an empty message, a body that is no JSON.
    let (_, token) = stack.account("user", "honest");
    let (status, answer) = stack.http("GET", &format!("{api}/users/@me"), Some("wrong"), None);
    assert_eq!((status, answer["code"].as_i64()), (401, Some(0)), "{answer}");
    let (status, answer) = stack.http("GET", &format!("{api}/guilds/1"), Some(&token), None);
    assert_eq!((status, answer["code"].as_i64()), (404, Some(10004)), "{answer}");
    let url = format!("{api}/channels/1/messages");
    let (status, answer) = stack.http("POST", &url, Some(&token), Some("{\"content\":\"x\"}"));
    assert_eq!((status, answer["code"].as_i64()), (404, Some(10003)), "{answer}");
    let (status, guild) = stack.http(
        "POST",
        &format!("{api}/guilds"),
        Some(&token),
        Some("{\"name\":\"g\"}"),
    );
    assert_eq!(status, 201, "{guild}");
    let guild = guild["id"].as_str().unwrap();
    let (_, channels) = stack.http(
        "GET",
        &format!("{api}/guilds/{guild}/channels"),
        Some(&token),
        None,
    );
    let url = format!("{api}/channels/{}/messages", channels[0]["id"].as_str().unwrap());
    let (status, answer) = stack.http("POST", &url, Some(&token), Some("{\"content\":\"\"}"));
    assert_eq!((status, answer["code"].as_i64()), (400, Some(50006)), "{answer}");
    let (status, answer) = stack.http("POST", &url, Some(&token), Some("{\"content\":"));
    assert_eq!((status, answer["code"].as_i64()), (400, Some(50109)), "{answer}");
    let (status, answer) = stack.http("POST", &url, Some(&token), Some("{\"content\":\"still served\"}"));
    assert_eq!(
        (status, answer["content"].as_str()),
        (200, Some("still served")),
        "{answer}"
    );

    // The control plane wants its token.
    let control = format!("http://127.0.0.1:{}/v1/status", stack.ports.control);
    assert_eq!(stack.http("GET", &control, Some("Bearer wrong"), None).0, 401);

    stack.wait_until_green();
}
