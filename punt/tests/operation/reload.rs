//! Reloads under load: connections stay, nothing is lost, a bad configuration changes nothing.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use nix::sys::signal::Signal;

use crate::engine::{Engine, Fault};
use crate::process::{Punt, Site, component};
use crate::wait::until;

const SYSLOG: &str = "[sources.syslog]\ntype = \"syslog\"\ntcp = \"127.0.0.1:0\"";

/// Sends messages over one connection, in pieces that respect no line, until all are sent.
fn send_slowly(mut stream: TcpStream, numbers: std::ops::Range<usize>) {
    let mut text = String::new();
    for number in numbers {
        text.push_str(&format!("<13>Nov 24 09:46:51 host app[7]: message {number}\n"));
    }
    for piece in text.as_bytes().chunks(997) {
        stream.write_all(piece).expect("punt reads on");
        std::thread::park_timeout(std::time::Duration::from_micros(300));
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).expect("punt listens")
}

fn reloaded(punt: &Punt) -> String {
    let (code, said, complaints) = punt.reload();
    assert_eq!(code, Some(0), "{complaints}");
    said
}

#[test]
fn connections_stay_through_reloads_of_source_sink_and_routes_and_nothing_is_lost() {
    const CLIENTS: usize = 4;
    const EACH: usize = 12_000;
    let engine = Engine::start(Fault::None);
    let site = Site::new(SYSLOG, &engine.url(), "");
    let punt = site.start();
    let address = punt.address("tcp");
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let stream = connect(address);
            scope.spawn(move || send_slowly(stream, client * EACH..(client + 1) * EACH));
        }
        for round in 0..6 {
            until("some more is stored", || {
                (engine.count() > round * 4_000).then_some(())
            });
            let skew = format!("{SYSLOG}\nmax_clock_skew = \"{}d\"", 30_000 + round);
            let route = format!("{SYSLOG}\n[routes.all]\nsinks = [\"logs\"]");
            match round % 3 {
                0 => site.configure(SYSLOG, &engine.url(), &format!("batch_events = {}", 50 + round)),
                1 => site.configure(&skew, &engine.url(), ""),
                _ => site.configure(&route, &engine.url(), ""),
            }
            let said = reloaded(&punt);
            let expected = ["changed: sink logs", "source syslog", "routes"][round % 3];
            assert!(said.contains(expected), "{round}: {said}");
        }
    });
    engine.wait_for(CLIENTS * EACH);
    engine.assert_each_once(CLIENTS * EACH);
    // A replaced source still listens where it did.
    let mut late = connect(address);
    writeln!(
        late,
        "<13>Nov 24 09:46:51 host app[7]: message {}",
        CLIENTS * EACH
    )
    .expect("sent");
    drop(late);
    engine.wait_for(CLIENTS * EACH + 1);
    punt.assert_balance();
}

#[test]
fn a_reload_of_what_did_not_change_touches_nothing() {
    let engine = Engine::start(Fault::None);
    let site = Site::new(SYSLOG, &engine.url(), "");
    let punt = site.start();
    assert!(reloaded(&punt).contains("nothing changed"));
    punt.signal(Signal::SIGHUP);
    punt.wait_for_log("the configuration was reloaded");
    punt.send(0, 10);
    engine.wait_for(10);
}

#[test]
fn a_bad_configuration_is_refused_with_all_its_faults_and_the_old_one_stays() {
    let engine = Engine::start(Fault::None);
    let site = Site::new(SYSLOG, &engine.url(), "");
    let punt = site.start();
    site.configure(SYSLOG, &engine.url(), "concurency = 3\nbatch_events = \"many\"");
    let (code, _, complaints) = punt.reload();
    assert_eq!(code, Some(78));
    for part in ["concurency", "batch_events", "the old configuration stays"] {
        assert!(complaints.contains(part), "{part} in {complaints}");
    }
    punt.signal(Signal::SIGHUP);
    punt.wait_for_log("the configuration stays as it was");
    punt.send(0, 10);
    engine.wait_for(10);
    // Valid, and yet it cannot be put into force: the port is taken.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let other = format!(
        "{SYSLOG}\n[sources.more]\ntype = \"syslog\"\ntcp = \"{}\"",
        taken.local_addr().expect("an address")
    );
    site.configure(&other, &engine.url(), "batch_events = 7");
    let (code, _, complaints) = punt.reload();
    assert_eq!(code, Some(78), "{complaints}");
    assert!(complaints.contains("cannot listen on"), "{complaints}");
    punt.send(10, 10);
    engine.wait_for(20);
    punt.assert_balance();
}

#[test]
fn a_sink_that_takes_nothing_and_whose_buffer_is_full_can_be_pointed_elsewhere() {
    const EVENTS: usize = 40_000;
    let nobody = Engine::reserve();
    let small = "buffer = { max_bytes = 1048576, when_full = \"block\" }";
    let site = Site::new(SYSLOG, &format!("http://{nobody}"), small);
    let punt = site.start();
    let address = punt.address("tcp");
    std::thread::scope(|scope| {
        scope.spawn(|| send_slowly(connect(address), 0..EVENTS));
        punt.wait_for_log("the buffer is full");
        // Still failing, still full: the reload is done all the same.
        site.configure(
            SYSLOG,
            &format!("http://{nobody}"),
            &format!("{small}\nbatch_events = 100"),
        );
        assert!(reloaded(&punt).contains("changed: sink logs"));
        let engine = Engine::start(Fault::None);
        site.configure(SYSLOG, &engine.url(), &format!("{small}\nbatch_events = 100"));
        assert!(reloaded(&punt).contains("changed: sink logs"));
        engine.wait_for(EVENTS);
        engine.assert_each_once(EVENTS);
    });
    punt.assert_balance();
}

