//! `ops restart`: restarts clusters or nodes. The operation lives on the server; this only asks and watches.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::time::Duration;

use clap::{Args, ValueEnum};
use ops_api::{Mode, NewOperation};

use super::operation::{conclude, wait};
use crate::cli::Output;
use crate::context::{self, Context};
use crate::duration;
use crate::failure::{Code, Failure, Outcome};
use crate::output;

/// Restarts clusters or nodes.
#[derive(Debug, Args)]
pub(crate) struct Restart {
    /// A cluster (guilds) or a node of it (guilds/guilds-1, guilds/1 or guilds-1).
    #[arg(required = true, value_name = "CLUSTER[/NODE]")]
    targets: Vec<String>,
    /// How.
    #[arg(long, value_enum, default_value_t)]
    mode: ModeFlag,
    /// Why: it stands in the audit log.
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    /// Wait until it has ended (the default on a terminal).
    #[arg(long, conflicts_with = "detach")]
    wait: bool,
    /// Return as soon as it has begun.
    #[arg(long)]
    detach: bool,
    /// Wait at most this long.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    timeout: Option<Duration>,
    /// How long a node may take to hand over.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    drain_timeout: Option<Duration>,
    /// Only show the plan and what the gates say.
    #[arg(long)]
    dry_run: bool,
    /// Repeating a request with the same key does nothing new.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// How a cluster is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum ModeFlag {
    /// One node after another: drain, hand over, stop, start.
    #[default]
    Rolling,
    /// All nodes at once: stop, then start.
    Cold,
}

/// What is to be restarted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    cluster: String,
    node: Option<String>,
}

// === impl Restart ===

impl Restart {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let targets: Vec<Target> = self.targets.iter().map(|text| Target::parse(text)).collect();
        if !self.yes && !self.dry_run {
            self.confirm()?;
        }
        let control = context.control()?;
        let terminal = io::stderr().is_terminal();
        // The next one can only begin when the one before has ended.
        let wait_for_end = !self.detach && (self.wait || terminal || targets.len() > 1);
        for (index, target) in targets.iter().enumerate() {
            let request = NewOperation {
                cluster: target.cluster.clone(),
                node: target.node.clone(),
                mode: match self.mode {
                    ModeFlag::Rolling => Mode::Rolling,
                    ModeFlag::Cold => Mode::Cold,
                },
                reason: self.reason.clone(),
                by: context::by("cli"),
                drain_timeout_ms: self
                    .drain_timeout
                    .map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)),
                dry_run: self.dry_run,
                options: ops_api::RestartOptions::default(),
            };
            let key = match &self.idempotency_key {
                // Each target is a request of its own.
                Some(key) if targets.len() > 1 => format!("{key}-{index}"),
                Some(key) => key.clone(),
                None => format!("{:032x}", rand::random::<u128>()),
            };
            let operation = control.start(&request, &key).await?;
            if self.dry_run {
                conclude(&operation, self.output.json())?;
                if let Some(gate) = operation.gates.iter().find(|gate| !gate.ends_with(": ok")) {
                    return Err(Failure::new(
                        Code::Gate,
                        format!("a gate would refuse it: {gate}"),
                        "",
                    ));
                }
                continue;
            }
            if !wait_for_end {
                if self.output.json() {
                    output::object("Operation", &operation)?;
                } else {
                    output::print(&format!("{}\n", operation.id))?;
                    output::say(&format!("`ops op watch {}` waits for it", operation.id));
                }
                continue;
            }
            output::say(&format!(
                "operation {}: restart {}",
                operation.id, self.targets[index]
            ));
            let operation = wait(&control, &operation.id, self.timeout).await?;
            conclude(&operation, self.output.json())?;
        }
        Ok(())
    }

    fn confirm(&self) -> Outcome {
        let what = self.targets.join(", ");
        let how = match self.mode {
            ModeFlag::Rolling => "one node after another",
            ModeFlag::Cold => "all nodes at once; users will notice",
        };
        if !io::stdin().is_terminal() {
            return Err(Failure::new(
                Code::Confirm,
                format!("restarting {what} ({how}) needs a confirmation, and there is no terminal to ask on"),
                "add --yes",
            ));
        }
        output::say(&format!("restart {what}, {how}? [y/N]"));
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        if matches!(answer.trim(), "y" | "Y" | "yes") {
            return Ok(());
        }
        Err(Failure::new(
            Code::Confirm,
            "nothing was restarted",
            "answer y, or add --yes",
        ))
    }
}

// === impl Target ===

impl Target {
    /// `guilds`, `guilds/guilds-1`, `guilds/1` or `guilds-1`.
    fn parse(text: &str) -> Self {
        let numbered = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let (cluster, node) = match text.split_once('/') {
            Some((cluster, number)) if numbered(number) => (cluster, Some(format!("{cluster}-{number}"))),
            Some((cluster, node)) => (cluster, Some(node.to_owned())),
            None => match text.rsplit_once('-') {
                Some((cluster, number)) if numbered(number) => (cluster, Some(text.to_owned())),
                _ => (text, None),
            },
        };
        Self {
            cluster: cluster.to_owned(),
            node,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_may_be_named_in_three_ways() {
        let node = Target {
            cluster: "guilds".into(),
            node: Some("guilds-1".into()),
        };
        for text in ["guilds/guilds-1", "guilds/1", "guilds-1"] {
            assert_eq!(Target::parse(text), node, "{text}");
        }
        assert_eq!(
            Target::parse("guilds"),
            Target {
                cluster: "guilds".into(),
                node: None
            }
        );
    }
}
