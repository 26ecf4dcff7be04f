//! Real senders: loggen, syslog-ng, rsyslog and nginx. One that cannot start fails its test.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use engines::Program;
use serde_json::Value;

use crate::engine::{Engine, Fault};
use crate::http_client::send;
use crate::law::assert_law;
use crate::process::{Punt, Site};
use crate::wait::until;

/// A sender; it is ended when this is dropped.
struct Sender(Child);

impl Drop for Sender {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn start(command: &mut Command) -> Sender {
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    Sender(child.expect("the sender starts"))
}

const SYSLOG: &str = "[sources.syslog]\ntype = \"syslog\"\ntcp = \"127.0.0.1:0\"\nudp = \"127.0.0.1:0\"\n\
                      unix_stream = \"ROOT/stream\"\nunix_datagram = \"ROOT/datagram\"\n";

fn settled(punt: &Punt, count: usize) {
    punt.wait_for_counter("sink", "acknowledged", count as u64);
    assert_eq!(punt.counter("source", "failed"), 0);
    assert_eq!(punt.counter("source", "resyncs"), 0);
    assert_law(punt);
}

fn documents(engine: &Engine) -> Vec<Value> {
    engine.stored().documents.values().cloned().collect()
}

fn loggen(arguments: &[&str]) {
    let output = Command::new("loggen")
        .args(arguments)
        .output()
        .expect("loggen is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn loggen_over_every_socket_and_framing_arrives_line_by_line() {
    const COUNT: usize = 2000;
    let engine = Engine::start(Fault::None);
    let site = Site::new(SYSLOG, &engine.url(), "");
    let punt = site.start();
    let (count, tcp) = (COUNT.to_string(), punt.address("tcp").port().to_string());
    let path = |name: &str| site.path(name).display().to_string();
    let common = ["-Q", "-r", "100000", "-s", "200", "-n", count.as_str()];
    let run = |arguments: &[&str]| loggen(&[&common, arguments].concat());
    run(&["-i", "-S", "127.0.0.1", &tcp]);
    run(&["-i", "-S", "-P", "127.0.0.1", &tcp]);
    run(&["-i", "-S", "-P", "-p", "[a@1 k=\"v\"]", "127.0.0.1", &tcp]);
    run(&["-x", "-S", &path("stream")]);
    run(&["-x", "-D", &path("datagram")]);
    engine.wait_for(5 * COUNT);
    settled(&punt, 5 * COUNT);
    let all = documents(&engine);
    let broken = all.iter().find(|document| {
        !document["message"]
            .as_str()
            .is_some_and(|text| text.starts_with("seq: ") && !text.ends_with('\n'))
            || document["service.name"]
                .as_str()
                .is_none_or(|name| !name.starts_with("prg"))
    });
    assert_eq!(broken, None);
    let structured = all
        .iter()
        .filter(|document| document["log.syslog.structured_data.a@1.k"] == "v");
    assert_eq!(structured.count(), COUNT);
}

fn numbered(site: &Site) -> String {
    let path = site.path("app.log");
    let mut file = std::fs::File::create(&path).expect("the file");
    for number in 0..1000 {
        writeln!(file, "with \"quotes\", ünï and message {number}").expect("written");
    }
    path.display().to_string()
}

#[test]
fn syslog_ng_forwards_in_both_formats() {
    let engine = Engine::start(Fault::None);
    let site = Site::new(SYSLOG, &engine.url(), "");
    let punt = site.start();
    let (file, port) = (numbered(&site), punt.address("tcp").port());
    let config = format!(
        "@version: 3.38\n\
         source s {{ file(\"{file}\" flags(no-parse) program-override(\"app\") multi-line-mode(none)); }};\n\
         destination old {{ network(\"127.0.0.1\" port({port}) transport(\"tcp\")); }};\n\
         destination new {{ syslog(\"127.0.0.1\" port({port}) transport(\"tcp\") persist-name(\"new\")); }};\n\
         log {{ source(s); destination(old); destination(new); }};\n"
    );
    std::fs::write(site.path("syslog-ng.conf"), config).expect("written");
    let path = |name: &str| site.path(name).display().to_string();
    let _sender = start(Command::new("syslog-ng").args([
        "-F",
        "--no-caps",
        "-f",
        &path("syslog-ng.conf"),
        "-R",
        &path("persist"),
        "-c",
        &path("control"),
        "-p",
        &path("pid"),
    ]));
    engine.wait_for(2000);
    settled(&punt, 2000);
    assert!(documents(&engine).iter().all(|document| {
        document["service.name"] == "app"
            && document["message"]
                .as_str()
                .is_some_and(|text| text.starts_with("with \"quotes\", ünï"))
    }));
}

#[test]
fn rsyslog_forwards_in_both_formats_and_framings() {
    let engine = Engine::start(Fault::None);
    let site = Site::new(SYSLOG, &engine.url(), "");
    let punt = site.start();
    let (file, port) = (numbered(&site), punt.address("tcp").port());
    let root = site.folder.path().display();
    let config = format!(
        "global(workDirectory=\"{root}\")\nmodule(load=\"imfile\" mode=\"polling\" pollingInterval=\"1\")\n\
         input(type=\"imfile\" file=\"{file}\" tag=\"app:\")\n\
         action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{port}\" protocol=\"tcp\" \
         template=\"RSYSLOG_TraditionalForwardFormat\")\n\
         action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{port}\" protocol=\"tcp\" \
         template=\"RSYSLOG_ForwardFormat\")\n\
         action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{port}\" protocol=\"tcp\" \
         template=\"RSYSLOG_SyslogProtocol23Format\" TCP_Framing=\"octet-counted\")\n"
    );
    std::fs::write(site.path("rsyslog.conf"), config).expect("written");
    let folder = Program::Rsyslog.folder().expect("rsyslog is unpacked");
    let mut command = Program::Rsyslog
        .command("usr/sbin/rsyslogd")
        .expect("rsyslog is unpacked");
    command
        .arg("-n")
        .arg("-f")
        .arg(site.path("rsyslog.conf"))
        .arg("-i")
        .arg(site.path("rsyslog.pid"));
    command
        .arg("-M")
        .arg(folder.join("usr/lib/x86_64-linux-gnu/rsyslog"));
    let _sender = start(&mut command);
    let ours = || {
        let all = documents(&engine);
        all.into_iter()
            .filter(|document| document["service.name"] == "app")
            .collect::<Vec<_>>()
    };
    until("each line came three times", || {
        (ours().len() == 3000).then_some(())
    });
    assert!(ours().iter().all(|document| {
        document["message"]
            .as_str()
            .is_some_and(|text| text.starts_with("with \"quotes\", ünï"))
    }));
    assert_eq!(punt.counter("source", "failed"), 0);
    assert_law(&punt);
}

#[test]
fn nginx_logs_by_syslog_and_into_a_file() {
    let engine = Engine::start(Fault::None);
    let source = format!("{SYSLOG}[sources.file]\ntype = \"file\"\npaths = [\"ROOT/access.log\"]\n");
    let site = Site::new(&source, &engine.url(), "");
    let punt = site.start();
    let address = Engine::reserve();
    let root = site.folder.path().display();
    let config = format!(
        "daemon off;\nworker_processes 1;\npid {root}/nginx.pid;\nerror_log {root}/error.log;\n\
         events {{ worker_connections 64; }}\n\
         http {{\n  client_body_temp_path {root}/body;\n  proxy_temp_path {root}/proxy;\n  fastcgi_temp_path {root}/f;\n\
           uwsgi_temp_path {root}/u;\n  scgi_temp_path {root}/s;\n\
           access_log {root}/access.log combined;\n\
           access_log syslog:server={},tag=web combined;\n\
           server {{ listen {address}; location / {{ return 204; }} }}\n}}\n",
        punt.address("udp")
    );
    std::fs::write(site.path("nginx.conf"), config).expect("written");
    let mut command = Program::Nginx
        .command("usr/sbin/nginx")
        .expect("nginx is unpacked");
    command
        .arg("-p")
        .arg(site.folder.path())
        .arg("-c")
        .arg(site.path("nginx.conf"));
    command
        .arg("-e")
        .arg(site.path("error.log"))
        .stderr(Stdio::null());
    let _sender = start(&mut command);
    until("nginx listens", || std::net::TcpStream::connect(address).ok());
    for number in 0..50 {
        assert_eq!(
            send(address, "GET", &format!("/page/{number}"), &[], b"").status,
            204
        );
    }
    engine.wait_for(100);
    let all = documents(&engine);
    let by_syslog: Vec<&Value> = all
        .iter()
        .filter(|document| document["service.name"] == "web")
        .collect();
    assert_eq!(by_syslog.len(), 50);
    let line = |document: &Value| {
        document["message"]
            .as_str()
            .is_some_and(|text| text.contains("\"GET /page/"))
    };
    assert!(all.iter().all(line));
    punt.wait_for_counter("sink", "acknowledged", 100);
    assert_law(&punt);
}
