//! Looks at everything once a second, and publishes what it saw as a [`Fleet`].

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chat_admin::{AdminClient, AdminError, NodeHealth};
use chat_proto::{Cluster, Membership, NodeName};
use jiff::Timestamp;
use ops_api::{Fleet, Health, Operation, ServiceKind, StackFile};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::platform;
use super::samples::{Figures, Samples};
use super::verdict::{self, Facts, Report};
use crate::membership::registry::Registry;
use crate::supervisor::wire::{Listing, SupervisorClient};
use crate::topology::Topology;

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// After a change of the membership it looks again this soon.
const SOON: Duration = Duration::from_millis(100);
/// One question.
const LIMIT: Duration = Duration::from_secs(1);

/// What there is to look at.
#[derive(Debug)]
pub(crate) struct Targets {
    pub(crate) topology: Topology,
    pub(crate) stack: StackFile,
    pub(crate) supervisor: SupervisorClient,
    pub(crate) http: reqwest::Client,
    pub(crate) fabric: String,
}

/// The observer's memory.
#[derive(Debug)]
pub(crate) struct Observer {
    targets: Arc<Targets>,
    registry: Registry,
    operation: watch::Receiver<Option<Operation>>,
    sights: HashMap<String, Sight>,
    born: Instant,
}

/// What was seen of one process.
#[derive(Debug, Default)]
struct Sight {
    report: Option<(Report, Instant)>,
    failure: Option<String>,
    samples: Samples,
}

// === impl Targets ===

impl Targets {
    /// The nodes that there should be, and the processes of the platform: cluster, kind and node names.
    pub(crate) fn clusters(&self) -> Vec<(String, ServiceKind, Vec<String>)> {
        let chat = Cluster::ALL.map(|cluster| {
            let nodes = self.topology.nodes(cluster).collect();
            (cluster.name().to_owned(), ServiceKind::Chat, nodes)
        });
        let platform = ["punt", "logstore", "control"]
            .map(|name| (name.to_owned(), ServiceKind::Platform, vec![format!("{name}-0")]));
        chat.into_iter().chain(platform).collect()
    }

    /// Where something listens, by the stack file.
    pub(crate) fn endpoint(&self, name: &str) -> Option<&str> {
        let found = self
            .stack
            .endpoints
            .iter()
            .find(|endpoint| endpoint.name == name)?;
        Some(&found.address)
    }

    /// A client of a node's admin port: by the membership, else by the socket that the supervisor holds for it.
    pub(crate) fn admin(&self, node: &str, membership: &Membership) -> Option<AdminClient> {
        let member = membership.member(&NodeName::from(node));
        let address: SocketAddr = match member {
            Some(member) => member.admin,
            None => self.endpoint(&format!("{node}/admin"))?.parse().ok()?,
        };
        Some(AdminClient::new(self.http.clone(), address, &self.fabric))
    }
}

// === impl Observer ===

impl Observer {
    /// An observer that has seen nothing yet.
    pub(crate) fn new(
        targets: Arc<Targets>,
        registry: Registry,
        operation: watch::Receiver<Option<Operation>>,
    ) -> Self {
        Self {
            targets,
            registry,
            operation,
            sights: HashMap::new(),
            born: Instant::now(),
        }
    }

    /// The picture before the first look: nothing is known.
    pub(crate) fn blank(&self) -> Fleet {
        self.fleet(None, &self.registry.membership(), Instant::now())
    }

