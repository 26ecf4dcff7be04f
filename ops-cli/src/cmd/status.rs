//! `ops status`: the health of every cluster.

use std::time::Duration;

use clap::Args;
use ops_api::{Fleet, Health};
use tokio::time::Instant;

use crate::cli::Output;
use crate::context::Context;
use crate::duration;
use crate::failure::{Code, Failure, Outcome};
use crate::output;
use crate::table::{Cell, Table, clean, number, text};

/// Between two looks while waiting.
const LOOK: Duration = Duration::from_millis(200);

/// Shows the health of every cluster.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Only these clusters.
    #[arg(value_name = "CLUSTER")]
    clusters: Vec<String>,
    /// End with 3 when not all of them are green.
    #[arg(long)]
    exit_code: bool,
    /// Wait until all of them are green, at most this long.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, num_args = 0..=1, default_missing_value = "60s")]
    wait: Option<Duration>,
    #[command(flatten)]
    pub(crate) output: Output,
}

// === impl Status ===

impl Status {
    pub(crate) async fn run(self, context: &Context, direct: bool) -> Outcome {
        let deadline = self.wait.map(|wait| Instant::now() + wait);
        let fleet = loop {
            let waiting = deadline.is_some_and(|deadline| Instant::now() < deadline);
            match fleet(context, direct).await {
                Ok(fleet) => {
                    let fleet = self.only(fleet)?;
                    if fleet.health == Health::Green || !waiting {
                        break fleet;
                    }
                }
                // It may be on its way up.
                Err(failure) if waiting && failure.code() == Code::Unreachable => {}
                Err(failure) => return Err(failure),
            }
            tokio::time::sleep(LOOK).await;
        };
        if self.output.json() {
            output::object("Fleet", &fleet)?;
        } else {
            output::print(&page(&fleet, output::color()))?;
        }
        match fleet.health {
            Health::Green => Ok(()),
            health if self.exit_code => Err(Failure::new(
                Code::Unhealthy,
                format!("the stack is {}", health.name()),
                "",
            )),
            health if self.wait.is_some() => Err(Failure::new(
                Code::GaveUp,
                format!("the stack is still {}", health.name()),
                "",
            )),
            _ => Ok(()),
        }
    }

    /// Only the clusters that were asked for, and the worst health of those.
    fn only(&self, mut fleet: Fleet) -> Result<Fleet, Failure> {
        if self.clusters.is_empty() {
            return Ok(fleet);
        }
        for name in &self.clusters {
            if fleet.cluster(name).is_none() {
                let known: Vec<&str> = fleet
                    .clusters
                    .iter()
                    .map(|cluster| cluster.name.as_str())
                    .collect();
                return Err(Failure::new(
                    Code::Unknown,
                    format!("there is no cluster '{name}'"),
                    format!("there are {}", known.join(", ")),
                ));
            }
        }
        fleet
            .clusters
            .retain(|cluster| self.clusters.contains(&cluster.name));
        fleet.health = fleet
            .clusters
            .iter()
            .map(|cluster| cluster.health)
            .max()
            .unwrap_or(Health::Unknown);
        Ok(fleet)
    }
}

/// The fleet by the control plane, or by the nodes themselves.
pub(crate) async fn fleet(context: &Context, direct: bool) -> Result<Fleet, Failure> {
    if direct {
        // Only a folder in which a stack runs has something to say.
        context.stack()?;
        return Ok(ops_control::direct::fleet(context.folder()).await);
    }
    Ok(context.control()?.status().await?)
}

fn page(fleet: &Fleet, color: bool) -> String {
    let headers = [
        "CLUSTER", "HEALTH", "READY", "RATE/S", "ERRORS", "P99", "QUEUE", "RESTARTS", "WHY",
    ];
    let mut table = Table::new(&headers, color);
    for cluster in &fleet.clusters {
        table.row([
            text(&cluster.name),
            Cell::Health(cluster.health),
            text(format!("{}/{}", cluster.ready, cluster.total)),
            number(format!("{:.0}", cluster.rate)),
            number(format!("{:.1}%", cluster.error_percent)),
            number(format!("{:.0}ms", cluster.p99_ms)),
            number(cluster.queue),
            number(cluster.restarts),
            text(&cluster.reason),
        ]);
    }
    let mut page = table.text();
    let age = jiff::Timestamp::now()
        .duration_since(fleet.at)
        .as_secs_f64()
        .max(0.0);
    page += &format!(
        "\n{}, generation {}, seen by {} {age:.1} s ago\n",
        fleet.health.name(),
        fleet.generation,
        fleet.view
    );
    if let Some(operation) = &fleet.operation {
        let (done, all) = operation.progress();
        page += &format!(
            "operation {}: restart {}, {done} of {all} done, by {}\n",
            operation.id,
            clean(&operation.request.cluster),
            clean(&operation.request.by)
        );
    }
    page
}
