//! One node: who it is, what it holds and does, how its restarts went, what it last complained about.

use ops_api::{NodeStatus, Operation};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::canvas::Canvas;
use super::fleet::{draw_tail, percent};
use super::look::{Look, Role};
use super::{empty, lines, number, operations, pane, panel};
use crate::state::State;

/// Draws the screen.
pub(super) fn draw(state: &State, look: Look, frame: &mut Canvas<'_, '_>, area: Rect, name: &str) {
    let Some(node) = state.node_called(name) else {
        let block = panel(look, format!("Node {name}"));
        let inner = block.inner(area);
        frame.render_widget(block, area);
        return empty(frame, inner, look, "the control plane no longer lists this node");
    };
    if state.zoomed {
        return match state.pane {
            0 => identity(state, node, look, frame, area),
            1 => restarts(state, node, look, frame, area),
            _ => draw_tail(state, look, frame, area, Some(name)),
        };
    }
    let facts = u16::try_from(facts(state, node, look, area.width).len()).unwrap_or(0) + 2;
    let past = u16::try_from(history(state, name).len()).unwrap_or(0).clamp(1, 5) + 2;
    let [upper, middle, lower] = Layout::vertical([
        Constraint::Length(facts),
        Constraint::Length(past),
        Constraint::Fill(1),
    ])
    .areas(area);
    identity(state, node, look, frame, upper);
    restarts(state, node, look, frame, middle);
    if lower.height >= 3 {
        draw_tail(state, look, frame, lower, Some(name));
    }
}

fn identity(state: &State, node: &NodeStatus, look: Look, frame: &mut Canvas<'_, '_>, area: Rect) {
    let (mark, role) = look.state_mark(&node.state);
    let title = Line::from(vec![
        Span::styled(node.name.clone(), look.style(Role::Strong)),
        Span::styled(format!("  {mark} {}", node.state), look.style(role)),
        Span::styled(
            format!("  {} {}", look.health_mark(node.health), node.health.name()),
            look.style(Look::health_role(node.health)),
        ),
    ]);
    let block = pane(look, title, state.pane == 0);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    lines(frame, inner, facts(state, node, look, area.width));
}

/// Name and value, two pairs in a line where there is room.
fn facts(state: &State, node: &NodeStatus, look: Look, width: u16) -> Vec<Line<'static>> {
    let generation = state.fleet.as_ref().map_or(0, |fleet| fleet.generation);
    let or_none = |text: &str| if text.is_empty() { "-" } else { text }.to_owned();
    let held = match node.holds_unit.as_str() {
        "" => "nothing that would move".to_owned(),
        unit => format!("{} {unit}", number::exact(node.holds)),
    };
    let pid = match node.pid {
        0 => "none".to_owned(),
        pid => pid.to_string(),
    };
    let seen = if node.age_ms == u64::MAX {
        "never".to_owned()
    } else {
        format!("{}.{}s ago", node.age_ms / 1000, node.age_ms % 1000 / 100)
    };
    let pairs = [
        ("cluster", node.cluster.clone()),
        ("version", or_none(&node.version)),
        ("process", pid),
        ("life", node.incarnation.to_string()),
        ("serves at", or_none(&node.address)),
        ("admin at", or_none(&node.admin)),
        ("holds", held),
        ("ring", format!("generation {generation}")),
        ("rate", format!("{}/s", number::short(node.rate))),
        ("errors", format!("{} %", percent(node.error_percent))),
        ("p99", format!("{} ms", number::short(node.p99_ms))),
        ("queue", number::exact(node.queue)),
        ("memory", number::bytes(node.rss_bytes)),
        ("up", number::duration(node.uptime_ms)),
        ("crashes", node.restarts.to_string()),
        ("seen", seen),
    ];
    let pair = |(name, value): &(&str, String), room: usize| {
        let text: String = value.chars().take(room).collect();
        vec![
            Span::styled(format!("{name:<10}"), look.style(Role::Muted)),
            Span::raw(format!("{text:<room$}")),
        ]
    };
    let room = usize::from(width.saturating_sub(24) / 2);
    let mut lines: Vec<Line<'static>> = pairs
        .chunks(2)
        .map(|two| Line::from(two.iter().flat_map(|one| pair(one, room)).collect::<Vec<_>>()))
        .collect();
    if !node.reason.is_empty() {
        let style = look.style(Look::health_role(node.health));
        lines.insert(0, Line::styled(node.reason.clone(), style));
    }
    lines
}

/// Its restarts, newest first, of the operations that are known here.
fn history<'a>(state: &'a State, name: &str) -> Vec<&'a Operation> {
    let list = state.operations.list.iter();
    list.filter(|operation| operation.steps.iter().any(|step| step.node == name))
        .collect()
}

fn restarts(state: &State, node: &NodeStatus, look: Look, frame: &mut Canvas<'_, '_>, area: Rect) {
    let block = pane(look, "Restarts", state.pane == 1);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let history = history(state, &node.name);
    if history.is_empty() {
        return empty(frame, inner, look, "no operation that is known here restarted it");
    }
    let line = |operation: &&Operation| {
        let step = operation.steps.iter().find(|step| step.node == node.name);
        let how = step.map_or("-", |step| operations::step_name(step.state));
        let started = step.and_then(|step| step.started);
        let took = operations::took(started, step.and_then(|step| step.ended), state.now.wall);
        Line::from(vec![
            Span::styled(
                state.time(operation.created, "%m-%d %H:%M:%S "),
                look.style(Role::Muted),
            ),
            Span::styled(format!("{} ", operation.id), look.style(Role::Strong)),
            Span::raw(format!("{how} {took}  ")),
            Span::raw(operation.request.reason.clone()),
        ])
    };
    lines(frame, inner, history.iter().map(line));
}
