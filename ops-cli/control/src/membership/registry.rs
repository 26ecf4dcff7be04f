//! The membership as the control plane serves it: leases, journalled before they are answered.

use std::sync::Arc;
use std::time::Duration;

use chat_admin::{LeaseGrant, LeaseRequest};
use chat_proto::{Generation, Incarnation, MemberState, Membership};
use tokio::sync::{Mutex, Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::leases::{Change, Decision, Leases, TTL, What};
use crate::journal::{Journal, JournalError};

/// The longest that an answer waits for news: well within a lease, which the wait uses up.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Why a lease was not granted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LeaseError {
    /// A newer life of the node holds it.
    #[error("another life of this node holds the lease (incarnation {0})")]
    Replaced(Incarnation),
    /// It could not be written down.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// The registry. Cheap to share.
#[derive(Debug, Clone)]
pub(crate) struct Registry {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    // Held across the journal's fsync: changes are one after another.
    leases: Mutex<Leases>,
    journal: Journal,
    membership: watch::Sender<Arc<Membership>>,
    /// A lease may end earlier than the keeper thinks.
    changed: Notify,
}

// === impl Registry ===

impl Registry {
    /// A registry that begins with a membership that was read again.
    pub(crate) fn new(membership: Membership, journal: Journal) -> Self {
        let (sender, _) = watch::channel(Arc::new(membership.clone()));
        Self {
            inner: Arc::new(Inner {
                leases: Mutex::new(Leases::restored(membership, Instant::now())),
                journal,
                membership: sender,
                changed: Notify::new(),
            }),
        }
    }

    /// The newest membership.
    pub(crate) fn membership(&self) -> Arc<Membership> {
        self.inner.membership.borrow().clone()
    }

    /// A view that follows the membership.
    pub(crate) fn changes(&self) -> watch::Receiver<Arc<Membership>> {
        self.inner.membership.subscribe()
    }

    /// A heartbeat: answers when there is a membership newer than the node has, or when its wait is over.
    pub(crate) async fn heartbeat(&self, request: LeaseRequest) -> Result<LeaseGrant, LeaseError> {
        let mut changes = self.changes();
        self.enter(&request).await?;
        let wait = Duration::from_millis(request.wait_ms).min(LONGEST_WAIT);
        if !request.leave {
            let newer = changes.wait_for(|membership| membership.generation > request.known);
            // Without news the answer is the membership as it is.
            drop(tokio::time::timeout(wait, newer).await);
        }
        let left = self
            .inner
            .leases
            .lock()
            .await
            .left(&request.member, Instant::now());
        Ok(LeaseGrant {
            membership: self.membership().as_ref().clone(),
            ttl_ms: u64::try_from(left.as_millis()).unwrap_or(0),
        })
    }

    async fn enter(&self, request: &LeaseRequest) -> Result<(), LeaseError> {
        let mut leases = self.inner.leases.lock().await;
        let now = Instant::now();
        match leases.decide(request, now) {
            Decision::Renew => leases.renew(&request.member.node, now),
            Decision::Change(change) => self.carry_out(&mut leases, change).await?,
            Decision::Wait | Decision::Nothing => {}
            Decision::Replaced(by) => return Err(LeaseError::Replaced(by)),
        }
        Ok(())
    }

    async fn carry_out(&self, leases: &mut Leases, change: Change) -> Result<(), JournalError> {
        self.inner.journal.append(vec![change.record()]).await?;
        tell(&change, leases.membership());
        leases.apply(change, Instant::now());
        self.inner
            .membership
            .send_replace(Arc::new(leases.membership().clone()));
        self.inner.changed.notify_one();
        Ok(())
    }

    /// Takes members out whose lease is over, until `stop`.
    pub(crate) async fn expire(&self, stop: CancellationToken) {
        loop {
            let next = self.inner.leases.lock().await.next_end();
            let next = next.unwrap_or_else(|| Instant::now() + TTL);
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.inner.changed.notified() => continue,
                () = tokio::time::sleep_until(next) => {}
            }
            let mut leases = self.inner.leases.lock().await;
            while let Some(change) = leases.expired(Instant::now()) {
                if let What::Remove(node) = &change.what {
                    warn!(
                        event.action = "node-lost",
                        event.reason = "its lease ended",
                        labels.node = %node,
                        generation = change.generation.0,
                        "node lost"
                    );
                }
                if let Err(error) = self.carry_out(&mut leases, change).await {
                    error!(error = %error, "cannot take a lost node out of the membership, trying again");
                    drop(leases);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    break;
                }
            }
        }
    }

    /// Waits until every given thing holds of the membership; false when `limit` is over first.
    pub(crate) async fn wait_for(
        &self,
        limit: Duration,
        holds: impl FnMut(&Arc<Membership>) -> bool,
    ) -> Option<Generation> {
        let mut changes = self.changes();
        let found = tokio::time::timeout(limit, changes.wait_for(holds)).await;
        found.ok()?.ok().map(|membership| membership.generation)
    }
}

