//! The commands of an operator, against a running punt.

use std::io::Read as _;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use crate::engine::{Engine, Fault};
use crate::process::Site;
use crate::wait::until;

const SYSLOG: &str = "[sources.syslog]\ntype = \"syslog\"\ntcp = \"127.0.0.1:0\"";

fn punt(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_punt"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("punt runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn stats_show_the_balance_and_speak_prometheus() {
    let engine = Engine::start(Fault::None);
    let site = Site::new(SYSLOG, &engine.url(), "");
    let running = site.start();
    running.send(0, 10);
    engine.wait_for(10);
    running.assert_balance();
    let socket = running.socket().display().to_string();
    let (_, table, _) = punt(&["stats", "--socket", &socket]);
    assert!(
        table.contains("received = sent + buffered + counted: holds"),
        "{table}"
    );
    let (_, metrics, _) = punt(&["stats", "-o", "prometheus", "--socket", &socket]);
    assert!(
        metrics.contains("punt_received_events_total{kind=\"source\",component=\"syslog\"} 10"),
        "{metrics}"
    );
}

#[test]
fn top_without_a_terminal_says_what_to_use_instead() {
    let (code, _, complaints) = punt(&["top", "--socket", "/nowhere/punt.sock"]);
    assert_eq!(code, Some(2));
    assert!(complaints.contains("punt stats"), "{complaints}");
}

#[test]
fn completions_and_the_manual_name_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let (code, script, _) = punt(&["completions", shell]);
        assert_eq!(code, Some(0));
        for verb in ["reload", "stats", "tail", "convert"] {
            assert!(script.contains(verb), "{shell}: {verb}");
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    assert_eq!(punt(&["man", "--out", &path]).0, Some(0));
    for page in ["punt.1", "punt-reload.1", "punt-tail.1"] {
        assert!(folder.path().join(page).exists(), "{page}");
    }
    assert!(punt(&["man"]).1.contains(".TH"));
}

#[test]
fn tail_takes_an_expression_and_a_template() {
    let engine = Engine::start(Fault::None);
    let site = Site::new(SYSLOG, &engine.url(), "");
    let running = site.start();
    let mut tail = Command::new(env!("CARGO_BIN_EXE_punt"))
        .args(["tail", "-n", "1", "--format", "<{message}>", "--filter"])
        .args(["process.pid:7 AND NOT message:/message [0-8].*/", "--socket"])
        .arg(running.socket())
        .stdout(Stdio::piped())
        .spawn()
        .expect("punt tail runs");
    until("the tail has shown its event", || {
        running.send(0, 10);
        tail.try_wait().expect("ours")
    });
    let mut said = String::new();
    let mut out = tail.stdout.take().expect("piped");
    out.read_to_string(&mut said).expect("text");
    assert_eq!(said, "<message 9>\n");
    let (code, _, complaints) = punt(&[
        "tail",
        "--filter",
        "a:(b",
        "--socket",
        &running.socket().display().to_string(),
    ]);
    assert_eq!(code, Some(1));
    assert!(complaints.contains("the filter"), "{complaints}");
}

#[test]
fn variables_come_from_the_environment_and_a_missing_one_is_a_fault() {
    let site = Site::new(SYSLOG, "http://${ENGINE_HOST:-127.0.0.1}:9200", "");
    let path = site.path("punt.toml").display().to_string();
    assert_eq!(punt(&["check", &path]).0, Some(0));
    site.configure(SYSLOG, "http://${PUNT_TEST_NO_SUCH_HOST}:9200", "");
    let (code, _, complaints) = punt(&["check", &path]);
    assert_eq!(code, Some(78));
    assert!(
        complaints.contains("no variable PUNT_TEST_NO_SUCH_HOST"),
        "{complaints}"
    );
}

#[test]
fn systemd_hears_of_start_reload_stop_and_life() {
    let engine = Engine::start(Fault::None);
    let site = Site::new(SYSLOG, &engine.url(), "");
    let path = site.path("notify");
    let socket = UnixDatagram::bind(&path).expect("the socket");
    socket
        .set_read_timeout(Some(std::time::Duration::from_secs(60)))
        .expect("a timeout");
    let running = site.start_env(&[
        ("NOTIFY_SOCKET", path.display().to_string()),
        ("WATCHDOG_USEC", "200000".to_owned()),
    ]);
    let wait_for = |word: &str| {
        until(&format!("systemd hears {word}"), || {
            let mut said = [0; 512];
            let length = socket.recv(&mut said).expect("punt says something");
            String::from_utf8_lossy(&said[..length])
                .contains(word)
                .then_some(())
        });
    };
    wait_for("READY=1");
    wait_for("WATCHDOG=1");
    running.signal(Signal::SIGHUP);
    wait_for("RELOADING=1");
    wait_for("READY=1");
    running.signal(Signal::SIGTERM);
    wait_for("STOPPING=1");
}

#[test]
fn the_tests_of_a_configuration_run_its_parsing_transforms_and_routes() {
    let tested = |expected: &str| {
        format!(
            "[sources.syslog]\ntype = \"syslog\"\ntcp = \"127.0.0.1:0\"\ntransforms = [\"lower\"]\n\
             [transforms.lower]\ntype = \"lowercase\"\nfields = [\"message\"]\n\
             [routes.ssh]\nwhen = \"service.name:sshd\"\nsinks = [\"logs\"]\n\
             [[tests]]\nname = \"logins <are> kept\"\n\
             inputs = [\n\
               {{ source = \"syslog\", raw = \"<38>Nov 24 09:46:51 web-1 sshd[7]: FAILED password\" }},\n\
               {{ source = \"syslog\", record = {{ \"service.name\" = \"cron\", message = \"x\" }} }},\n\
             ]\n\
             outputs = [{{ sink = \"logs\", events = 1, fields = {{ \"process.pid\" = 7, message = \"{expected}\" }}, \
               matching = {{ \"host.name\" = \"^web-\" }}, absent = [\"error.message\"] }}]\n\
             dropped = 1\n"
        )
    };
    let site = Site::new(&tested("failed password"), "http://127.0.0.1:1", "");
    let path = site.path("punt.toml").display().to_string();
    let (code, said, complaints) = punt(&["test", &path]);
    assert_eq!(code, Some(0), "{said}{complaints}");
    assert!(said.contains("1 passed, 0 failed"), "{said}");
    site.configure(&tested("FAILED"), "http://127.0.0.1:1", "");
    let (code, said, _) = punt(&["test", &path]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("message: expected \"FAILED\", found \"failed password\""),
        "{said}"
    );
    let (_, said, _) = punt(&["test", "-o", "json", &path]);
    let report: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((&report["failed"], &report["passed"]), (&1.into(), &0.into()));
    let (_, said, _) = punt(&["test", "-o", "junit", &path]);
    assert!(
        said.contains("<testcase name=\"logins &lt;are&gt; kept\"><failure>"),
        "{said}"
    );
}
