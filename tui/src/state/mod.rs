//! What the console knows, and how that changes: `update(&mut State, Event) -> Vec<Cmd>`, a pure function. No
//! terminal library and no network in this room; time comes in with the event.

mod clock;
mod cmd;
pub mod command;
mod contexts;
mod dispatch;
pub mod filter;
pub mod grid;
mod hold;
pub mod incidents;
pub mod logs;
pub mod menu;
mod moment;
mod msg;
mod operations;
mod plan;
mod rows;
mod saved;
mod screen;
mod sheet;
mod theme;
mod trend;
mod update;
pub mod xray;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ops_api::{AuditEntry, ClusterStatus, Fleet, NodeStatus, Operation};
use tui_input::Input;

pub use clock::Clock;

pub use cmd::Cmd;
pub use moment::Moment;
pub use msg::{Event, Feed, Msg, Refusal, Wheel};
pub use operations::Operations;
pub use plan::{Danger, Gate, Plan, Target, Verdict};
pub use saved::Saved;
pub use screen::{Screen, Screens};
pub use sheet::{COUNTDOWN_MS, DEAF_MS, Field, Planned, Sheet, Subject, Turn};
pub use theme::Theme;
pub use trend::{SPAN_MS, Sample, Trends};
pub use update::{start, update};

use grid::{Grids, Table};
use hold::Hold;
use incidents::Incident;
use logs::{Logs, Ring};
use menu::Menu;

/// Without a sign of life for this long, what is shown is stale.
pub const STALE_MS: u64 = 3000;
/// Without a new picture for this long, what is shown is stale even though the control plane gives signs of life:
/// it may be up and unable to see.
pub const OLD_MS: u64 = 10_000;
/// How long writing stays allowed.
pub const ARMED_MS: u64 = 15 * 60_000;
/// How long a notice stands.
const NOTICE_MS: u64 = 6000;
/// Memory for the tail of the fleet screen.
const TAIL_BYTES: usize = 256 << 10;

/// What does not change while the console runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who acts, for the audit log.
    pub by: String,
    /// Where the control plane is.
    pub control: String,
    /// Where the store is.
    pub store: String,
    /// Distinguishes this run of the console in idempotency keys.
    pub session: String,
    /// The local time zone.
    pub zone: TimeZone,
}

/// The watch stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// The first try has not ended.
    Connecting,
    /// Events come.
    Up,
    /// It is gone.
    Down {
        /// Why.
        reason: String,
        /// When the next try is.
        retry_at_ms: u64,
    },
}

/// How old the picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// There is no picture.
    Nothing,
    /// It is of now.
    Live,
    /// It is this many milliseconds old.
    Stale(u64),
}

/// What the footer says for a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// In one line.
    pub text: String,
    /// Whether something was refused or failed.
    pub bad: bool,
    until_ms: u64,
}

/// A line that is being typed.
#[derive(Debug, Clone)]
pub struct Line {
    /// What for.
    pub purpose: Purpose,
    /// What is typed.
    pub input: Input,
    /// The picked row of the palette.
    pub picked: usize,
}

/// What a line is typed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A command.
    Command,
    /// A filter over the rows or the records.
    Filter,
    /// A search over all commands.
    Palette,
    /// Why changes are to be allowed.
    Arm,
}

