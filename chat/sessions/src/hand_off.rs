//! Handing sessions over to the node that the ring names: on a drain, and whenever a node joins or goes.
//!
//! A session is frozen while its state travels, so it exists in one place at a time; when the peer has it, the
//! gateway is told where to attach. A hand-over that fails is undone, and tried again at the next tick: the session
//! is served here as long as it is here.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use chat_proto::service::sessions::{Ask, Request, SessionState, Sessions};
use chat_proto::{Cluster, GuildId, NodeName};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::limits::{HAND_OFF_BYTES, HAND_OFF_CALLS, HAND_OFF_SESSIONS, TICK};
use crate::service::{Held, Service};

impl Service {
    /// Hands over what the ring gives to others, until the node stops.
    pub(crate) async fn run_hand_off(self: Arc<Self>) {
        let mut changes = self.node.changes();
        let work = async {
            loop {
                self.hand_over_all().await;
                tokio::select! {
                    Ok(()) = changes.changed() => {
                        *self.changed_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
                    }
                    () = tokio::time::sleep(TICK) => {}
                }
            }
        };
        self.stop.run_until_cancelled(work).await;
    }

    async fn hand_over_all(self: &Arc<Self>) {
        let mut peers = self.foreign();
        if peers.is_empty() {
            return;
        }
        let began = Instant::now();
        let mut calls = JoinSet::new();
        let (mut moved, mut failed) = (0usize, 0usize);
        let mut count = |outcome: Result<(usize, usize), tokio::task::JoinError>| {
            let (done, left) = outcome.unwrap_or((0, 0));
            moved += done;
            failed += left;
        };
        for (peer, cells) in peers.drain() {
            if calls.len() >= HAND_OFF_CALLS
                && let Some(outcome) = calls.join_next().await
            {
                count(outcome);
            }
            let service = self.clone();
            calls.spawn(async move { service.hand_over(&peer, cells).await });
        }
        while let Some(outcome) = calls.join_next().await {
            count(outcome);
        }
        if moved > 0 {
            info!(
                event.action = "sessions-handed-over",
                sessions = moved,
                left = failed,
                after_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
                "sessions handed over"
            );
        }
    }

    /// The sessions that the ring gives to others, by node. None when the ring is empty: then there is nobody.
    fn foreign(&self) -> HashMap<NodeName, Vec<Held>> {
        let view = self.node.view();
        let mut peers: HashMap<NodeName, Vec<Held>> = HashMap::new();
        for cell in self.registry.all() {
            if let Some(owner) = view.owner(Cluster::Sessions, cell.id().as_str())
                && owner.node != *self.node.name()
            {
                peers.entry(owner.node.clone()).or_default().push(cell);
            }
        }
        peers
    }

    /// Returns how many were handed over and how many were not.
    async fn hand_over(self: &Arc<Self>, peer: &NodeName, mut cells: Vec<Held>) -> (usize, usize) {
        let mut moved = 0;
        while !cells.is_empty() {
            let (batch, states) = freeze(&mut cells);
            if batch.is_empty() {
                continue;
            }
            let request = Request {
                generation: self.node.view().generation(),
                ask: Ask::HandOff { sessions: states },
            };
            match self.node.call::<Sessions>(peer, &request).await {
                Ok(_) => {
                    moved += batch.len();
                    metrics::counter!("sessions_handed_over_total").increment(batch.len() as u64);
                    for cell in &batch {
                        cell.with(|session| session.moved(peer.clone()));
                        self.retire(cell, false);
                    }
                }
                Err(error) => {
                    let left = batch.len() + cells.len();
                    warn!(%error, labels.peer = %peer, sessions = left, "cannot hand sessions over, serving them on");
                    for cell in batch {
                        self.thaw(cell);
                    }
                    return (moved, left);
                }
            }
        }
        (moved, 0)
    }

    fn thaw(&self, cell: Held) {
        let guilds: Vec<GuildId> = cell.with(|session| {
            session.thaw();
            session.guilds().collect()
        });
        // Events passed while it was silent: its feeds look where it stands.
        self.join_feeds(cell, guilds);
    }
}

/// Freezes the next sessions, as many as one message carries.
fn freeze(cells: &mut Vec<Held>) -> (Vec<Held>, Vec<SessionState>) {
    let (mut batch, mut states, mut bytes) = (Vec::new(), Vec::new(), 0usize);
    while batch.len() < HAND_OFF_SESSIONS && bytes < HAND_OFF_BYTES {
        let Some(cell) = cells.pop() else { break };
        // One that is over needs no hand-over.
        if let Some(state) = cell.with(|session| session.freeze()) {
            bytes += state.outbox.iter().map(|frame| frame.d.len()).sum::<usize>();
            batch.push(cell);
            states.push(state);
        }
    }
    (batch, states)
}
