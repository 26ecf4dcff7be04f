//! One session behind its lock, and the pump that pushes what lagging gateways had no room for.
//!
//! [`Cell::with`] is the only way in: whoever leaves a session lagging hands it to the pump. The lock is never held
//! across an await, and nothing done under it waits.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use chat_proto::{SessionId, UserId};
use tokio::sync::Notify;

use crate::limits::{FLUSH_FRAMES, PUMP_PAUSE};
use crate::session::{Flush, Session};
use crate::wire::Wire;

/// A session that several tasks share.
pub(crate) struct Cell<W> {
    id: SessionId,
    user: UserId,
    session: Mutex<Session<W>>,
    pump: Arc<Pump<W>>,
}

/// The lagging sessions of a node: at most all of them.
pub(crate) struct Pump<W> {
    lagging: Mutex<HashMap<SessionId, Arc<Cell<W>>>>,
    depth: AtomicUsize,
    wake: Notify,
    /// Told how many frames sessions gave out.
    count: Count,
}

type Count = Box<dyn Fn(u64) + Send + Sync>;

// === impl Cell ===

impl<W: Wire> Cell<W> {
    /// A shared session whose lagging frames `pump` pushes.
    pub(crate) fn new(session: Session<W>, pump: Arc<Pump<W>>) -> Arc<Self> {
        Arc::new(Self {
            id: session.start().session.clone(),
            user: session.start().user.id,
            session: Mutex::new(session),
            pump,
        })
    }

    /// The session's id.
    pub(crate) fn id(&self) -> &SessionId {
        &self.id
    }

    /// Whose it is.
    pub(crate) fn user(&self) -> UserId {
        self.user
    }

    /// Does something with the session. `act` must not wait for anything.
    pub(crate) fn with<T>(self: &Arc<Self>, act: impl FnOnce(&mut Session<W>) -> T) -> T {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut session);
        let lags = session.lags();
        let given = session.take_given();
        drop(session);
        if given > 0 {
            (self.pump.count)(given);
        }
        if lags {
            self.pump.add(self.clone());
        }
        result
    }
}

impl<W> fmt::Debug for Cell<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cell")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

// === impl Pump ===

impl<W: Wire> Pump<W> {
    /// A pump without sessions. `count` is told how many frames sessions gave out.
    pub(crate) fn new(count: impl Fn(u64) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            lagging: Mutex::new(HashMap::new()),
            depth: AtomicUsize::new(0),
            wake: Notify::new(),
            count: Box::new(count),
        })
    }

    /// How many sessions lag.
    pub(crate) fn depth(&self) -> usize {
        self.depth.load(Ordering::Relaxed)
    }

    fn add(&self, cell: Arc<Cell<W>>) {
        let mut lagging = self.lagging.lock().unwrap_or_else(PoisonError::into_inner);
        if lagging.insert(cell.id.clone(), cell).is_none() {
            self.depth.store(lagging.len(), Ordering::Relaxed);
            self.wake.notify_one();
        }
    }

    /// Gives every lagging session a turn. Returns whether some gateway had no room.
    pub(crate) fn turn(&self) -> bool {
        let turns = {
            let mut lagging = self.lagging.lock().unwrap_or_else(PoisonError::into_inner);
            // Under the lock, so that it cannot undo what an `add` has stored.
            self.depth.store(0, Ordering::Relaxed);
            std::mem::take(&mut *lagging)
        };
        let mut full = false;
        for cell in turns.into_values() {
            cell.with(|session| {
                full |= session.flush(FLUSH_FRAMES) == Flush::Full;
                session.shed_if_stuck(Instant::now());
            });
        }
        full
    }

    /// Pushes until it is dropped.
    pub(crate) async fn run(&self) {
        loop {
            self.wake.notified().await;
            while self.depth() > 0 {
                if self.turn() {
                    tokio::time::sleep(PUMP_PAUSE).await;
                } else {
                    tokio::task::yield_now().await;
                }
            }
        }
    }
}

impl<W> fmt::Debug for Pump<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pump")
            .field("depth", &self.depth)
            .finish_non_exhaustive()
    }
}
