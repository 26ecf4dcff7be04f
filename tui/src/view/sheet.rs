//! The sheet that confirms a change. Small for what peers absorb, a plan for a cluster, a double frame and a name
//! to type for what users will notice: fingers that know one shape do not know the next.

use super::canvas::Canvas;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear};

use super::look::{Look, Role};
use super::{lines, number};
use ops_api::Mode;

use crate::state::{Danger, Field, Plan, Planned, Sheet, State, Subject, Turn, Verdict};

/// Cells of a label.
const LABEL: usize = 9;

/// Draws the sheet over the middle of the screen.
pub(super) fn draw(state: &State, sheet: &Sheet, look: Look, frame: &mut Canvas<'_, '_>, area: Rect) {
    let width = match sheet.danger {
        Danger::L1 => 66,
        Danger::L2 | Danger::L3 => 92,
        // What everybody will notice takes the whole screen.
        Danger::L4 => area.width,
    };
    let width = area.width.min(width);
    let inner_width = usize::from(width.saturating_sub(4));
    let upper = explanation(state, sheet, look, inner_width);
    let mut lower = controls(state, sheet, look, inner_width);
    if upper.len() + lower.len() + 2 > usize::from(area.height) {
        // The empty line above the buttons is a luxury.
        lower.retain(|line| line.width() > 0);
    }
    let height = match sheet.danger {
        Danger::L4 => area.height,
        _ => u16::try_from(upper.len() + lower.len() + 2)
            .unwrap_or(u16::MAX)
            .min(area.height),
    };
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    let (border, role) = match sheet.danger {
        Danger::L1 => (look.border(), Role::Plain),
        Danger::L2 => (look.border(), Role::Warn),
        Danger::L3 => (look.heavy_border(), Role::Crit),
        Danger::L4 => (look.thick_border(), Role::Crit),
    };
    let title = format!(" {} ", title(sheet));
    let danger = Line::from(format!(" danger {} of L4 ", sheet.danger.name())).right_aligned();
    let block = Block::bordered()
        .border_set(border)
        .border_style(look.style(role))
        .title(Span::styled(title, look.style(Role::Strong)))
        .title(danger);
    let mut inner = block.inner(place);
    frame.render_widget(Clear, place);
    frame.render_widget(block, place);
    inner.x += 1;
    inner.width = inner.width.saturating_sub(2);
    let controls_height = u16::try_from(lower.len()).unwrap_or(0).min(inner.height);
    // The controls are always there; of the explanation, as much as there is room for.
    let [words, buttons] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(controls_height)]).areas(inner);
    let most = upper.len().saturating_sub(usize::from(words.height));
    let skipped = usize::from(sheet.scroll).min(most);
    let hidden = most - skipped;
    lines(frame, words, upper.into_iter().skip(skipped));
    if hidden > 0 && words.height > 0 {
        let more = Line::styled(format!("(j: {hidden} more lines)"), look.style(Role::Muted));
        let last = Rect {
            y: words.bottom() - 1,
            height: 1,
            ..words
        };
        frame.render_widget(Clear, last);
        frame.render_widget(more, last);
    }
    lines(frame, buttons, lower);
}

fn title(sheet: &Sheet) -> String {
    match &sheet.subject {
        Subject::Turn(Turn::Abort, id) => format!("Abort {id}"),
        Subject::Turn(Turn::Pause, id) => format!("Pause {id}"),
        Subject::Turn(Turn::Resume, id) => format!("Resume {id}"),
        Subject::Restart(target) if target.cluster == ops_api::EVERYTHING => {
            format!("Reboot the whole system of {}", sheet.environment)
        }
        Subject::Restart(target) => match &target.node {
            Some(node) => format!("Restart node {node}"),
            None if target.mode == Mode::Cold => {
                format!("Restart cluster {} COLD: all nodes at once", target.cluster)
            }
            None => format!("Restart cluster {} (rolling)", target.cluster),
        },
    }
}

fn label(look: Look, name: &str, text: String, role: Role) -> Line<'static> {
    Line::from(vec![
        Span::styled(format!("{name:<LABEL$}"), look.style(Role::Muted)),
        Span::styled(text, look.style(role)),
    ])
}

/// A labelled text over as many lines as it needs, its words under one another.
pub(super) fn labelled(look: Look, name: &str, text: &str, role: Role, width: usize) -> Vec<Line<'static>> {
    let room = width.saturating_sub(LABEL).max(8);
    let mut rows: Vec<String> = vec![String::new()];
    for word in text.split(' ') {
        let row = rows.last_mut().expect("there is always a row");
        if !row.is_empty() && row.chars().count() + 1 + word.chars().count() > room {
            rows.push(word.to_owned());
        } else {
            if !row.is_empty() {
                row.push(' ');
            }
            row.push_str(word);
        }
    }
    let name = |index: usize| if index == 0 { name } else { "" };
    rows.into_iter()
        .enumerate()
        .map(|(index, row)| label(look, name(index), row, role))
        .collect()
}

