//! Building the alerts of a configuration and the actions that they feed. They are exchanged together, and only when
//! a table of theirs has changed: what they have counted of a window begins anew then.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::anyhow;
use lifecycle::CancellationToken;
use punt_control::Kind;
use tokio::sync::mpsc;

use super::live::Topology;
use super::running::{Running, Work};
use crate::alert::{self, Action, Rule, Rules};
use crate::config::Config;
use crate::meter::Meter;

/// What an action does until it is stopped.
type Task = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// Alerts that are ready to watch.
pub(super) struct NewAlerts {
    pub(super) rules: Rules,
    pub(super) live: LiveAlerts,
    tasks: Vec<(String, Task)>,
}

/// Alerts that watch.
#[derive(Default)]
pub(super) struct LiveAlerts {
    pub(super) meters: Vec<Arc<Meter>>,
    /// Cancelled when they end: others take their place, or punt stops.
    pub(super) stop: CancellationToken,
}

// === impl Topology ===

impl Topology {
    /// The alerts of `config`; none when they are those in force.
    pub(super) fn alerts(&self, config: &Config) -> anyhow::Result<Option<NewAlerts>> {
        let same = |section| self.table.get(section) == config.table.get(section);
        if same("alerts") && same("actions") {
            return Ok(None);
        }
        let (stop, mut meters, mut tasks) = (self.stop.child_token(), Vec::new(), Vec::new());
        let mut meter = |kind, name: &str| {
            let meter = self.meters.find(kind, name);
            let meter = meter.unwrap_or_else(|| Meter::new(kind, name, None));
            meters.push(Arc::clone(&meter));
            meter
        };
        let mut queues = HashMap::new();
        for (name, action) in &config.actions {
            // One that no alert names would have nothing to do, and end.
            if !config.alerts.iter().any(|(_, alert)| alert.action == *name) {
                continue;
            }
            let (queue, notices) = mpsc::channel(action.sending().queue);
            let action = action
                .url(|variable| std::env::var(variable).ok())
                .and_then(|url| {
                    let meter = meter(Kind::Action, name);
                    Action::new(name, action, &url, &config.alerts, meter, notices)
                })
                .map_err(|fault| anyhow!("starting the action {name:?}: {fault}"))?;
            let run: Task = Box::pin(action.run(stop.clone()));
            tasks.push((name.clone(), run));
            queues.insert(name, queue);
        }
        let rules = config.alerts.iter().filter_map(|(name, alert)| {
            let queue = queues.get(&alert.action)?.clone();
            Some(Rule::new(name, alert, meter(Kind::Alert, name), queue))
        });
        let rules = Rules::new(rules.collect());
        if !rules.is_empty() {
            let tick = alert::tick(rules.downgrade(), stop.clone());
            let run: Task = Box::pin(async move {
                tick.await;
                Ok(())
            });
            tasks.push(("alerts".to_owned(), run));
        }
        Ok(Some(NewAlerts {
            rules,
            live: LiveAlerts { meters, stop },
            tasks,
        }))
    }
}

// === impl NewAlerts ===

impl NewAlerts {
    /// Starts the actions.
    pub(super) fn start(self, running: &mut Running) -> (Rules, LiveAlerts) {
        for (name, task) in self.tasks {
            running.spawn(&name, Work::Action, self.live.stop.clone(), task);
        }
        (self.rules, self.live)
    }
}
