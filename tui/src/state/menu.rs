//! A small menu: each entry is a command line under a name, so that whatever a menu does can also be typed.

use super::State;
use super::grid::Table;
use super::screen::Screen;
use super::theme::Theme;
use ops_api::ServiceKind;

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it says.
    pub label: String,
    /// The command that it stands for.
    pub line: String,
}

/// An open menu.
#[derive(Debug, Clone)]
pub struct Menu {
    /// What it is about.
    pub title: String,
    /// What can be chosen; never empty.
    pub entries: Vec<Entry>,
    /// The picked one.
    pub picked: usize,
}

// === impl Menu ===

impl Menu {
    /// The columns of the table that is shown.
    pub fn sort(state: &State, table: Table) -> Self {
        let now = state.grids.of(table).sort.as_ref();
        let columns = super::rows::columns(table);
        let entry = |column: &&str| Entry {
            label: match now {
                Some(sort) if sort.column == **column => format!("{column} (turn around)"),
                _ => (*column).to_owned(),
            },
            line: format!("sort {column}"),
        };
        let mut entries: Vec<Entry> = columns.iter().map(entry).collect();
        entries.push(Entry {
            label: "as they come".to_owned(),
            line: "sort none".to_owned(),
        });
        let picked = columns
            .iter()
            .position(|column| now.is_some_and(|sort| sort.column == *column));
        Self {
            title: "Sort by".to_owned(),
            entries,
            picked: picked.unwrap_or(0),
        }
    }

    /// The themes.
    pub fn themes() -> Self {
        let entry = |theme: &Theme| Entry {
            label: theme.name().to_owned(),
            line: format!("theme {}", theme.name()),
        };
        Self {
            title: "Theme".to_owned(),
            entries: Theme::ALL.iter().map(entry).collect(),
            picked: 0,
        }
    }

    /// What can be done to a cluster or a node; `None` when nothing can.
    pub fn admin(state: &State, name: &str) -> Option<Self> {
        let fleet = state.fleet.as_ref()?;
        let entry = |label: String, line: String| Entry { label, line };
        let cluster = fleet.cluster(name).map_or_else(
            || {
                fleet
                    .nodes()
                    .find(|node| node.name == name)
                    .map(|node| node.cluster.clone())
            },
            |cluster| Some(cluster.name.clone()),
        )?;
        if fleet.cluster(&cluster)?.kind != ServiceKind::Chat {
            return None;
        }
        let mut entries = vec![entry(format!("restart {name}"), format!("restart {name}"))];
        if cluster != name {
            entries.push(entry(
                format!("restart all of {cluster}, node after node"),
                format!("restart {cluster}"),
            ));
        }
        entries.push(entry(
            format!("restart {cluster} cold: all nodes at once"),
            format!("restart {cluster} cold"),
        ));
        if let Some(operation) = state.running() {
            let what = &operation.request.cluster;
            entries.push(entry(
                format!("abort {} (restart {what})", operation.id),
                format!("abort {}", operation.id),
            ));
        }
        Some(Self {
            title: format!("Change {name}"),
            entries,
            picked: 0,
        })
    }
}

/// The table that a screen shows, if it shows one.
pub fn table_of(screen: &Screen) -> Option<Table> {
    match screen {
        Screen::Fleet | Screen::Pulses | Screen::Slo => Some(Table::Clusters),
        Screen::Cluster(_) => Some(Table::Nodes),
        Screen::Operations => Some(Table::Operations),
        Screen::Incidents => Some(Table::Incidents),
        Screen::Audit => Some(Table::Audit),
        _ => None,
    }
}