#[test]
fn a_sink_that_hangs_is_replaced_without_waiting_for_its_answer() {
    let stuck = Engine::start(Fault::StoreAndHang);
    let site = Site::new(SYSLOG, &stuck.url(), "request_timeout_ms = 600000");
    let punt = site.start();
    punt.send(0, 1000);
    until("the request hangs", || (stuck.count() > 0).then_some(()));
    let engine = Engine::start(Fault::None);
    site.configure(SYSLOG, &engine.url(), "");
    assert!(reloaded(&punt).contains("changed: sink logs"));
    engine.wait_for(1000);
    engine.assert_each_once(1000);
    punt.assert_balance();
    stuck.set(Fault::None);
}

#[test]
fn a_removed_sink_keeps_what_it_cannot_send_and_sends_it_when_it_is_back() {
    let (engine, nobody) = (Engine::start(Fault::None), Engine::reserve());
    let second = |url: &str| {
        format!(
            "{SYSLOG}\n[sinks.second]\ntype = \"elasticsearch\"\nurl = \"{url}\"\nretry_max_ms = 50\nbatch_timeout_ms = 20"
        )
    };
    let site = Site::new(&second(&format!("http://{nobody}")), &engine.url(), "");
    let punt = site.start();
    punt.send(0, 500);
    engine.wait_for(500);
    site.configure(SYSLOG, &engine.url(), "");
    let said = reloaded(&punt);
    assert!(said.contains("removed: sink second"), "{said}");
    assert!(said.contains("data/buffer/second"), "{said}");
    punt.send(500, 500);
    engine.wait_for(1000);
    let other = Engine::start_at(nobody, Fault::None);
    site.configure(&second(&other.url()), &engine.url(), "");
    assert!(reloaded(&punt).contains("added: sink second"));
    other.wait_for(500);
    other.assert_each_once(500);
    punt.send(1000, 10);
    other.wait_for(510);
    engine.wait_for(1010);
    punt.assert_balance();
}

#[test]
fn a_removed_source_lets_its_senders_finish_and_its_counters_stay() {
    let engine = Engine::start(Fault::None);
    let two = format!("{SYSLOG}\n[sources.app]\ntype = \"file\"\npaths = [\"ROOT/log/*.log\"]");
    let site = Site::new(&two, &engine.url(), "");
    std::fs::create_dir_all(site.path("log")).expect("the folder");
    let punt = site.start();
    let mut stream = connect(punt.address("tcp"));
    write!(stream, "<13>Nov 24 09:46:51 host app[7]: mess").expect("sent");
    let files = two.replace(SYSLOG, "");
    site.configure(&files, &engine.url(), "");
    assert!(reloaded(&punt).contains("removed: source syslog"));
    writeln!(stream, "age 0").expect("read on");
    drop(stream);
    engine.wait_for(1);
    assert_eq!(engine.messages(), ["message 0"]);
    assert_eq!(component(&punt.stats(), "source")["name"], "app");
    punt.assert_balance();
}

#[test]
fn a_file_source_whose_settings_change_goes_on_where_it_was() {
    const EACH: usize = 5_000;
    let engine = Engine::start(Fault::None);
    let source = "[sources.app]\ntype = \"file\"\npaths = [\"ROOT/log/*.log\"]";
    let site = Site::new(source, &engine.url(), "batch_events = 100");
    std::fs::create_dir_all(site.path("log")).expect("the folder");
    let log = site.path("log/app.log");
    let append = |path: &Path, numbers: std::ops::Range<usize>| {
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .expect("the file");
        for number in numbers {
            writeln!(file, "message {number}").expect("written");
        }
    };
    let punt = site.start();
    for round in 0..5 {
        append(&log, round * EACH..round * EACH + EACH / 2);
        let changed = format!("{source}\nmax_line_bytes = {}", 100_000 + round);
        site.configure(&changed, &engine.url(), "batch_events = 100");
        assert!(reloaded(&punt).contains("changed: source app"));
        append(&log, round * EACH + EACH / 2..(round + 1) * EACH);
    }
    engine.wait_for(5 * EACH);
    engine.assert_each_once(5 * EACH);
    punt.assert_balance();
}

#[test]
fn what_cannot_change_while_punt_runs_is_refused_by_name() {
    let engine = Engine::start(Fault::None);
    let site = Site::new(SYSLOG, &engine.url(), "");
    let punt = site.start();
    let path = site.path("punt.toml");
    let text = std::fs::read_to_string(&path).expect("the configuration");
    std::fs::write(&path, text.replace("data\"\n", "elsewhere\"\n")).expect("written");
    let (code, _, complaints) = punt.reload();
    assert_eq!(code, Some(78));
    assert!(
        complaints.contains("data and control cannot change"),
        "{complaints}"
    );
}
