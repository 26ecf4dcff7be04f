//! The verdicts: what was observed goes in, green, yellow, red or unknown comes out, with why. No IO, no clock.
//!
//! No data is `unknown`, never green. A node that is away is red; its cluster is red only when nobody serves or
//! users fail, and yellow as long as others serve.

use std::time::Duration;

use chat_admin::NodeState;
use chat_proto::{Generation, Member};
use ops_api::{ClusterStatus, Health, NodeStatus, ServiceKind};

use super::samples::{Figures, percent};
use crate::supervisor::wire::{Process, ProcessState};

/// An observation older than this is no observation.
pub(crate) const STALE: Duration = Duration::from_secs(5);
/// More failed requests in a hundred are red.
const ERRORS_RED: f64 = 5.0;
/// More failed requests in a hundred are yellow.
const ERRORS_YELLOW: f64 = 1.0;
/// A 99th percentile above this is yellow, in milliseconds.
const P99_YELLOW_MS: f64 = 1000.0;

/// What a process says about itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Report {
    /// Where it is in its life; a platform process that answers is ready.
    pub(crate) state: Option<NodeState>,
    pub(crate) pid: u32,
    pub(crate) incarnation: u64,
    pub(crate) version: String,
    /// Why it is not well by its own account: `check: what was seen`.
    pub(crate) complaint: Option<String>,
    /// Whether the complaint means that users fail.
    pub(crate) severe: bool,
    pub(crate) generation: Generation,
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) p99_ms: f64,
    pub(crate) queue: u64,
    pub(crate) holds: u64,
    pub(crate) holds_unit: String,
    /// While it drains: what is left.
    pub(crate) drain_left: Option<u64>,
    pub(crate) uptime_ms: u64,
    pub(crate) rss_bytes: u64,
}

/// Everything that is known about one process.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) node: &'a str,
    pub(crate) cluster: &'a str,
    /// As its parent sees it; none when the supervisor does not answer.
    pub(crate) process: Option<&'a Process>,
    /// As the membership has it.
    pub(crate) member: Option<&'a Member>,
    /// Its last report and how old it is.
    pub(crate) report: Option<(&'a Report, Duration)>,
    /// Why the last attempt to get a report failed.
    pub(crate) failure: Option<&'a str>,
    pub(crate) figures: Figures,
    /// Where it listens, when the membership does not say.
    pub(crate) address: &'a str,
    pub(crate) admin: &'a str,
}

/// The verdict over one process.
pub(crate) fn node(facts: &Facts<'_>) -> NodeStatus {
    let empty = Report::default();
    let (report, age) = facts.report.unwrap_or((&empty, Duration::MAX));
    let fresh = age <= STALE && facts.failure.is_none();
    let (health, state, reason) = judge(facts, report, age, fresh);
    let process = facts.process;
    let member = facts.member;
    NodeStatus {
        name: facts.node.to_owned(),
        cluster: facts.cluster.to_owned(),
        health,
        reason,
        state: state.to_owned(),
        pid: process.map_or(report.pid, |process| process.pid),
        incarnation: match report.incarnation {
            0 => process.map_or(0, |process| process.incarnation),
            own => own,
        },
        version: report.version.clone(),
        address: member.map_or_else(|| facts.address.to_owned(), |member| member.address.to_string()),
        admin: member.map_or_else(|| facts.admin.to_owned(), |member| member.admin.to_string()),
        rate: if fresh { facts.figures.rate } else { 0.0 },
        error_percent: facts.figures.error_percent,
        p99_ms: report.p99_ms,
        queue: report.queue,
        holds: report.holds,
        holds_unit: report.holds_unit.clone(),
        rss_bytes: if fresh { report.rss_bytes } else { 0 },
        uptime_ms: if fresh { report.uptime_ms } else { 0 },
        restarts: process.map_or(0, |process| process.restarts),
        age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
    }
}

