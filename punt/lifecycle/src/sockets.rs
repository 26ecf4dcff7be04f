//! Listening sockets that a supervisor opened and this process inherits.
//!
//! The protocol is systemd's `sd_listen_fds(3)`: `LISTEN_FDS` sockets from descriptor 3 on, named by
//! `LISTEN_FDNAMES` (colon-separated). A socket that its owner keeps open refuses no connection while the
//! process behind it is replaced: clients wait in the backlog.

use std::io;
use std::net::{SocketAddr, TcpListener};

/// The sockets this process inherited, by name. Empty when it was started by hand.
#[derive(Debug, Default)]
pub struct Sockets {
    inherited: Vec<(String, TcpListener)>,
}

impl Sockets {
    /// Takes the inherited sockets. Call it once, first thing in `main`: it reads and clears the environment,
    /// which is only sound while there is one thread.
    pub fn inherit() -> io::Result<Self> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let names: Vec<&str> = names.split(':').filter(|name| !name.is_empty()).collect();
        let mut fds = listenfd::ListenFd::from_env();
        let mut inherited = Vec::with_capacity(fds.len());
        for index in 0..fds.len() {
            let name = names
                .get(index)
                .map_or_else(|| format!("socket-{index}"), ToString::to_string);
            if let Some(listener) = fds.take_tcp_listener(index)? {
                inherited.push((name, listener));
            }
        }
        Ok(Self { inherited })
    }

    /// The inherited socket called `name`, or else a new one bound to `address`.
    /// Needs a tokio runtime. The error of a taken port names the address.
    pub fn take_or_bind(&mut self, name: &str, address: SocketAddr) -> io::Result<tokio::net::TcpListener> {
        let listener = match self.inherited.iter().position(|(n, _)| n == name) {
            Some(index) => self.inherited.swap_remove(index).1,
            None => TcpListener::bind(address).map_err(|error| {
                io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
            })?,
        };
        listener.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(listener)
    }
}
