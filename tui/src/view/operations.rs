//! Operations: the list, and one of them with a row for every node and how far it is.

use super::canvas::Canvas;
use jiff::Timestamp;
use ops_api::{EVERYTHING, NewOperation, NodeStep, Operation, OperationState, StepState};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::fleet::percent;
use super::look::{Look, Role};
use super::table::{self, Column, Rows};
use super::{empty, lines, number, panel, table_title};
use crate::state::State;
use crate::state::grid::Table;

const LIST: [Column; 8] = [
    Column::text("OPERATION", 16),
    Column::text("STATE", 11),
    Column::text("WHAT", 20),
    Column::text("NODES", 5),
    Column::number("TOOK", 6).from(62),
    Column::text("STARTED", 9).from(72),
    Column::text("BY", 16).from(100),
    Column::rest("REASON").from(110),
];

const STEPS: [Column; 8] = [
    Column::text("NODE", 11),
    Column::text("STATE", 9),
    Column::text("DRAIN", 13),
    Column::text("STOP", 4),
    Column::text("START", 5),
    Column::text("BAKE", 4),
    Column::number("TOOK", 6),
    Column::rest("HANDED OVER").from(64),
];

/// Draws the list.
pub(super) fn list(state: &State, look: Look, frame: &mut Canvas<'_, '_>, area: Rect) {
    let grid = state.grids.of(Table::Operations);
    let operations = state.shown_operations();
    let title = table_title(format!("Operations ({})", operations.len()), grid.words(), look);
    let block = panel(look, title);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    if operations.is_empty() {
        let text = if state.operations.list.is_empty() {
            "no operation yet; R on a cluster plans a restart"
        } else {
            "no operation matches"
        };
        return empty(frame, inner, look, text);
    }
    let rows = operations.iter().map(|operation| {
        let request = &operation.request;
        let (done, all) = operation.progress();
        vec![
            Line::styled(operation.id.clone(), look.style(Role::Strong)),
            Line::from(state_span(operation.state, look)),
            Line::raw(what(request)),
            Line::raw(format!("{done}/{all}")),
            Line::raw(took(Some(operation.created), operation.ended, state.now.wall)),
            Line::raw(state.time(operation.created, "%H:%M:%S")),
            Line::raw(request.by.clone()),
            Line::raw(operation.error.clone().unwrap_or_else(|| request.reason.clone())),
        ]
    });
    let ids = operations.iter().map(|operation| operation.id.as_str());
    let selected = state.operations.row(&operations);
    let rows = Rows::of(state, grid, rows.collect(), ids, selected);
    table::draw(frame, inner, look, &LIST, rows);
}

/// `restart guilds`, `restart guilds-0`, `reboot all`.
pub(super) fn what(request: &NewOperation) -> String {
    match (&request.node, request.cluster.as_str()) {
        (Some(node), _) => format!("restart {node}"),
        (None, EVERYTHING) => "reboot all".to_owned(),
        (None, cluster) => format!("restart {cluster}"),
    }
}