fn tell(change: &Change, before: &Membership) {
    let generation = change.generation.0;
    if let What::Put(member) = &change.what
        && let Some(old) = before.member(&member.node)
        && old.incarnation != member.incarnation
    {
        // It did not give its lease back, so nobody ended it in order.
        warn!(
            event.action = "node-lost",
            event.reason = "its life ended by itself",
            labels.node = %member.node,
            incarnation = old.incarnation.0,
            generation,
            "node lost"
        );
    }
    match &change.what {
        What::Put(member) if member.state == MemberState::Ready => info!(
            event.action = "node-ready",
            labels.node = %member.node,
            incarnation = member.incarnation.0,
            generation,
            "node ready"
        ),
        What::Put(member) => info!(
            event.action = "node-changed",
            labels.node = %member.node,
            labels.state = ?member.state,
            incarnation = member.incarnation.0,
            generation,
            "node changed"
        ),
        What::Remove(node) => {
            info!(event.action = "node-left", labels.node = %node, generation, "node left the membership");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat_proto::{Cluster, Member};

    fn request(state: MemberState, known: u64, wait_ms: u64) -> LeaseRequest {
        LeaseRequest {
            member: Member {
                node: "guilds-0".into(),
                cluster: Cluster::Guilds,
                incarnation: Incarnation(1),
                state,
                address: "127.0.0.1:1".parse().unwrap(),
                admin: "127.0.0.1:2".parse().unwrap(),
            },
            known: Generation(known),
            wait_ms,
            leave: false,
        }
    }

    fn registry(folder: &std::path::Path) -> Registry {
        let journal = Journal::compact(&folder.join("journal.ndjson"), &[]).unwrap();
        Registry::new(Membership::default(), journal)
    }

    #[tokio::test]
    async fn an_answer_waits_for_a_newer_generation_and_what_is_answered_is_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let registry = registry(folder.path());
        let grant = registry
            .heartbeat(request(MemberState::Starting, 0, 60_000))
            .await
            .unwrap();
        assert_eq!(
            grant.membership.generation,
            Generation(1),
            "its own change is news"
        );
        let waiting = registry.heartbeat(request(MemberState::Starting, 1, 60_000));
        let (grant, _) = tokio::join!(waiting, registry.heartbeat(request(MemberState::Ready, 1, 0)));
        assert_eq!(grant.unwrap().membership.generation, Generation(2));
        let journal = Journal::read(&folder.path().join("journal.ndjson")).unwrap();
        assert_eq!(journal.len(), 2);
    }

    #[tokio::test]
    async fn a_silent_node_goes_when_its_lease_is_over_and_one_that_leaves_goes_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let registry = registry(folder.path());
        let stop = CancellationToken::new();
        let task = tokio::spawn({
            let (registry, stop) = (registry.clone(), stop.clone());
            async move { registry.expire(stop).await }
        });
        registry
            .heartbeat(request(MemberState::Ready, 0, 0))
            .await
            .unwrap();
        let gone = |membership: &Arc<Membership>| membership.members.is_empty();
        assert_eq!(registry.wait_for(TTL * 2, gone).await, Some(Generation(2)));
        registry
            .heartbeat(request(MemberState::Ready, 2, 0))
            .await
            .unwrap();
        let leave = LeaseRequest {
            leave: true,
            ..request(MemberState::Draining, 3, 0)
        };
        let grant = registry.heartbeat(leave).await.unwrap();
        assert_eq!(
            (grant.membership.generation, grant.membership.members.len()),
            (Generation(4), 0)
        );
        stop.cancel();
        task.await.unwrap();
    }
}
