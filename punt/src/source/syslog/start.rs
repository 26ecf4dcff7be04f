//! From the configuration of a syslog source to its tasks, one a socket.

use std::os::unix::net::UnixListener;
use std::sync::Arc;

use lifecycle::Sockets;
use socket2::{Socket, Type};
use tracing::info;

use super::datagram::{self, Datagrams};
use super::encode::Encoder;
use super::stream::Streams;
use super::unix;
use crate::config::SyslogConfig;
use crate::source::net::{self, Acceptor, Listener};
use crate::source::{Intake, Task};

/// Binds every socket of the source. Needs a tokio runtime.
pub(in crate::source) fn start(
    config: &SyslogConfig,
    intake: &Intake,
    sockets: &mut Sockets,
) -> anyhow::Result<Vec<Task>> {
    let mut tasks = Vec::new();
    let encoder = Arc::new(Encoder::new(config.max_clock_skew));
    let listening = |protocol: &str, address: &dyn std::fmt::Display| {
        info!(event.action = "listening", labels.source = intake.name, labels.protocol = protocol,
              labels.address = %address, "listening for syslog");
    };
    let streams = |listener, tls, proxy, path| Streams {
        acceptor: Acceptor {
            listener,
            tls,
            proxy,
            max_connections: config.max_connections,
            intake: intake.clone(),
        },
        max_frame_bytes: config.max_frame_bytes,
        idle_timeout: config.idle_timeout,
        encoder: Arc::clone(&encoder),
        _path: path,
    };
    let datagrams = |socket, path| Datagrams {
        socket,
        max_frame_bytes: config.max_frame_bytes,
        encoder: Arc::clone(&encoder),
        intake: intake.clone(),
        runtime: tokio::runtime::Handle::current(),
        _path: path,
    };
    if let Some(address) = config.tcp {
        // RFC 5425 names no protocol for ALPN.
        let tls = config
            .tls
            .as_ref()
            .map(|tls| net::acceptor(tls, &[]))
            .transpose()?;
        let listener = sockets.take_or_bind("syslog-tcp", address)?;
        let protocol = if tls.is_some() { "tls" } else { "tcp" };
        listening(protocol, &listener.local_addr()?);
        let streams = streams(Listener::Tcp(listener), tls, config.proxy_protocol, None);
        tasks.push(Task::Async(Box::pin(streams.run())));
    }
    if let Some(path) = &config.unix_stream {
        let (socket, path) = unix::bind(path, Type::STREAM, config.unix_mode)?;
        socket.set_nonblocking(true)?;
        let listener = tokio::net::UnixListener::from_std(UnixListener::from(socket))?;
        listening("unix-stream", &path.as_path().display());
        let streams = streams(Listener::Unix(listener), None, false, Some(path));
        tasks.push(Task::Async(Box::pin(streams.run())));
    }
    if let Some(address) = config.udp {
        let socket = Socket::from(sockets.take_or_bind_udp("syslog-udp", address, datagram::bind)?);
        if let Some(address) = socket.local_addr()?.as_socket() {
            listening("udp", &address);
        }
        let datagrams = datagrams(socket, None);
        tasks.push(Task::Receiver(Box::new(move || datagrams.run())));
    }
    if let Some(path) = &config.unix_datagram {
        let (socket, path) = unix::bind(path, Type::DGRAM, config.unix_mode)?;
        listening("unix-datagram", &path.as_path().display());
        let datagrams = datagrams(socket, Some(path));
        tasks.push(Task::Receiver(Box::new(move || datagrams.run())));
    }
    Ok(tasks)
}
