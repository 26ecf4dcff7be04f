//! Standard input and the journal.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::engine::{Engine, Fault};
use crate::law::assert_law;
use crate::process::Site;

#[test]
fn punt_ends_when_its_input_ends_and_everything_is_delivered() {
    let address = Engine::reserve();
    let source = "[sources.in]\ntype = \"stdin\"\nfields = { \"service.name\" = \"batch\" }";
    let site = Site::new(source, &format!("http://{address}"), "");
    let mut punt = Command::new(env!("CARGO_BIN_EXE_punt"))
        .args(["run", "--config"])
        .arg(site.path("punt.toml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("punt starts");
    let mut input = punt.stdin.take().expect("piped");
    for number in 0..5000 {
        writeln!(input, "message {number}").expect("punt reads");
    }
    write!(input, "message 5000").expect("punt reads");
    drop(input);
    // The engine comes late; punt waits for it.
    let engine = Engine::start_at(address, Fault::None);
    let status = punt.wait().expect("punt is ours");
    assert!(status.success(), "{status}");
    assert_eq!(engine.count(), 5001);
    engine.assert_each_once(5001);
    let stored = engine.stored();
    assert!(
        stored
            .documents
            .values()
            .all(|document| document["service.name"] == "batch")
    );
}

fn entry(number: usize) -> Vec<u8> {
    let text = format!("message {number}");
    let mut entry = format!(
        "__CURSOR=s=abc;i={number:x}\n__REALTIME_TIMESTAMP=1795513611{number:06}\n_HOSTNAME=web-1\nPRIORITY=3\n\
         SYSLOG_IDENTIFIER=sshd\n_PID=77\nREQUEST_ID=r{number}\nMESSAGE\n"
    )
    .into_bytes();
    entry.extend((text.len() as u64).to_le_bytes());
    entry.extend(text.as_bytes());
    entry.extend(b"\n\n");
    entry
}

#[test]
fn the_journal_is_read_on_from_its_cursor_after_a_kill() {
    let engine = Engine::start(Fault::None);
    // A journal that starts behind the cursor that it is given, as journalctl does.
    let script = r#"
import sys, time
data = open(sys.argv[1], "rb").read()
for argument in sys.argv[2:]:
    cursor = argument.split("=", 1)[1].encode()
    at = data.find(b"__CURSOR=" + cursor + b"\n")
    data = data[data.find(b"__CURSOR=", at + 1):] if data.find(b"__CURSOR=", at + 1) > 0 else b""
for start in range(0, len(data), 1000):
    sys.stdout.buffer.write(data[start:start + 1000])
    sys.stdout.flush()
time.sleep(1000)
"#;
    let source = "[sources.journal]\ntype = \"journald\"\n\
                  command = [\"python3\", \"ROOT/journal.py\", \"ROOT/journal\"]";
    let site = Site::new(source, &engine.url(), "");
    std::fs::write(site.path("journal.py"), script).expect("written");
    let journal: Vec<u8> = (0..2000).flat_map(entry).collect();
    std::fs::write(site.path("journal"), journal).expect("written");
    let punt = site.start();
    engine.wait_for(2000);
    punt.wait_for_counter("sink", "acknowledged", 2000);
    assert_law(&punt);
    punt.kill();
    let more: Vec<u8> = (0..2500).flat_map(entry).collect();
    std::fs::write(site.path("journal"), more).expect("written");
    let _punt = site.start();
    engine.wait_for(2500);
    engine.assert_each_once(2500);
    let stored = engine.stored();
    let document = stored
        .documents
        .values()
        .find(|document| document["message"] == "message 7");
    let document = document.expect("it is stored");
    assert_eq!(document["@timestamp"], "2026-11-24T09:46:51.000007Z");
    assert_eq!(document["log.level"], "error");
    assert_eq!(document["service.name"], "sshd");
    assert_eq!(document["process.pid"], 77);
    assert_eq!(document["labels.request_id"], "r7");
}
