//! Listening sockets that a supervisor opened and this process inherits, and sockets that outlive what uses them.
//!
//! The protocol is systemd's `sd_listen_fds(3)`: `LISTEN_FDS` sockets from descriptor 3 on, named by
//! `LISTEN_FDNAMES` (colon-separated). A socket that its owner keeps open refuses no connection while the
//! process behind it is replaced: clients wait in the backlog.
//!
//! The same holds inside a process that [`Sockets::keep`]s: a part of it that is replaced (with a reload) gets a
//! copy of the socket that its predecessor used, with what waits in it.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;

/// The sockets of this process, by name. Nothing is inherited when it was started by hand.
#[derive(Debug, Default)]
pub struct Sockets {
    inherited: Vec<(String, TcpListener)>,
    /// None: a socket is closed by whoever took it.
    kept: Option<Kept>,
}

/// Sockets that are kept for the next owner.
#[derive(Debug, Clone, Default)]
struct Kept {
    owner: String,
    sockets: Vec<KeptSocket>,
}

#[derive(Debug, Clone)]
struct KeptSocket {
    owner: String,
    name: String,
    address: SocketAddr,
    socket: Socket,
}

#[derive(Debug, Clone)]
enum Socket {
    Tcp(Arc<TcpListener>),
    Udp(Arc<UdpSocket>),
}

/// What was kept at one moment, for [`Sockets::restore`].
#[derive(Debug)]
pub struct Snapshot(Option<Kept>);

// === impl Sockets ===

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
        Ok(Self {
            inherited,
            kept: None,
        })
    }

    /// Keeps a copy of every socket from now on, so that it can be taken again under its name and address.
    pub fn keep(&mut self) {
        self.kept.get_or_insert_default();
    }

    /// Who takes sockets from now on. Sockets on a port that the system chooses are told apart by it.
    pub fn owner(&mut self, owner: &str) -> &mut Self {
        if let Some(kept) = &mut self.kept {
            owner.clone_into(&mut kept.owner);
        }
        self
    }

    /// What is kept now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.kept.clone())
    }

    /// Closes what was bound since the snapshot, unless it is in use.
    pub fn restore(&mut self, snapshot: Snapshot) {
        self.kept = snapshot.0;
    }

    /// Keeps the sockets of these owners only.
    pub fn retain(&mut self, owned: impl Fn(&str) -> bool) {
        if let Some(kept) = &mut self.kept {
            kept.sockets.retain(|socket| owned(&socket.owner));
        }
    }

    /// The inherited socket called `name`, or the kept one, or else a new one bound to `address`.
    /// Needs a tokio runtime. The error of a taken port names the address.
    pub fn take_or_bind(&mut self, name: &str, address: SocketAddr) -> io::Result<tokio::net::TcpListener> {
        if let Some(Socket::Tcp(listener)) = self.kept(name, address) {
            return tokio::net::TcpListener::from_std(listener.try_clone()?);
        }
        let listener = match self.inherited.iter().position(|(n, _)| n == name) {
            Some(index) => self.inherited.swap_remove(index).1,
            None => TcpListener::bind(address).map_err(|error| {
                io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
            })?,
        };
        listener.set_nonblocking(true)?;
        if self.kept.is_some() {
            let copy = Socket::Tcp(Arc::new(listener.try_clone()?));
            self.keep_copy(name, address, copy);
        }
        tokio::net::TcpListener::from_std(listener)
    }

    /// The kept datagram socket called `name`, or else the one that `bind` makes for `address`.
    pub fn take_or_bind_udp(
        &mut self,
        name: &str,
        address: SocketAddr,
        bind: impl FnOnce(SocketAddr) -> io::Result<UdpSocket>,
    ) -> io::Result<UdpSocket> {
        if let Some(Socket::Udp(socket)) = self.kept(name, address) {
            return socket.try_clone();
        }
        let socket = bind(address)?;
        if self.kept.is_some() {
            let copy = Socket::Udp(Arc::new(socket.try_clone()?));
            self.keep_copy(name, address, copy);
        }
        Ok(socket)
    }

    fn kept(&mut self, name: &str, address: SocketAddr) -> Option<Socket> {
        let kept = self.kept.as_mut()?;
        let owner = &kept.owner;
        let found = kept.sockets.iter_mut().find(|socket| {
            // A port of one's own choice is one's own; one that is given is the same socket for everybody.
            let same = socket.name == name && socket.address == address;
            same && (address.port() != 0 || socket.owner == *owner)
        })?;
        owner.clone_into(&mut found.owner);
        Some(found.socket.clone())
    }

    fn keep_copy(&mut self, name: &str, address: SocketAddr, socket: Socket) {
        if let Some(kept) = &mut self.kept {
            kept.sockets.push(KeptSocket {
                owner: kept.owner.clone(),
                name: name.to_owned(),
                address,
                socket,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[tokio::test]
    async fn a_kept_socket_is_taken_again_by_its_owner_only() {
        let mut sockets = Sockets::default();
        sockets.keep();
        let first = sockets.owner("a").take_or_bind("tcp", any()).unwrap();
        let again = sockets.owner("a").take_or_bind("tcp", any()).unwrap();
        assert_eq!(first.local_addr().unwrap(), again.local_addr().unwrap());
        let other = sockets.owner("b").take_or_bind("tcp", any()).unwrap();
        assert_ne!(first.local_addr().unwrap(), other.local_addr().unwrap());
        sockets.retain(|owner| owner == "b");
        let new = sockets.owner("a").take_or_bind("tcp", any()).unwrap();
        assert_ne!(first.local_addr().unwrap(), new.local_addr().unwrap());
    }

    #[tokio::test]
    async fn what_was_bound_in_vain_is_closed_again() {
        let mut sockets = Sockets::default();
        sockets.keep();
        let before = sockets.snapshot();
        let bound = sockets.take_or_bind("tcp", any()).unwrap();
        let address = bound.local_addr().unwrap();
        drop(bound);
        sockets.restore(before);
        assert!(TcpListener::bind(address).is_ok());
    }

    #[tokio::test]
    async fn a_process_that_keeps_nothing_closes_what_it_drops() {
        let mut sockets = Sockets::default();
        let bound = sockets.take_or_bind("tcp", any()).unwrap();
        let address = bound.local_addr().unwrap();
        drop(bound);
        assert!(TcpListener::bind(address).is_ok());
    }
}
