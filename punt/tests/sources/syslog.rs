//! Syslog over every kind of socket.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

use rustls::{ClientConnection, StreamOwned};
use serde_json::Value;

use crate::certificates;
use crate::engine::{Engine, Fault};
use crate::law::assert_law;
use crate::process::{Punt, Site, component};
use crate::wait::until;

fn lines(numbers: std::ops::Range<usize>) -> String {
    let mut text = String::new();
    for number in numbers {
        let _ = writeln!(text, "<13>Nov 24 09:46:51 app[7]: message {number}");
    }
    text
}

fn documents(engine: &Engine) -> Vec<Value> {
    engine.stored().documents.values().cloned().collect()
}

#[test]
fn unix_sockets_take_streams_and_datagrams_and_leave_no_path_behind() {
    let engine = Engine::start(Fault::None);
    let source = "[sources.local]\ntype = \"syslog\"\nunix_stream = \"ROOT/stream\"\n\
                  unix_datagram = \"ROOT/datagram\"\nunix_mode = 0o600";
    let site = Site::new(source, &engine.url(), "");
    // Left by a process that was killed.
    drop(UnixListener::bind(site.path("stream")).expect("bound"));
    let punt = site.start();
    let mut stream = UnixStream::connect(site.path("stream")).expect("punt listens");
    stream.write_all(lines(0..100).as_bytes()).expect("sent");
    // glibc's syslog(3) ends a message on a stream with a zero byte.
    stream
        .write_all(b"<13>Nov 24 09:46:51 app: message 100\0<13>app: message 101")
        .expect("sent");
    drop(stream);
    let socket = UnixDatagram::unbound().expect("a socket");
    for number in 102..200 {
        let text = format!("<13>Nov 24 09:46:51 app[7]: message {number}");
        socket
            .send_to(text.as_bytes(), site.path("datagram"))
            .expect("sent");
    }
    engine.wait_for(200);
    engine.assert_each_once(200);
    assert!(
        documents(&engine)
            .iter()
            .all(|document| document["source.ip"].is_null())
    );
    punt.wait_for_counter("sink", "acknowledged", 200);
    assert_law(&punt);
    punt.terminate();
    assert!(!site.path("stream").exists() && !site.path("datagram").exists());
}

fn tls(punt: &Punt, site: &Site, with_certificate: bool) -> StreamOwned<ClientConnection, TcpStream> {
    let config = certificates::client(site.folder.path(), with_certificate);
    let name = "localhost".try_into().expect("a name");
    let stream = TcpStream::connect(punt.address("tls")).expect("punt listens");
    StreamOwned::new(ClientConnection::new(config, name).expect("a client"), stream)
}

#[test]
fn tls_takes_who_has_a_certificate_and_counts_who_has_none() {
    let engine = Engine::start(Fault::None);
    let source = "[sources.secure]\ntype = \"syslog\"\ntcp = \"127.0.0.1:0\"\n\
                  tls = { certificate = \"ROOT/server.pem\", key = \"ROOT/server.key\", client_ca = \"ROOT/ca.pem\" }";
    let site = Site::new(source, &engine.url(), "");
    certificates::write(site.folder.path());
    let punt = site.start();
    let mut stream = tls(&punt, &site, true);
    let mut text = String::new();
    for number in 0..500 {
        // RFC 5425: octet counting.
        let frame = format!("<13>1 2026-11-24T09:46:51Z host app 7 - - message {number}");
        let _ = write!(text, "{} {frame}", frame.len());
    }
    stream.write_all(text.as_bytes()).expect("sent");
    stream.conn.send_close_notify();
    stream.flush().expect("sent");
    drop(stream);
    engine.wait_for(500);
    let mut stranger = tls(&punt, &site, false);
    drop(stranger.write_all(b"<13>app: message 500\n"));
    let refused = stranger.read(&mut [0; 10]);
    assert!(refused.is_err(), "{refused:?}");
    // Plain text on a TLS port.
    let mut plain = TcpStream::connect(punt.address("tls")).expect("punt listens");
    plain.write_all(b"<13>app: message 501\n").expect("sent");
    punt.wait_for_counter("source", "failed_handshakes", 2);
    engine.assert_each_once(500);
    assert_law(&punt);
}

#[test]
fn the_proxy_protocol_names_the_true_sender_and_who_does_not_speak_it_is_refused() {
    let engine = Engine::start(Fault::None);
    let source = "[sources.proxied]\ntype = \"syslog\"\ntcp = \"127.0.0.1:0\"\nproxy_protocol = true";
    let site = Site::new(source, &engine.url(), "");
    let punt = site.start();
    let send = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(punt.address("tcp")).expect("punt listens");
        stream.write_all(bytes).expect("sent");
    };
    send(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 514\r\n<13>app: message 0\n<13>app: message 1");
    send(b"<13>app: no header\n");
    engine.wait_for(2);
    assert!(
        documents(&engine)
            .iter()
            .all(|document| document["source.ip"] == "192.0.2.7")
    );
    punt.wait_for_counter("source", "failed_handshakes", 1);
    assert_law(&punt);
}

