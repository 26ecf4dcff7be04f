//! `ops nodes`: every process, with where it is.

use clap::Args;
use ops_api::NodeStatus;

use super::status;
use crate::cli::Output;
use crate::context::Context;
use crate::failure::{Code, Failure, Outcome};
use crate::output;
use crate::table::{Cell, Table, number, text};

/// Lists every process.
#[derive(Debug, Args)]
pub(crate) struct Nodes {
    /// Only those of this cluster.
    cluster: Option<String>,
    #[command(flatten)]
    pub(crate) output: Output,
}

// === impl Nodes ===

impl Nodes {
    pub(crate) async fn run(self, context: &Context, direct: bool) -> Outcome {
        let fleet = status::fleet(context, direct).await?;
        if let Some(name) = &self.cluster
            && fleet.cluster(name).is_none()
        {
            let hint = "`ops status` lists the clusters";
            return Err(Failure::new(
                Code::Unknown,
                format!("there is no cluster '{name}'"),
                hint,
            ));
        }
        let wanted = |node: &&NodeStatus| self.cluster.as_ref().is_none_or(|name| node.cluster == *name);
        let nodes: Vec<&NodeStatus> = fleet.nodes().filter(wanted).collect();
        if self.output.json() {
            return output::list("NodeList", &nodes);
        }
        let headers = [
            "NODE", "HEALTH", "STATE", "PID", "UP", "HOLDS", "RSS", "RESTARTS", "ADDRESS", "ADMIN", "WHY",
        ];
        let mut table = Table::new(&headers, output::color());
        for node in nodes {
            table.row([
                text(&node.name),
                Cell::Health(node.health),
                text(&node.state),
                number(node.pid),
                number(age(node.uptime_ms)),
                text(format!("{} {}", node.holds, node.holds_unit)),
                number(format!("{} MiB", node.rss_bytes >> 20)),
                number(node.restarts),
                text(&node.address),
                text(&node.admin),
                text(&node.reason),
            ]);
        }
        output::print(&table.text())
    }
}

fn age(millis: u64) -> String {
    match millis / 1000 {
        seconds @ 0..=119 => format!("{seconds}s"),
        seconds @ 120..=7199 => format!("{}m", seconds / 60),
        seconds @ 7200..=172_799 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}