/// Everything.
#[derive(Debug)]
pub struct State {
    /// What does not change.
    pub settings: Settings,
    /// Now, as of the last event.
    pub now: Moment,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// Where we are.
    pub screens: Screens,
    /// The watch stream.
    pub link: Link,
    /// When the control plane last gave a sign of life.
    pub heard: Option<Moment>,
    /// When the last picture came.
    pub pictured: Option<Moment>,
    /// The last picture.
    pub fleet: Option<Box<Fleet>>,
    /// The last minutes of every cluster.
    pub trends: Trends,
    /// The selected cluster.
    pub cluster: Option<String>,
    /// The selected node of the cluster screen.
    pub node: Option<String>,
    /// The selected incident, by the name of what is wrong.
    pub incident: Option<String>,
    /// The chosen action of the selected incident.
    pub action: usize,
    /// The selected line of the tree.
    pub branch: usize,
    /// How each table is looked at.
    pub grids: Grids,
    /// Whether tables show all their columns, whatever the width.
    pub wide: bool,
    /// How many columns after the first are scrolled away.
    pub columns_skipped: usize,
    /// The pane that has the focus, on screens with several.
    pub pane: usize,
    /// Whether only that pane is shown.
    pub zoomed: bool,
    /// Since when what is not green is not green.
    pub unwell: BTreeMap<String, Timestamp>,
    /// How times are written.
    pub clock: Clock,
    /// The theme that was chosen here, in place of the one the console was started with.
    pub theme: Option<Theme>,
    /// Whether the mouse is the console's.
    pub mouse: bool,
    /// Whether the records are shown as plain text, for the terminal's own selecting.
    pub plain: bool,
    /// Operations.
    pub operations: Operations,
    /// The audit log, newest first.
    pub audit: Option<Vec<AuditEntry>>,
    /// The selected entry.
    pub audit_row: usize,
    /// First visible row of the help screen.
    pub help_row: usize,
    /// The logs screen.
    pub logs: Logs,
    /// The tail of the fleet screen.
    pub tail: Ring,
    /// Whether the tail's first answer has come.
    pub tail_loaded: bool,
    /// Why the store gives no tail.
    pub tail_error: Option<String>,
    /// The sheet, when one is open.
    pub sheet: Option<Sheet>,
    /// The menu, when one is open.
    pub menu: Option<Menu>,
    /// The line, when one is being typed.
    pub line: Option<Line>,
    /// What the footer says.
    pub notice: Option<Notice>,
    /// Until when writing is allowed.
    armed_until_ms: Option<u64>,
    /// Why it is: the reason that sheets begin with.
    armed_reason: String,
    /// What waits while the screen is frozen.
    hold: Option<Hold>,
    next_sheet: u64,
}

// === impl State ===

impl State {
    /// Nothing known yet.
    pub fn new(settings: Settings, now: Moment, size: (u16, u16)) -> Self {
        Self {
            settings,
            now,
            size,
            screens: Screens::new(),
            link: Link::Connecting,
            heard: None,
            pictured: None,
            fleet: None,
            trends: Trends::default(),
            cluster: None,
            node: None,
            incident: None,
            action: 0,
            branch: 0,
            grids: Grids::default(),
            wide: false,
            columns_skipped: 0,
            pane: 0,
            zoomed: false,
            unwell: BTreeMap::new(),
            clock: Clock::default(),
            theme: None,
            mouse: true,
            plain: false,
            operations: Operations::default(),
            audit: None,
            audit_row: 0,
            help_row: 0,
            logs: Logs::new(),
            tail: Ring::new(TAIL_BYTES),
            tail_loaded: false,
            tail_error: None,
            sheet: None,
            menu: None,
            line: None,
            notice: None,
            armed_until_ms: None,
            armed_reason: String::new(),
            hold: None,
            next_sheet: 0,
        }
    }

    /// How old the picture is.
    pub fn freshness(&self) -> Freshness {
        let (Some(heard), Some(pictured)) = (self.heard, self.pictured) else {
            return Freshness::Nothing;
        };
        match (self.now.since(heard), self.now.since(pictured)) {
            (_, age) if age >= OLD_MS => Freshness::Stale(age),
            (silence, _) if silence >= STALE_MS => Freshness::Stale(silence),
            _ => Freshness::Live,
        }
    }

    /// For how many milliseconds writing is still allowed.
    pub fn armed_ms(&self) -> Option<u64> {
        let until = self.armed_until_ms?;
        until.checked_sub(self.now.ms).filter(|left| *left > 0)
    }

    /// Whether something may be changed; why not, if not. The one place that decides this.
    pub fn may_write(&self) -> Result<(), String> {
        match self.freshness() {
            Freshness::Nothing => Err("nothing is known yet: nothing can be changed".to_owned()),
            Freshness::Stale(age) => Err(format!(
                "what is shown is {}s old: nothing can be changed until it is live",
                age / 1000
            )),
            Freshness::Live if self.frozen() => {
                Err("the screen is frozen: nothing can be changed until p lets it go on".to_owned())
            }
            Freshness::Live if self.armed_ms().is_none() => {
                Err("read-only: press W to allow changes for 15 minutes".to_owned())
            }
            Freshness::Live => Ok(()),
        }
    }