#[test]
fn what_is_over_the_rate_is_dropped_and_counted_or_waits() {
    let engine = Engine::start(Fault::None);
    let source = "[sources.limited]\ntype = \"syslog\"\ntcp = \"127.0.0.1:0\"\nmax_events_per_second = 100\n\
                  when_limited = \"drop\"";
    let site = Site::new(source, &engine.url(), "");
    let punt = site.start();
    let mut stream = TcpStream::connect(punt.address("tcp")).expect("punt listens");
    stream.write_all(lines(0..5000).as_bytes()).expect("sent");
    drop(stream);
    punt.wait_for_counter("source", "received", 5000);
    assert_law(&punt);
    let dropped = component(&punt.stats(), "source")["dropped"]["rate_limited"].as_u64();
    engine.wait_for(5000 - usize::try_from(dropped.expect("some were dropped")).expect("a count"));
    punt.terminate();

    let engine = Engine::start(Fault::None);
    site.configure(
        &source.replace("\"drop\"", "\"block\"").replace("100", "2000"),
        &engine.url(),
        "",
    );
    let punt = site.start();
    punt.send(0, 5000);
    engine.wait_for(5000);
    engine.assert_each_once(5000);
    assert_law(&punt);
}

#[test]
fn a_burst_of_datagrams_is_received_or_counted_as_dropped_by_the_kernel() {
    const SENT: u64 = 20_000;
    let address = Engine::reserve();
    let source = "[sources.syslog]\ntype = \"syslog\"\nudp = \"127.0.0.1:0\"";
    // The engine is down and the buffer small: punt stops reading, and the kernel's buffer overflows.
    let site = Site::new(
        source,
        &format!("http://{address}"),
        "buffer = { max_bytes = 1048576 }",
    );
    let punt = site.start();
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let padding = "x".repeat(1000);
    for number in 0..SENT {
        let text = format!("<13>1 2026-11-24T09:46:51Z host app 7 - - {padding} message {number}");
        socket
            .send_to(text.as_bytes(), punt.address("udp"))
            .expect("sent");
    }
    let _engine = Engine::start_at(address, Fault::None);
    // The kernel tells how many it dropped with the next datagram that it takes.
    let more = std::cell::Cell::new(0);
    until("each datagram was received or counted", || {
        let text = format!(
            "<13>1 2026-11-24T09:46:51Z host app 7 - - message {}",
            SENT + more.get()
        );
        socket
            .send_to(text.as_bytes(), punt.address("udp"))
            .expect("sent");
        more.set(more.get() + 1);
        let seen = punt.counter("source", "received") + punt.counter("source", "kernel_dropped");
        (seen >= SENT).then_some(())
    });
    until("the last ones as well", || {
        let seen = punt.counter("source", "received") + punt.counter("source", "kernel_dropped");
        (seen == SENT + more.get()).then_some(())
    });
    assert!(punt.counter("source", "kernel_dropped") > 0);
    assert_law(&punt);
}

#[test]
fn a_corrupt_octet_count_costs_its_frame_and_not_the_connection() {
    let engine = Engine::start(Fault::None);
    let source = "[sources.syslog]\ntype = \"syslog\"\ntcp = \"127.0.0.1:0\"";
    let site = Site::new(source, &engine.url(), "");
    let punt = site.start();
    let mut text = String::new();
    for number in 0..300 {
        let frame = format!("<13>1 2026-11-24T09:46:51Z host app 7 - - message {number} ends");
        let wrong = if number % 100 == 50 { 5 } else { 0 };
        let _ = write!(text, "{} {frame}", frame.len() - wrong);
    }
    text.push_str("<13>app: caf");
    let mut stream = TcpStream::connect(punt.address("tcp")).expect("punt listens");
    stream.write_all(text.as_bytes()).expect("sent");
    stream.write_all(b"\xe9\n<13>app: done").expect("sent");
    drop(stream);
    // Three frames lost their tails, which came as frames of their own.
    punt.wait_for_counter("source", "received", 300 + 3 + 2);
    assert_eq!(punt.counter("source", "resyncs"), 3);
    assert_eq!(punt.counter("source", "not_utf8"), 1);
    engine.wait_for(305);
    assert!(engine.messages().contains(&"message 299 ends".to_owned()));
    assert!(
        documents(&engine)
            .iter()
            .any(|document| document["labels.original_base64"] == "PDEzPmFwcDogY2Fm6Q==")
    );
    assert_law(&punt);
}