/// Draws one.
pub(super) fn one(state: &State, look: Look, frame: &mut Canvas<'_, '_>, area: Rect, id: &str) {
    let Some(operation) = state.operations.get(id) else {
        let block = panel(look, format!("Operation {id}"));
        let inner = block.inner(area);
        frame.render_widget(block, area);
        return empty(
            frame,
            inner,
            look,
            "this operation is not known here (only the newest are kept)",
        );
    };
    let steps = u16::try_from(operation.steps.len())
        .unwrap_or(u16::MAX)
        .saturating_add(1);
    let words = words(operation, look);
    let notes = u16::try_from(words.len())
        .unwrap_or(0)
        .min(area.height.saturating_sub(6));
    let title = Line::from(vec![
        Span::styled(id.to_owned(), look.style(Role::Strong)),
        Span::raw("  "),
        state_span(operation.state, look),
        Span::raw(format!(
            "  {}",
            took(Some(operation.created), operation.ended, state.now.wall)
        )),
    ]);
    let block = panel(look, title);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let [table, rest] = Layout::vertical([
        Constraint::Length(steps.min(inner.height.saturating_sub(notes.min(4)))),
        Constraint::Fill(1),
    ])
    .areas(inner);
    // The rows follow the work.
    let at = operation
        .steps
        .iter()
        .position(|step| !matches!(step.state, StepState::Done | StepState::Skipped));
    let unit = unit(state, &operation.request.cluster);
    let rows = operation
        .steps
        .iter()
        .map(|step| step_row(step, &unit, state.now.wall, look))
        .collect::<Vec<_>>();
    let first = table::window(
        rows.len(),
        at.unwrap_or(0),
        usize::from(table.height.saturating_sub(1)),
    );
    let rows = Rows::plain(rows.into_iter().skip(first).collect(), None);
    table::draw(frame, table, look, &STEPS, rows);
    lines(frame, rest, words);
}

fn step_row(step: &NodeStep, unit: &str, now: Timestamp, look: Look) -> Vec<Line<'static>> {
    let role = Look::step_role(step.state);
    let reached = reached(step.state);
    let phase = |number: u8| {
        let text = match reached {
            _ if step.state == StepState::Failed => "-",
            reached if reached > number => "ok",
            reached if reached == number => "...",
            _ => "-",
        };
        Line::styled(
            text,
            look.style(if reached == number {
                Role::Info
            } else {
                Role::Muted
            }),
        )
    };
    let drained = step.held.saturating_sub(step.left);
    let drain = match step.state {
        StepState::Draining if step.held > 0 => {
            format!(
                "{} {:>3}%",
                look.bar(drained, step.held, 8),
                drained.saturating_mul(100) / step.held
            )
        }
        StepState::Draining => "...".to_owned(),
        StepState::Pending | StepState::Skipped => "-".to_owned(),
        StepState::Failed => format!("{drained}/{}", step.held),
        _ => "ok".to_owned(),
    };
    let drain_role = if step.state == StepState::Draining {
        Role::Info
    } else {
        Role::Muted
    };
    let handed = match step.state {
        StepState::Pending | StepState::Skipped => String::new(),
        _ => format!("{drained}/{} {unit}", step.held),
    };
    vec![
        Line::styled(step.node.clone(), look.style(Role::Strong)),
        Line::styled(step_name(step.state), look.style(role)),
        Line::styled(drain, look.style(drain_role)),
        phase(2),
        phase(3),
        phase(4),
        Line::raw(took(step.started, step.ended, now)),
        Line::raw(handed),
    ]
}

/// Which phase a step is in; greater than the last when it is done.
fn reached(state: StepState) -> u8 {
    match state {
        StepState::Pending | StepState::Skipped | StepState::Failed => 0,
        StepState::Draining => 1,
        StepState::Stopping => 2,
        StepState::Starting => 3,
        StepState::Baking => 4,
        StepState::Done => 5,
    }
}

fn words(operation: &Operation, look: Look) -> Vec<Line<'static>> {
    let label = |name: &str, text: String, role: Role| {
        Line::from(vec![
            Span::styled(format!("{name:<8}"), look.style(Role::Muted)),
            Span::styled(text, look.style(role)),
        ])
    };
    let request = &operation.request;
    let mode = match request.mode {
        ops_api::Mode::Rolling => "rolling",
        ops_api::Mode::Cold => "cold",
    };
    let mut lines = vec![Line::raw("")];
    if let Some(error) = &operation.error {
        lines.push(label("failed", error.clone(), Role::Crit));
    }
    if let Some(paused) = &operation.paused {
        lines.push(label("paused", paused.clone(), Role::Warn));
    }
    lines.extend(guard(operation, look));
    if let Some(admission) = &operation.admission {
        let text = format!(
            "{} % of the identify budget; {} of {} clients are back",
            admission.percent, admission.now, admission.before
        );
        lines.push(label("let in", text, Role::Info));
    }
    lines.push(label(
        "what",
        format!("{}, {mode}, fence {}", what(request), operation.fence),
        Role::Plain,
    ));
    lines.push(label("by", request.by.clone(), Role::Plain));
    lines.push(label("reason", request.reason.clone(), Role::Plain));
    for (index, gate) in operation.gates.iter().enumerate() {
        let role = if gate.ends_with(": ok") {
            Role::Ok
        } else {
            Role::Warn
        };
        lines.push(label(if index == 0 { "gates" } else { "" }, gate.clone(), role));
    }
    if !operation.state.ended() {
        let text = "leaving this screen or the console does not stop it";
        lines.push(label("", text.to_owned(), Role::Muted));
    }
    lines
}