    /// Looks until `stop`, and publishes each picture.
    pub(crate) async fn run(mut self, pictures: watch::Sender<Arc<Fleet>>, stop: CancellationToken) {
        let mut membership = self.registry.changes();
        loop {
            let next = Instant::now() + INTERVAL;
            let picture = tokio::select! {
                picture = self.look() => picture,
                () = stop.cancelled() => return,
            };
            measure(&picture);
            pictures.send_replace(Arc::new(picture));
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                changed = membership.changed() => match changed {
                    // What changed shows in the nodes a moment later.
                    Ok(()) => tokio::time::sleep(SOON).await,
                    Err(_) => return,
                },
                changed = self.operation.changed() => match changed {
                    Ok(()) => tokio::time::sleep(SOON).await,
                    Err(_) => return,
                },
                () = stop.cancelled() => return,
            }
        }
    }

    async fn look(&mut self) -> Fleet {
        let membership = self.registry.membership();
        let mut questions = JoinSet::new();
        for (cluster, _, nodes) in self.targets.clusters() {
            for node in nodes {
                let (targets, membership, cluster) =
                    (self.targets.clone(), membership.clone(), cluster.clone());
                questions.spawn(async move {
                    let answer =
                        tokio::time::timeout(LIMIT * 2, ask(&targets, &membership, &cluster, &node)).await;
                    (
                        node,
                        answer.unwrap_or_else(|_| Err("no answer in time".to_owned())),
                    )
                });
            }
        }
        let listing = self.targets.supervisor.list().await.ok();
        while let Some(answer) = questions.join_next().await {
            let Ok((node, answer)) = answer else { continue };
            let sight = self.sights.entry(node.clone()).or_default();
            match answer {
                // The control plane's own report follows.
                Ok(_) if node == "control-0" => {}
                Ok(report) => {
                    let now = Instant::now();
                    sight
                        .samples
                        .add(now, report.incarnation, report.requests, report.errors);
                    sight.report = Some((report, now));
                    sight.failure = None;
                }
                Err(reason) => sight.failure = Some(reason),
            }
        }
        self.own_report();
        self.fleet(listing.as_ref(), &self.registry.membership(), Instant::now())
    }

    /// The control plane is here: it need not ask itself over the network.
    fn own_report(&mut self) {
        let report = Report {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            generation: self.registry.membership().generation,
            requests: self.registry.heartbeats(),
            holds: self.registry.membership().members.len() as u64,
            holds_unit: "leases".to_owned(),
            uptime_ms: u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX),
            rss_bytes: resident_bytes(std::process::id()),
            ..Report::default()
        };
        let sight = self.sights.entry("control-0".to_owned()).or_default();
        let now = Instant::now();
        sight
            .samples
            .add(now, report.incarnation, report.requests, report.errors);
        sight.report = Some((report, now));
        sight.failure = None;
    }

    fn fleet(&self, listing: Option<&Listing>, membership: &Membership, now: Instant) -> Fleet {
        let mut clusters = Vec::new();
        for (cluster, kind, names) in self.targets.clusters() {
            let total = u32::try_from(names.len()).unwrap_or(u32::MAX);
            let (mut nodes, mut figures) = (Vec::new(), Vec::new());
            for name in &names {
                let (status, its) = self.node(&cluster, kind, name, listing, membership, now);
                nodes.push(status);
                figures.push(its);
            }
            clusters.push(verdict::cluster(&cluster, kind, nodes, &figures, total));
        }
        let health = clusters
            .iter()
            .map(|cluster| cluster.health)
            .max()
            .unwrap_or(Health::Unknown);
        Fleet {
            api_version: "ops/v1".to_owned(),
            kind: "Fleet".to_owned(),
            view: "control".to_owned(),
            at: Timestamp::now(),
            environment: self.targets.topology.environment.clone(),
            generation: membership.generation.0,
            health,
            clusters,
            operation: self.operation.borrow().clone(),
        }
    }

    fn node(
        &self,
        cluster: &str,
        kind: ServiceKind,
        name: &str,
        listing: Option<&Listing>,
        membership: &Membership,
        now: Instant,
    ) -> (ops_api::NodeStatus, Figures) {
        let process = listing.and_then(|listing| listing.process(name));
        let sight = self.sights.get(name);
        let figures = sight.map(|sight| sight.samples.figures()).unwrap_or_default();
        let report = sight.and_then(|sight| sight.report.as_ref());
        let address = self.targets.endpoint(name).unwrap_or_default();
        let admin = self
            .targets
            .endpoint(&format!("{name}/admin"))
            .unwrap_or_default();
        let facts = Facts {
            node: name,
            cluster,
            process,
            member: membership.member(&NodeName::from(name)),
            report: report.map(|(report, at)| (report, now.saturating_duration_since(*at))),
            failure: sight.and_then(|sight| sight.failure.as_deref()),
            figures,
            address,
            admin,
        };
        let mut status = verdict::node(&facts);
        if kind == ServiceKind::Platform
            && let Some(process) = process
            && process.pid != 0
        {
            // What they do not say themselves, the system says about them.
            status.rss_bytes = resident_bytes(process.pid);
            let now = u64::try_from(Timestamp::now().as_microsecond()).unwrap_or(0);
            status.uptime_ms = now.saturating_sub(process.incarnation) / 1000;
            if status.version.is_empty() {
                status.version = env!("CARGO_PKG_VERSION").to_owned();
            }
        }
        (status, figures)
    }
}

/// The verdicts as metrics: 0 green, 1 yellow, 2 unknown, 3 red.
fn measure(picture: &Fleet) {
    metrics::gauge!("control_generation").set(picture.generation as f64);
    for cluster in &picture.clusters {
        let health = f64::from(cluster.health as u8);
        metrics::gauge!("control_cluster_health", "cluster" => cluster.name.clone()).set(health);
        metrics::gauge!("control_cluster_ready", "cluster" => cluster.name.clone())
            .set(f64::from(cluster.ready));
    }
}

async fn ask(
    targets: &Targets,
    membership: &Membership,
    cluster: &str,
    node: &str,
) -> Result<Report, String> {
    match cluster {
        "control" => Ok(Report::default()),
        "logstore" => platform::store(&targets.http, &targets.stack.store, LIMIT).await,
        "punt" => {
            let address = targets
                .endpoint(node)
                .ok_or("its address is not in the stack file")?;
            platform::punt(&targets.http, &format!("http://{address}"), LIMIT).await
        }
        _ => {
            let admin = targets
                .admin(node, membership)
                .ok_or("its address is not known")?;
            match tokio::time::timeout(LIMIT, admin.health()).await {
                Ok(Ok(health)) => Ok(report(health)),
                Ok(Err(AdminError::Unreachable { source, .. })) => Err(platform::brief(&source)),
                Ok(Err(refused)) => Err(refused.to_string()),
                Err(_) => Err("no answer in time".to_owned()),
            }
        }
    }
}

/// A node's own account, as the verdict wants it.
pub(crate) fn report(health: NodeHealth) -> Report {
    let failed = health.checks.iter().find(|check| !check.ok);
    Report {
        state: Some(health.state),
        pid: health.pid,
        incarnation: health.incarnation.0,
        version: health.version,
        complaint: failed.map(|check| format!("{}: {}", check.name, check.detail)),
        severe: false,
        generation: health.generation,
        requests: health.red.requests_total,
        errors: health.red.errors_total,
        p99_ms: health.red.p99_ms,
        queue: health.queue,
        holds: health.holds,
        holds_unit: health.holds_unit,
        drain_left: health.drain.map(|drain| drain.left),
        uptime_ms: health.uptime_ms,
        rss_bytes: health.rss_bytes,
    }
}

/// Resident memory by `/proc`: the second field of statm, in pages.
fn resident_bytes(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let pages: u64 = text
        .split_whitespace()
        .nth(1)
        .and_then(|field| field.parse().ok())
        .unwrap_or(0);
    pages * 4096
}
