//! The rows of the tables, as what is sorted and filtered by: a value for each column.

use ops_api::{AuditEntry, ClusterStatus, Health, NodeStatus, Operation, OperationState};

use super::grid::{Fact, Listed, Table};
use super::incidents::Incident;

/// The columns of a table.
pub(super) fn columns(table: Table) -> &'static [&'static str] {
    match table {
        Table::Clusters => ClusterStatus::COLUMNS,
        Table::Nodes => NodeStatus::COLUMNS,
        Table::Operations => Operation::COLUMNS,
        Table::Incidents => Incident::COLUMNS,
        Table::Audit => AuditEntry::COLUMNS,
    }
}

fn text(value: &str) -> Fact {
    Fact::Text(value.to_owned())
}

#[expect(clippy::cast_precision_loss, reason = "for sorting, not for showing")]
fn number(value: u64) -> Fact {
    Fact::Number(value as f64)
}

/// Worst first, whatever the words would say.
fn health(health: Health) -> Fact {
    Fact::Text(
        match health {
            Health::Red => "1 red",
            Health::Unknown => "2 unknown",
            Health::Yellow => "3 yellow",
            Health::Green => "4 green",
        }
        .to_owned(),
    )
}

impl Listed for ClusterStatus {
    const COLUMNS: &'static [&'static str] = &[
        "cluster", "health", "ready", "rate", "err%", "p99ms", "queue", "restarts", "reason",
    ];

    fn id(&self) -> &str {
        &self.name
    }

    fn faulty(&self) -> bool {
        self.health != Health::Green
    }

    fn facts(&self) -> Vec<Fact> {
        vec![
            text(&self.name),
            health(self.health),
            number(self.ready.into()),
            Fact::Number(self.rate),
            Fact::Number(self.error_percent),
            Fact::Number(self.p99_ms),
            number(self.queue),
            number(self.restarts),
            text(&self.reason),
        ]
    }
}

impl Listed for NodeStatus {
    const COLUMNS: &'static [&'static str] = &[
        "node", "health", "state", "holds", "rate", "err%", "p99ms", "queue", "mem", "up", "restarts",
        "reason",
    ];

    fn id(&self) -> &str {
        &self.name
    }

    fn faulty(&self) -> bool {
        self.health != Health::Green
    }

    fn facts(&self) -> Vec<Fact> {
        vec![
            text(&self.name),
            health(self.health),
            text(&self.state),
            number(self.holds),
            Fact::Number(self.rate),
            Fact::Number(self.error_percent),
            Fact::Number(self.p99_ms),
            number(self.queue),
            number(self.rss_bytes),
            number(self.uptime_ms),
            number(self.restarts),
            text(&self.reason),
        ]
    }
}

impl Listed for Operation {
    const COLUMNS: &'static [&'static str] = &["operation", "state", "what", "started", "by", "reason"];

    fn id(&self) -> &str {
        &self.id
    }

    fn faulty(&self) -> bool {
        self.error.is_some() || self.state == OperationState::Failed
    }

    fn facts(&self) -> Vec<Fact> {
        let request = &self.request;
        vec![
            text(&self.id),
            text(&format!("{:?}", self.state).to_lowercase()),
            text(request.node.as_ref().unwrap_or(&request.cluster)),
            number(u64::try_from(self.created.as_millisecond()).unwrap_or(0)),
            text(&request.by),
            text(self.error.as_ref().unwrap_or(&request.reason)),
        ]
    }
}

impl Listed for AuditEntry {
    const COLUMNS: &'static [&'static str] = &["when", "by", "action", "outcome", "operation", "reason"];

    fn id(&self) -> &str {
        self.operation.as_deref().unwrap_or_default()
    }

    fn faulty(&self) -> bool {
        self.outcome == "failure"
    }

    fn facts(&self) -> Vec<Fact> {
        vec![
            number(u64::try_from(self.at.as_millisecond()).unwrap_or(0)),
            text(&self.by),
            text(&self.action),
            text(&self.outcome),
            text(self.operation.as_deref().unwrap_or_default()),
            text(&self.reason),
        ]
    }
}

impl Listed for Incident {
    const COLUMNS: &'static [&'static str] = &["severity", "what", "since", "symptom", "cluster"];

    fn id(&self) -> &str {
        &self.name
    }

    fn faulty(&self) -> bool {
        true
    }

    fn facts(&self) -> Vec<Fact> {
        vec![
            health(self.health),
            text(&self.name),
            number(u64::try_from(self.since.as_millisecond()).unwrap_or(0)),
            text(&self.symptom),
            text(&self.cluster),
        ]
    }
}