/// What its guard sees: a line for the verdict and one for each cluster that it watches.
fn guard(operation: &Operation, look: Look) -> Vec<Line<'static>> {
    let guard = &operation.guard;
    if guard.state.is_empty() {
        return Vec::new();
    }
    let role = match guard.state.as_str() {
        "ok" => Role::Ok,
        "worse" | "off" => Role::Warn,
        _ => Role::Crit,
    };
    let mut first = vec![
        Span::styled(format!("{:<8}", "guard"), look.style(Role::Muted)),
        Span::styled(guard.state.clone(), look.style(role)),
    ];
    if !guard.reason.is_empty() {
        first.push(Span::raw(format!("  {}", guard.reason)));
    }
    let watched = guard.watched.iter().map(|watched| {
        let errors = format!(
            "err {} -> {} %",
            percent(watched.error_percent_before),
            percent(watched.error_percent)
        );
        let slow = format!(
            "p99 {} -> {} ms",
            number::short(watched.p99_ms_before),
            number::short(watched.p99_ms)
        );
        Line::from(vec![
            Span::raw(format!("{:8}{:<11}", "", watched.cluster)),
            Span::styled(format!("{errors:<24}{slow}"), look.style(Role::Muted)),
        ])
    });
    std::iter::once(Line::from(first)).chain(watched).collect()
}

fn unit(state: &State, cluster: &str) -> String {
    let cluster = state.fleet.as_ref().and_then(|fleet| fleet.cluster(cluster));
    cluster
        .and_then(|cluster| cluster.nodes.first())
        .map(|node| node.holds_unit.clone())
        .unwrap_or_default()
}

fn state_span(state: OperationState, look: Look) -> Span<'static> {
    use ops_api::Health;
    let (mark, name, role) = match state {
        OperationState::Planned => ("?", "planned", Role::Muted),
        OperationState::Running => (look.busy(), "running", Role::Info),
        OperationState::Paused => (look.health_mark(Health::Yellow), "paused", Role::Warn),
        OperationState::Aborting => (look.busy(), "aborting", Role::Warn),
        OperationState::Completed => (look.health_mark(Health::Green), "completed", Role::Ok),
        OperationState::Aborted => (look.health_mark(Health::Yellow), "aborted", Role::Warn),
        OperationState::Failed => (look.health_mark(Health::Red), "failed", Role::Crit),
    };
    Span::styled(format!("{mark} {name}"), look.style(role))
}

pub(super) fn step_name(state: StepState) -> &'static str {
    match state {
        StepState::Pending => "pending",
        StepState::Draining => "draining",
        StepState::Stopping => "stopping",
        StepState::Starting => "starting",
        StepState::Baking => "baking",
        StepState::Done => "done",
        StepState::Failed => "failed",
        StepState::Skipped => "skipped",
    }
}

pub(super) fn took(from: Option<Timestamp>, until: Option<Timestamp>, now: Timestamp) -> String {
    let Some(from) = from else { return "-".to_owned() };
    let ms = until.unwrap_or(now).duration_since(from).as_millis();
    number::duration(u64::try_from(ms).unwrap_or(0))
}
