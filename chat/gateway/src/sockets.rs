//! All sockets of the node, and the way of a push to the socket of its session.
//!
//! A push never waits for a client: each session's inbox is bounded, and a full one cuts its socket off.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chat_node::{Link, Receive};
use chat_proto::SessionId;
use chat_proto::service::sessions::{Push, Sessions};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What arrives for a session.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// A push, the connection over which it came, and when.
    Push(Link, Push, Instant),
    /// That connection is lost.
    Lost(Link),
}

/// The sockets.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    /// By socket: tells it to say Reconnect.
    sockets: HashMap<u64, CancellationToken>,
    sessions: HashMap<SessionId, Bound>,
}

/// The socket that has a session.
#[derive(Debug)]
struct Bound {
    socket: u64,
    inbox: mpsc::Sender<Arrival>,
    cut: CancellationToken,
}

/// A socket that is counted; dropping it is its end.
#[derive(Debug)]
pub(crate) struct Ticket {
    sockets: Arc<Sockets>,
    id: u64,
    /// Cancelled when the client is to be told to reconnect.
    pub(crate) reconnect: CancellationToken,
    /// Cancelled when the socket is to end at once.
    pub(crate) cut: CancellationToken,
}

// === impl Sockets ===

impl Sockets {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more socket.
    pub(crate) fn enter(self: &Arc<Self>) -> Ticket {
        let reconnect = CancellationToken::new();
        let mut inner = self.lock();
        inner.next += 1;
        let id = inner.next;
        inner.sockets.insert(id, reconnect.clone());
        metrics::gauge!("gateway_sockets").set(inner.sockets.len() as f64);
        Ticket {
            sockets: self.clone(),
            id,
            reconnect,
            cut: CancellationToken::new(),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.lock().sockets.len()
    }

    /// How much waits in the fullest inbox.
    pub(crate) fn fullest(&self) -> usize {
        let inner = self.lock();
        let waiting = inner.sessions.values().map(|bound| {
            let inbox = &bound.inbox;
            inbox.max_capacity() - inbox.capacity()
        });
        waiting.max().unwrap_or(0)
    }

    /// Tells at most `limit` clients to reconnect that have not been told. Returns how many it told.
    pub(crate) fn wave(&self, limit: usize) -> usize {
        let told = |token: &&CancellationToken| !token.is_cancelled();
        self.lock()
            .sockets
            .values()
            .filter(told)
            .take(limit)
            .map(CancellationToken::cancel)
            .count()
    }

    fn deliver(&self, session: &SessionId, arrival: Arrival) {
        let inner = self.lock();
        // No entry: its socket has just gone, and the Detach is on its way.
        if let Some(bound) = inner.sessions.get(session) {
            bound.deliver(arrival);
        }
    }
}

impl Receive<Sessions> for Sockets {
    async fn push(&self, link: &Link, push: Push) {
        let session = push.session().clone();
        self.deliver(&session, Arrival::Push(link.clone(), push, Instant::now()));
    }

    async fn lost(&self, link: &Link) {
        let inner = self.lock();
        for bound in inner.sessions.values() {
            bound.deliver(Arrival::Lost(link.clone()));
        }
        tracing::info!(
            event.action = "sessions-link-lost",
            labels.peer = %link.node,
            numeric_labels.sessions = inner.sessions.len(),
            "a connection to a sessions node is lost, its sessions are attached again"
        );
    }
}

// === impl Bound ===

impl Bound {
    fn deliver(&self, arrival: Arrival) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.inbox.try_send(arrival)
            && !self.cut.is_cancelled()
        {
            metrics::counter!("gateway_slow_clients_total").increment(1);
            self.cut.cancel();
        }
    }
}

// === impl Ticket ===

impl Ticket {
    /// From now on `inbox` gets what arrives for `session`. A socket that had the session before is cut off: its
    /// client is back on this one.
    pub(crate) fn bind(&self, session: &SessionId, inbox: mpsc::Sender<Arrival>) {
        let bound = Bound {
            socket: self.id,
            inbox,
            cut: self.cut.clone(),
        };
        let before = self.sockets.lock().sessions.insert(session.clone(), bound);
        if let Some(before) = before.filter(|before| before.socket != self.id) {
            before.cut.cancel();
        }
    }

    /// Nothing more for `session`. False when another socket has it now.
    pub(crate) fn unbind(&self, session: &SessionId) -> bool {
        let mut inner = self.sockets.lock();
        let mine = inner
            .sessions
            .get(session)
            .is_some_and(|bound| bound.socket == self.id);
        if mine {
            drop(inner.sessions.remove(session));
        }
        mine
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut inner = self.sockets.lock();
        drop(inner.sockets.remove(&self.id));
        metrics::gauge!("gateway_sockets").set(inner.sockets.len() as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(session: &SessionId) -> Push {
        Push::Moved {
            session: session.clone(),
            to: "sessions-1".into(),
        }
    }

    #[tokio::test]
    async fn a_full_inbox_cuts_its_socket_and_no_other() {
        let sockets = Arc::new(Sockets::default());
        let (slow, quick) = (sockets.enter(), sockets.enter());
        let (slow_inbox, _slow_queue) = mpsc::channel(2);
        let (quick_inbox, mut quick_queue) = mpsc::channel(2);
        let (a, b) = (SessionId::from("a"), SessionId::from("b"));
        slow.bind(&a, slow_inbox);
        quick.bind(&b, quick_inbox);
        let link = Link {
            node: "sessions-0".into(),
            id: 1,
        };
        for _ in 0..3 {
            sockets.push(&link, moved(&a)).await;
        }
        sockets.push(&link, moved(&b)).await;
        assert!(slow.cut.is_cancelled() && !quick.cut.is_cancelled());
        assert_eq!(sockets.fullest(), 2);
        assert!(matches!(quick_queue.recv().await, Some(Arrival::Push(..))));
    }

    #[tokio::test]
    async fn a_session_belongs_to_the_last_socket_that_bound_it() {
        let sockets = Arc::new(Sockets::default());
        let (old, new) = (sockets.enter(), sockets.enter());
        let session = SessionId::from("a");
        let (inbox, _queue) = mpsc::channel(1);
        old.bind(&session, inbox.clone());
        new.bind(&session, inbox);
        assert!(old.cut.is_cancelled() && !new.cut.is_cancelled());
        assert!(!old.unbind(&session), "its end is not the session's");
        assert!(new.unbind(&session));
    }

    #[test]
    fn a_wave_tells_so_many_and_each_once() {
        let sockets = Arc::new(Sockets::default());
        let tickets: Vec<Ticket> = (0..5).map(|_| sockets.enter()).collect();
        assert_eq!([sockets.wave(3), sockets.wave(3), sockets.wave(3)], [3, 2, 0]);
        drop(tickets);
        assert_eq!(sockets.len(), 0);
    }
}