/// What matters most comes first: a small window shows only that.
fn explanation(state: &State, sheet: &Sheet, look: Look, width: usize) -> Vec<Line<'static>> {
    let part = |name: &str, text: &str, role: Role| labelled(look, name, text, role, width);
    let target = match &sheet.subject {
        Subject::Turn(turn, _) => {
            let text = match turn {
                Turn::Abort => "no further node is begun; the current one is finished or taken back",
                Turn::Pause => {
                    "the nodes in hand are finished or taken back; no further one until it is resumed"
                }
                Turn::Resume => "it goes on with the next node, after its gates",
            };
            return part("PLAN", text, Role::Plain);
        }
        Subject::Restart(target) => target,
    };
    let Some(plan) = state.fleet.as_ref().and_then(|fleet| Plan::of(fleet, target)) else {
        let text = format!("{} is no longer listed by the control plane", target.name());
        return part("PLAN", &text, Role::Crit);
    };
    let mut lines = Vec::new();
    for (index, why) in plan.raised.iter().enumerate() {
        lines.extend(part(if index == 0 { "CAREFUL" } else { "" }, why, Role::Crit));
    }
    lines.extend(part("PLAN", &order(&plan, &sheet.planned), Role::Strong));
    if let Planned::Known(operation) = &sheet.planned {
        lines.extend(promised(&operation.plan, look, width));
    }
    lines.extend(gates(&plan, &sheet.planned, look, width));
    lines.extend(part("EFFECT", plan.effect, Role::Plain));
    lines.extend(part("BLAST", &plan.blast, Role::Plain));
    lines.extend(part("STEPS", &plan.steps, Role::Plain));
    lines
}

/// What the control plane has computed: batches, times, and what is lost.
fn promised(plan: &ops_api::Plan, look: Look, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if !plan.batches.is_empty() {
        let widest = plan.batches.iter().map(Vec::len).max().unwrap_or(1);
        let text = format!(
            "{} batches of at most {widest}, about {} in all; hand-off {} of {} grace",
            plan.batches.len(),
            number::duration(plan.total_ms),
            number::duration(plan.handoff_ms),
            number::duration(plan.grace_ms),
        );
        lines.extend(labelled(look, "", &text, Role::Plain, width));
    }
    if !plan.loss.is_empty() {
        lines.extend(labelled(look, "LOSS", &plan.loss, Role::Crit, width));
    }
    if !plan.downstream.is_empty() {
        let text = format!(
            "watches {} and pauses when they suffer",
            plan.downstream.join(", ")
        );
        lines.extend(labelled(look, "GUARD", &text, Role::Plain, width));
    }
    lines
}

/// The nodes in the order of their turn with what each holds: the control plane's order when it is known.
fn order(plan: &Plan, planned: &Planned) -> String {
    let mut nodes: Vec<_> = plan.nodes.iter().collect();
    if let Planned::Known(operation) = planned {
        let turn = |name: &str| operation.steps.iter().position(|step| step.node == name);
        nodes.sort_by_key(|node| turn(&node.name).unwrap_or(usize::MAX));
    }
    let unit = nodes
        .first()
        .map(|node| node.holds_unit.clone())
        .unwrap_or_default();
    if let ([node], false) = (nodes.as_slice(), unit.is_empty()) {
        return format!("{}, which holds {} {unit}", node.name, number::count(node.holds));
    }
    let held = |node: &&ops_api::NodeStatus| match unit.as_str() {
        "" => node.name.clone(),
        _ => format!("{} ({})", node.name, number::count(node.holds)),
    };
    let names: Vec<String> = nodes.iter().map(held).collect();
    let unit = if unit.is_empty() {
        String::new()
    } else {
        format!("  ({unit} held)")
    };
    names.join(" > ") + &unit
}