fn judge(facts: &Facts<'_>, report: &Report, age: Duration, fresh: bool) -> (Health, &'static str, String) {
    if let Some(process) = facts.process {
        let ended = process.last_exit.as_deref().unwrap_or("ended");
        match process.state {
            ProcessState::Pending => return (Health::Red, "stopped", "not started yet".to_owned()),
            ProcessState::Stopped => return (Health::Red, "stopped", "stopped".to_owned()),
            ProcessState::Waiting => {
                return (
                    Health::Red,
                    "lost",
                    format!("{ended}, starting again ({} restarts)", process.restarts),
                );
            }
            // The report of an earlier life says nothing about this one.
            ProcessState::Running if !process.ready => {
                return (Health::Yellow, "starting", "starting".to_owned());
            }
            ProcessState::Running => {}
        }
    }
    if !fresh {
        let why = facts.failure.unwrap_or("nobody has asked it yet");
        let seen = match facts.report {
            Some(_) => format!("last seen {} s ago", age.as_secs()),
            None => "never seen".to_owned(),
        };
        return (Health::Unknown, "lost", format!("no answer, {seen}: {why}"));
    }
    match report.state {
        None | Some(NodeState::Ready) => {}
        Some(NodeState::Starting) => return (Health::Yellow, "starting", "starting".to_owned()),
        Some(NodeState::Stopping) => return (Health::Yellow, "stopping", "stopping".to_owned()),
        Some(NodeState::Draining) => {
            let left = report.drain_left.unwrap_or(report.holds);
            return (
                Health::Yellow,
                "draining",
                format!("draining, {left} {} left", report.holds_unit),
            );
        }
    }
    let errors = facts.figures.error_percent;
    let (health, reason) = if errors > ERRORS_RED {
        (Health::Red, format!("{errors:.1} % errors, above {ERRORS_RED} %"))
    } else if let Some(complaint) = &report.complaint {
        let health = if report.severe {
            Health::Red
        } else {
            Health::Yellow
        };
        (health, complaint.clone())
    } else if errors > ERRORS_YELLOW {
        (
            Health::Yellow,
            format!("{errors:.1} % errors, above {ERRORS_YELLOW} %"),
        )
    } else if report.p99_ms > P99_YELLOW_MS {
        (
            Health::Yellow,
            format!("p99 {:.0} ms, above {P99_YELLOW_MS:.0} ms", report.p99_ms),
        )
    } else {
        (Health::Green, String::new())
    };
    (health, "ready", reason)
}

