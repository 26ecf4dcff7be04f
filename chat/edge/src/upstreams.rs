//! The nodes behind the edge: who is ready, and whose turn it is.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chat_proto::{Cluster, Membership};
use tokio::sync::watch;
use tokio::time::Instant;

/// How long to wait before nodes that failed are tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// Where a ready node serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name, for the log.
    pub node: String,
    /// Its address.
    pub address: SocketAddr,
}

/// The ready nodes of both clusters behind the edge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Targets {
    /// REST.
    pub api: Vec<Target>,
    /// WebSockets.
    pub gateway: Vec<Target>,
}

/// Hands out targets in turn.
#[derive(Debug)]
pub struct Upstreams {
    targets: watch::Receiver<Targets>,
    turn: AtomicUsize,
}

/// One request's way through the nodes: none twice, until all have failed.
#[derive(Debug)]
pub(crate) struct Search<'a> {
    upstreams: &'a Upstreams,
    cluster: Cluster,
    tried: Vec<SocketAddr>,
    until: Instant,
}

// === impl Targets ===

impl Targets {
    /// The ready members of a membership.
    pub fn of(membership: &Membership) -> Self {
        let ready = |cluster| {
            membership
                .ready(cluster)
                .map(|member| Target {
                    node: member.node.to_string(),
                    address: member.address,
                })
                .collect()
        };
        Self {
            api: ready(Cluster::Api),
            gateway: ready(Cluster::Gateway),
        }
    }

    fn cluster(&self, cluster: Cluster) -> &[Target] {
        if cluster == Cluster::Gateway {
            &self.gateway
        } else {
            &self.api
        }
    }
}

// === impl Upstreams ===

impl Upstreams {
    /// No targets yet, and where to send them.
    pub fn new() -> (watch::Sender<Targets>, Self) {
        let (sender, targets) = watch::channel(Targets::default());
        let upstreams = Self {
            targets,
            turn: AtomicUsize::new(0),
        };
        (sender, upstreams)
    }

    pub(crate) fn search(&self, cluster: Cluster, hold: Duration) -> Search<'_> {
        Search {
            upstreams: self,
            cluster,
            tried: Vec::new(),
            until: Instant::now() + hold,
        }
    }

    fn pick(&self, cluster: Cluster, tried: &[SocketAddr]) -> Option<Target> {
        let targets = self.targets.borrow();
        let fresh: Vec<&Target> = targets
            .cluster(cluster)
            .iter()
            .filter(|target| !tried.contains(&target.address))
            .collect();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        fresh
            .get(turn.checked_rem(fresh.len())?)
            .map(|target| (*target).clone())
    }
}

// === impl Search ===

impl Search<'_> {
    /// The next node to try, as soon as there is one; `None` when the time is up.
    pub(crate) async fn next(&mut self) -> Option<Target> {
        let mut targets = self.upstreams.targets.clone();
        loop {
            targets.mark_unchanged();
            if let Some(target) = self.upstreams.pick(self.cluster, &self.tried) {
                self.tried.push(target.address);
                return Some(target);
            }
            let again = self.until.min(Instant::now() + RETRY_PAUSE);
            if self.tried.is_empty() {
                // Nobody is ready: only news can help.
                let news = tokio::time::timeout_at(self.until, targets.changed()).await;
                if !matches!(news, Ok(Ok(()))) {
                    return None;
                }
            } else {
                tokio::time::sleep_until(again).await;
                self.tried.clear();
                if Instant::now() >= self.until {
                    return None;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(ports: &[u16]) -> Targets {
        let target = |port: &u16| Target {
            node: format!("api-{port}"),
            address: SocketAddr::from(([127, 0, 0, 1], *port)),
        };
        Targets {
            api: ports.iter().map(target).collect(),
            gateway: Vec::new(),
        }
    }

    #[tokio::test]
    async fn nodes_take_turns_and_a_search_tries_each_once() {
        let (sender, upstreams) = Upstreams::new();
        sender.send_replace(targets(&[1, 2, 3]));
        let mut firsts: Vec<u16> = Vec::new();
        for _ in 0..3 {
            let mut search = upstreams.search(Cluster::Api, Duration::ZERO);
            firsts.push(search.next().await.unwrap().address.port());
        }
        firsts.sort_unstable();
        assert_eq!(firsts, [1, 2, 3]);
        let mut search = upstreams.search(Cluster::Api, Duration::ZERO);
        let mut seen = Vec::new();
        while let Some(target) = search.next().await {
            seen.push(target.address.port());
        }
        seen.sort_unstable();
        assert_eq!(seen, [1, 2, 3]);
    }

    #[tokio::test]
    async fn a_search_waits_for_a_node_to_become_ready() {
        let (sender, upstreams) = Upstreams::new();
        let mut search = upstreams.search(Cluster::Api, Duration::from_secs(30));
        let (found, ()) = tokio::join!(search.next(), async {
            tokio::task::yield_now().await;
            sender.send_replace(targets(&[7]));
        });
        assert_eq!(found.unwrap().address.port(), 7);
        let mut search = upstreams.search(Cluster::Gateway, Duration::from_millis(1));
        assert_eq!(search.next().await, None, "no gateway is ready");
    }
}
