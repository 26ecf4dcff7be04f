//! How the start of a stack is shown: one line a cluster on a terminal, one line an event elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use ops_control::supervisor::wire::{Listing, ProcessState};

use crate::output;

/// The picture of a start.
#[derive(Debug)]
pub(crate) struct Progress {
    bars: Option<MultiProgress>,
    clusters: BTreeMap<String, Line>,
}

#[derive(Debug)]
struct Line {
    bar: Option<ProgressBar>,
    shown: String,
}

// === impl Progress ===

impl Progress {
    /// Nothing is shown yet.
    pub(crate) fn new() -> Self {
        Self {
            bars: std::io::stderr().is_terminal().then(MultiProgress::new),
            clusters: BTreeMap::new(),
        }
    }

    /// Shows what has changed.
    pub(crate) fn show(&mut self, listing: &Listing) {
        let mut order: Vec<&str> = Vec::new();
        for process in &listing.processes {
            if !order.contains(&process.cluster.as_str()) {
                order.push(&process.cluster);
            }
        }
        for cluster in order {
            let of = || {
                listing
                    .processes
                    .iter()
                    .filter(|process| process.cluster == *cluster)
            };
            if of().all(|process| process.state == ProcessState::Pending) {
                continue;
            }
            let (ready, all) = (of().filter(|process| process.ready).count(), of().count());
            let restarts: u64 = of().map(|process| process.restarts).sum();
            let again = if restarts > 0 {
                format!(", {restarts} ended and started again")
            } else {
                String::new()
            };
            let what = format!("{ready} of {all} ready{again}");
            self.line(cluster, what, ready == all);
        }
    }

    /// Says what is being waited for besides the processes.
    pub(crate) fn note(&mut self, what: &str) {
        self.line("stack", what.to_owned(), false);
    }

    /// Ends the picture.
    pub(crate) fn finish(self, green: bool) {
        let last = if green { "green" } else { "stopped" };
        for (cluster, line) in self.clusters {
            match line.bar {
                Some(bar) if cluster == "stack" => bar.finish_with_message(last),
                Some(bar) => bar.finish(),
                None if cluster == "stack" => output::say(&format!("stack: {last}")),
                None => {}
            }
        }
    }

    fn line(&mut self, cluster: &str, what: String, done: bool) {
        let bars = self.bars.as_ref();
        let line = self.clusters.entry(cluster.to_owned()).or_insert_with(|| Line {
            bar: bars.map(|bars| bars.add(bar(cluster))),
            shown: String::new(),
        });
        if line.shown == what {
            return;
        }
        match &line.bar {
            Some(bar) if done => bar.finish_with_message(what.clone()),
            Some(bar) => bar.set_message(what.clone()),
            None => output::say(&format!("{cluster}: {what}")),
        }
        line.shown = what;
    }
}

fn bar(cluster: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix:<10} {msg}") {
        bar.set_style(style.tick_chars("-\\|/ "));
    }
    bar.set_prefix(cluster.to_owned());
    bar.enable_steady_tick(std::time::Duration::from_millis(120));
    bar
}
