//! What one run of the console leaves to the next: how things were looked at. Never that changes were allowed, and
//! nothing that the control plane said.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::grid::{Sort, Table};
use super::logs::Level;
use super::screen::Screen;
use super::theme::Theme;
use super::{Cmd, State};

/// What is kept. What a later version adds is left out by an earlier one, and the other way round.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Saved {
    /// The screen, by its command: `logs`, `pulses`.
    pub screen: String,
    /// The theme that was chosen while it ran.
    pub theme: Option<String>,
    /// How times were written: `local time`.
    pub clock: String,
    /// Whether the mouse was left to the terminal.
    pub no_mouse: bool,
    /// The order of each table that was sorted: a column, with `-` before it when turned around.
    pub sorts: BTreeMap<String, String>,
    /// The least level of the logs screen.
    pub level: String,
    /// How far back the logs screen looked, in minutes.
    pub since_minutes: u64,
}

const TABLES: [(Table, &str); 5] = [
    (Table::Clusters, "clusters"),
    (Table::Nodes, "nodes"),
    (Table::Operations, "operations"),
    (Table::Incidents, "incidents"),
    (Table::Audit, "audit"),
];

impl State {
    /// What the next run is to know.
    pub fn save(&self) -> Saved {
        let screen = match self.screens.current() {
            Screen::Logs => "logs",
            Screen::Incidents => "incidents",
            Screen::Operations | Screen::Operation(_) => "operations",
            Screen::Pulses => "pulses",
            Screen::Xray => "xray",
            Screen::Slo => "slo",
            Screen::Audit => "audit",
            Screen::Fleet | Screen::Cluster(_) | Screen::Node(_) | Screen::Help => "fleet",
        };
        let sorts = TABLES.iter().filter_map(|(table, name)| {
            let sort = self.grids.of(*table).sort.as_ref()?;
            let sign = if sort.reversed { "-" } else { "" };
            Some(((*name).to_owned(), format!("{sign}{}", sort.column)))
        });
        Saved {
            screen: screen.to_owned(),
            theme: self.theme.map(|theme| theme.name().to_owned()),
            clock: self.clock.name().to_owned(),
            no_mouse: !self.mouse,
            sorts: sorts.collect(),
            level: self.logs.query.level.name().to_owned(),
            since_minutes: self.logs.query.since_minutes,
        }
    }

    /// Takes up where an earlier run left off; what makes no sense any more is left out.
    pub fn restore(&mut self, saved: &Saved) -> Vec<Cmd> {
        self.theme = saved.theme.as_deref().and_then(Theme::known);
        let clocks = [Clock::Utc, Clock::Local, Clock::Relative];
        self.clock = clocks
            .into_iter()
            .find(|clock| clock.name() == saved.clock)
            .unwrap_or_default();
        self.mouse = !saved.no_mouse;
        for (table, name) in TABLES {
            let Some(text) = saved.sorts.get(name) else {
                continue;
            };
            let column = text.trim_start_matches('-');
            if super::rows::columns(table).contains(&column) {
                self.grids.of_mut(table).sort = Some(Sort {
                    column: column.to_owned(),
                    reversed: text.starts_with('-'),
                });
            }
        }
        let query = &mut self.logs.query;
        query.level = Level::known(&saved.level).unwrap_or(query.level);
        if (1..=7 * 24 * 60).contains(&saved.since_minutes) {
            query.since_minutes = saved.since_minutes;
        }
        super::dispatch::go(self, &saved.screen)
    }
}