    /// Whether something is open over the screen that takes the keys.
    pub fn covered(&self) -> bool {
        self.line.is_some() || self.sheet.is_some() || self.menu.is_some() || self.plain
    }

    /// Whether what is shown stands still.
    pub fn frozen(&self) -> bool {
        self.hold.is_some()
    }

    /// Writes a time as the clock is set.
    pub fn time(&self, at: Timestamp, format: &str) -> String {
        self.clock.write(at, self.now.wall, &self.settings.zone, format)
    }

    /// The clusters as the fleet screen shows them.
    pub fn clusters(&self) -> Vec<&ClusterStatus> {
        let clusters = self.fleet.iter().flat_map(|fleet| &fleet.clusters);
        self.grids.of(Table::Clusters).arrange(clusters)
    }

    /// The nodes of a cluster as its screen shows them.
    pub fn nodes<'a>(&self, cluster: &'a ClusterStatus) -> Vec<&'a NodeStatus> {
        self.grids.of(Table::Nodes).arrange(cluster.nodes.iter())
    }

    /// The operations as their screen shows them.
    pub fn shown_operations(&self) -> Vec<&Operation> {
        self.grids
            .of(Table::Operations)
            .arrange(self.operations.list.iter())
    }

    /// The entries of the audit log as its screen shows them.
    pub fn shown_audit(&self) -> Vec<&AuditEntry> {
        self.grids.of(Table::Audit).arrange(self.audit.iter().flatten())
    }

    /// All that is wrong now.
    pub fn incidents(&self) -> Vec<Incident> {
        let fleet = self.fleet.as_ref();
        fleet.map_or_else(Vec::new, |fleet| incidents::of(fleet, &self.unwell))
    }

    /// What is wrong now as the screen shows it.
    pub fn shown_incidents(&self) -> Vec<Incident> {
        let all = self.incidents();
        let shown = self.grids.of(Table::Incidents).arrange(all.iter());
        shown.into_iter().cloned().collect()
    }

    /// The lines of the tree.
    pub fn branches(&self) -> Vec<xray::Branch> {
        let fleet = self.fleet.as_ref();
        fleet.map_or_else(Vec::new, |fleet| xray::tree(fleet, &self.unwell))
    }

    /// The node called `name`.
    pub fn node_called(&self, name: &str) -> Option<&NodeStatus> {
        self.fleet.as_ref()?.nodes().find(|node| node.name == name)
    }

    /// The cluster of the cluster screen.
    pub fn shown_cluster(&self) -> Option<&ClusterStatus> {
        match self.screens.current() {
            Screen::Cluster(name) => self.fleet.as_ref()?.cluster(name),
            _ => None,
        }
    }

    /// The operation that runs, if any.
    pub fn running(&self) -> Option<&Operation> {
        let running = self.fleet.as_ref().and_then(|fleet| fleet.operation.as_ref());
        // The list hears of each change at once, the picture once a second.
        let known = running
            .and_then(|operation| self.operations.get(&operation.id))
            .or(running);
        known.filter(|operation| !operation.state.ended()).or_else(|| {
            let mut list = self.operations.list.iter();
            list.find(|operation| !operation.state.ended())
        })
    }

    /// The chips of the logs screen: all clusters, and those of the query that are no more.
    pub fn chips(&self) -> Vec<String> {
        let clusters = self.fleet.iter().flat_map(|fleet| &fleet.clusters);
        let mut names: Vec<String> = clusters.map(|cluster| cluster.name.clone()).collect();
        let gone: BTreeSet<_> = self
            .logs
            .query
            .clusters
            .iter()
            .filter(|name| !names.contains(name))
            .collect();
        names.extend(gone.into_iter().cloned().collect::<Vec<_>>());
        names
    }

    /// Says something in the footer for a moment.
    pub(crate) fn notify(&mut self, text: impl Into<String>, bad: bool) {
        self.notice = Some(Notice {
            text: text.into(),
            bad,
            until_ms: self.now.ms + NOTICE_MS,
        });
    }
}