fn gates(plan: &Plan, planned: &Planned, look: Look, width: usize) -> Vec<Line<'static>> {
    let gate = |verdict: Verdict, text: &str| {
        let (mark, role) = match verdict {
            Verdict::Ok => ("[ok]", Role::Ok),
            Verdict::Warn => ("[! ]", Role::Warn),
            Verdict::Block => ("[no]", Role::Crit),
        };
        (format!("{mark} {text}"), role)
    };
    let (whose, texts): (&str, Vec<(String, Role)>) = match planned {
        Planned::Known(operation) => {
            let texts = operation.gates.iter().map(|text| {
                let ok = text.ends_with(": ok");
                gate(
                    if ok { Verdict::Ok } else { Verdict::Warn },
                    text.trim_end_matches(": ok"),
                )
            });
            ("by the control plane", texts.collect())
        }
        Planned::Refused(refusal) => {
            let mut texts = vec![gate(Verdict::Block, &refusal.title)];
            if !refusal.hint.is_empty() {
                texts.push((format!("     {}", refusal.hint), Role::Plain));
            }
            ("by the control plane", texts)
        }
        Planned::Asking => {
            let texts = plan.gates.iter().map(|known| gate(known.verdict, &known.text));
            ("by this picture; the control plane is asked", texts.collect())
        }
    };
    // What does not hold comes first: a small window may show no more.
    let (bad, good): (Vec<_>, Vec<_>) = texts.into_iter().partition(|(_, role)| *role != Role::Ok);
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (text, role) in bad.into_iter().chain(good) {
        let name = if lines.is_empty() { "GATES" } else { "" };
        lines.extend(labelled(look, name, &text, role, width));
    }
    lines.push(label(
        look,
        if lines.is_empty() { "GATES" } else { "" },
        whose.to_owned(),
        Role::Muted,
    ));
    lines
}

fn controls(state: &State, sheet: &Sheet, look: Look, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let restart = matches!(sheet.subject, Subject::Restart(_));
    if let Some(refusal) = &sheet.refusal {
        lines.extend(labelled(look, "REFUSED", &refusal.title, Role::Crit, width));
        if !refusal.hint.is_empty() {
            lines.extend(labelled(look, "", &refusal.hint, Role::Plain, width));
        }
    }
    if restart {
        lines.push(field(
            look,
            "REASON",
            sheet.reason.value(),
            sheet.focus == Field::Reason,
            width,
        ));
    }
    lines.extend(labelled(look, "CLI", &sheet.command(), Role::Info, width));
    if sheet.danger >= Danger::L3 {
        let name = if sheet.danger == Danger::L4 { "ENV" } else { "NAME" };
        lines.push(field(
            look,
            name,
            sheet.name.value(),
            sheet.focus == Field::Name,
            width,
        ));
    }
    lines.push(Line::raw(""));
    lines.push(buttons(state, sheet, look));
    lines
}

fn field(look: Look, name: &str, value: &str, focused: bool, width: usize) -> Line<'static> {
    let room = width.saturating_sub(12).clamp(8, 60);
    let skip = value.chars().count().saturating_sub(room.saturating_sub(1));
    let mut text: String = value.chars().skip(skip).collect();
    let blank = room.saturating_sub(text.chars().count());
    text.push_str(&"_".repeat(blank));
    let role = if focused { Role::Selected } else { Role::Plain };
    label(look, name, format!("[{text}]"), role)
}

fn buttons(state: &State, sheet: &Sheet, look: Look) -> Line<'static> {
    let button = |field: Field, text: &str| {
        let role = if sheet.focus == field {
            Role::Selected
        } else {
            Role::Plain
        };
        Span::styled(format!("[ {text} ]"), look.style(role))
    };
    if sheet.sent {
        return Line::styled(
            format!("{} sent; esc leaves, the operation goes on", look.busy()),
            look.style(Role::Info),
        );
    }
    if let Some(left) = sheet.countdown_ms(state.now) {
        let text = format!("running in {} s; esc stops it", left.div_ceil(1000));
        return Line::styled(text, look.style(Role::Selected));
    }
    let mut spans = vec![button(Field::Cancel, "Cancel"), Span::raw("   ")];
    match sheet.danger {
        Danger::L1 | Danger::L2 if sheet.focus == Field::Reason => {
            spans.push(Span::styled(
                "enter ends the reason, then y runs",
                look.style(Role::Muted),
            ));
        }
        Danger::L1 | Danger::L2 => {
            let text = match &sheet.subject {
                Subject::Turn(Turn::Abort, _) => "y aborts it",
                Subject::Turn(Turn::Pause, _) => "y pauses it",
                Subject::Turn(Turn::Resume, _) => "y resumes it",
                Subject::Restart(_) => "y runs it, tab to say why",
            };
            spans.push(Span::styled(text, look.style(Role::Strong)));
        }
        Danger::L3 | Danger::L4 => {
            spans.push(button(Field::Run, "Run"));
            if let Some(missing) = sheet.missing() {
                spans.push(Span::styled(format!("   {missing}"), look.style(Role::Warn)));
            }
        }
    }
    Line::from(spans)
}