/// The verdict over a cluster of `nodes`, of which there should be `total`; `figures` are theirs.
pub(crate) fn cluster(
    name: &str,
    kind: ServiceKind,
    nodes: Vec<NodeStatus>,
    figures: &[Figures],
    total: u32,
) -> ClusterStatus {
    let ready = nodes.iter().filter(|node| node.state == "ready").count();
    let ready = u32::try_from(ready).unwrap_or(u32::MAX);
    let sum = |count: fn(&Figures) -> u64| figures.iter().map(count).sum();
    let error_percent = percent(sum(|f| f.requests), sum(|f| f.errors));
    let worst = nodes.iter().max_by_key(|node| node.health);
    let because = worst
        .filter(|node| node.health != Health::Green)
        .map(|node| format!("{}: {}", node.name, node.reason));
    let why = because.clone().unwrap_or_default();
    let (health, reason) = if !nodes.is_empty() && nodes.iter().all(|node| node.health == Health::Unknown) {
        (Health::Unknown, why)
    } else if ready == 0 {
        // A node that is neither ready nor green still may come up; until then nobody serves.
        (Health::Red, format!("no node serves; {why}"))
    } else if error_percent > ERRORS_RED {
        (
            Health::Red,
            format!("{error_percent:.1} % errors, above {ERRORS_RED} %"),
        )
    } else if ready < total {
        (Health::Yellow, format!("{ready} of {total} ready; {why}"))
    } else if let Some(because) = because {
        let all_red = nodes.iter().all(|node| node.health == Health::Red);
        (if all_red { Health::Red } else { Health::Yellow }, because)
    } else {
        (Health::Green, String::new())
    };
    ClusterStatus {
        name: name.to_owned(),
        kind,
        health,
        reason: reason.trim_end_matches("; ").to_owned(),
        ready,
        total,
        rate: nodes.iter().map(|node| node.rate).sum(),
        error_percent,
        p99_ms: nodes.iter().map(|node| node.p99_ms).fold(0.0, f64::max),
        queue: nodes.iter().map(|node| node.queue).sum(),
        restarts: nodes.iter().map(|node| node.restarts).sum(),
        nodes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready() -> Report {
        Report {
            state: Some(NodeState::Ready),
            pid: 7,
            holds_unit: "guilds".to_owned(),
            ..Report::default()
        }
    }

    fn facts(report: Option<(&Report, Duration)>) -> Facts<'_> {
        Facts {
            node: "guilds-0",
            cluster: "guilds",
            process: None,
            member: None,
            report,
            failure: None,
            figures: Figures::default(),
            address: "",
            admin: "",
        }
    }

    fn of(nodes: &[(Health, &str)], total: u32) -> ClusterStatus {
        let report = ready();
        let nodes = nodes
            .iter()
            .enumerate()
            .map(|(index, (health, state))| NodeStatus {
                name: format!("guilds-{index}"),
                health: *health,
                state: (*state).to_owned(),
                reason: "why".to_owned(),
                ..node(&facts(Some((&report, Duration::ZERO))))
            })
            .collect();
        cluster("guilds", ServiceKind::Chat, nodes, &[], total)
    }

    #[test]
    fn no_data_is_never_green() {
        assert_eq!(node(&facts(None)).health, Health::Unknown);
        let report = ready();
        let old = STALE + Duration::from_millis(1);
        let status = node(&facts(Some((&report, old))));
        assert_eq!(status.health, Health::Unknown);
        assert!(status.reason.contains("last seen 5 s ago"), "{}", status.reason);
        assert_eq!(node(&facts(Some((&report, STALE)))).health, Health::Green);
    }

    #[test]
    fn errors_complaints_and_slowness_are_said_with_their_threshold() {
        let mut report = ready();
        report.p99_ms = 1500.0;
        let mut facts = facts(Some((&report, Duration::ZERO)));
        assert_eq!(node(&facts).reason, "p99 1500 ms, above 1000 ms");
        facts.figures.error_percent = 2.0;
        assert_eq!(
            (node(&facts).health, node(&facts).reason.as_str()),
            (Health::Yellow, "2.0 % errors, above 1 %")
        );
        facts.figures.error_percent = 6.0;
        assert_eq!(node(&facts).health, Health::Red);
    }

    #[test]
    fn a_drain_is_yellow_and_says_what_is_left() {
        let mut report = ready();
        report.state = Some(NodeState::Draining);
        report.drain_left = Some(3);
        let status = node(&facts(Some((&report, Duration::ZERO))));
        assert_eq!(
            (status.health, status.reason.as_str()),
            (Health::Yellow, "draining, 3 guilds left")
        );
    }

    #[test]
    fn a_cluster_is_red_only_when_nobody_serves_or_users_fail() {
        let (green, red, unknown) = (Health::Green, Health::Red, Health::Unknown);
        assert_eq!(of(&[(green, "ready"), (green, "ready")], 2).health, Health::Green);
        let one = of(&[(green, "ready"), (red, "lost")], 2);
        assert_eq!(
            (one.health, one.reason.as_str()),
            (Health::Yellow, "1 of 2 ready; guilds-1: why")
        );
        assert_eq!(
            of(&[(green, "ready"), (unknown, "lost")], 2).health,
            Health::Yellow
        );
        assert_eq!(of(&[(red, "lost"), (red, "stopped")], 2).health, Health::Red);
        assert_eq!(
            of(&[(unknown, "lost"), (unknown, "lost")], 2).health,
            Health::Unknown
        );
        assert_eq!(of(&[], 2).health, Health::Red, "none at all");
        let nodes = of(&[(green, "ready")], 1).nodes;
        let failing = Figures {
            requests: 100,
            errors: 6,
            ..Figures::default()
        };
        assert_eq!(
            cluster("guilds", ServiceKind::Chat, nodes, &[failing], 1).health,
            Health::Red
        );
    }
}
