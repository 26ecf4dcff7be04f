//! What is around every screen: the header, which says whose view is shown and how old it is, and the footer,
//! which says what can be done.

use super::canvas::{Canvas, Hit};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::look::{Look, Role};
use super::{number, operations};
use ops_api::OperationState;

use crate::keymap::{Action, Context, rows};
use crate::state::{Clock, Danger, Freshness, Line as Typed, Link, Purpose, State};

/// Two lines: who, where, how old; and what is wrong or going on.
pub(super) fn header(state: &State, look: Look, frame: &mut Canvas<'_, '_>, area: Rect) {
    let environment = state
        .fleet
        .as_ref()
        .map_or("-", |fleet| fleet.environment.as_str());
    let mut left = vec![
        Span::styled(" guildwatch ", look.style(Role::Strong)),
        Span::raw(environment.to_owned()),
        Span::raw("  "),
    ];
    if state.frozen() {
        left.push(Span::styled(" FROZEN ", look.style(Role::Selected)));
        left.push(Span::raw(" "));
    }
    left.push(match state.armed_ms() {
        None => Span::styled("READ-ONLY", look.style(Role::Muted)),
        Some(ms) => Span::styled(
            format!(" WRITE {} ", number::duration(ms)),
            look.style(Role::Selected),
        ),
    });
    let right = vec![
        Span::styled(
            match state.clock {
                Clock::Local => state.time(state.now.wall, "%H:%M:%S"),
                _ => state.now.wall.strftime("%H:%M:%SZ").to_string(),
            },
            look.style(Role::Muted),
        ),
        Span::raw("  "),
        freshness(state, look),
        Span::raw(" "),
    ];
    ends(frame, Rect { height: 1, ..area }, left, right);

    let second = Rect {
        y: area.y + 1,
        height: 1,
        ..area
    };
    if let Link::Down { reason, retry_at_ms } = &state.link {
        let seconds = retry_at_ms.saturating_sub(state.now.ms).div_ceil(1000);
        let left = Span::styled(format!(" {reason}"), look.style(Role::Crit));
        let right = Span::styled(format!("again in {seconds}s "), look.style(Role::Muted));
        ends(frame, second, vec![left], vec![right]);
        return;
    }
    ends(
        frame,
        second,
        verdicts(state, look),
        operation(state, look, area.width),
    );
}

/// One line: what is typed, or a notice, or the keys of the screen.
pub(super) fn footer(state: &State, look: Look, frame: &mut Canvas<'_, '_>, area: Rect) {
    match &state.line {
        Some(line) if line.purpose != Purpose::Palette => return prompt(line, look, frame, area),
        _ => {}
    }
    if let Some(notice) = &state.notice {
        let role = if notice.bad { Role::Warn } else { Role::Info };
        frame.render_widget(Line::styled(format!(" {}", notice.text), look.style(role)), area);
        return;
    }
    let may_write = state.may_write().is_ok();
    // Where a name has to be typed, `y` does not run.
    let named = state
        .sheet
        .as_ref()
        .is_some_and(|sheet| sheet.danger >= Danger::L3);
    let mut spans = Vec::new();
    let mut used = 1;
    let hints = state
        .contexts()
        .iter()
        .flat_map(|context: &Context| rows(*context));
    for row in hints.filter(|row| !row.hint.is_empty() && (!named || row.action != Action::SheetRun)) {
        let key = row.key.to_string();
        let width = key.chars().count() + row.hint.chars().count() + 3;
        // A hint is shown whole or not at all.
        if used + width > usize::from(area.width) {
            break;
        }
        let place = Rect {
            x: area.x + u16::try_from(used - 1).unwrap_or(area.width),
            width: u16::try_from(width).unwrap_or(0),
            ..area
        };
        // What confirms a change is pressed, not clicked.
        if !row.action.needs_write() || state.sheet.is_none() {
            frame.hit(place, Hit::Key(row.key));
        }
        used += width;
        let off = row.action.needs_write() && !may_write;
        let role = if off { Role::Muted } else { Role::Strong };
        spans.push(Span::styled(format!(" {key}"), look.style(role)));
        spans.push(Span::styled(format!(" {} ", row.hint), look.style(Role::Muted)));
    }
    frame.render_widget(Line::from(spans), area);
}

fn prompt(line: &Typed, look: Look, frame: &mut Canvas<'_, '_>, area: Rect) {
    let sign = match line.purpose {
        Purpose::Filter => " /",
        Purpose::Arm => " why must something be changed? ",
        Purpose::Command | Purpose::Palette => " :",
    };
    let typed = line.input.value();
    let before = u16::try_from(sign.chars().count()).unwrap_or(0);
    let room = usize::from(area.width).saturating_sub(usize::from(before) + 1);
    let scroll = line.input.visual_scroll(room);
    let shown: String = typed.chars().skip(scroll).collect();
    let text = Line::from(vec![
        Span::styled(sign, look.style(Role::Strong)),
        Span::raw(shown),
    ]);
    frame.render_widget(text, area);
    let column = u16::try_from(line.input.visual_cursor().saturating_sub(scroll)).unwrap_or(0);
    let last = area.width.saturating_sub(1);
    frame.set_cursor_position((area.x + (before + column).min(last), area.y));
}

fn freshness(state: &State, look: Look) -> Span<'static> {
    use ops_api::Health;
    match (state.freshness(), &state.fleet) {
        (Freshness::Live, Some(fleet)) => {
            let lag = state.pictured.map_or(0, |pictured| {
                pictured.wall.duration_since(fleet.at).as_millis().max(0)
            });
            let whose = if fleet.view == "control" {
                String::new()
            } else {
                format!("{}'s view, ", fleet.view)
            };
            let mark = look.health_mark(Health::Green);
            let text = format!("{whose}lag {}.{}s {mark} live", lag / 1000, lag % 1000 / 100);
            Span::styled(text, look.style(Role::Ok))
        }
        (Freshness::Stale(age), _) => {
            let mark = look.health_mark(Health::Red);
            let style = look.style(Role::Crit).patch(look.style(Role::Selected));
            Span::styled(format!(" {mark} STALE {}s ", age / 1000), style)
        }
        _ => Span::styled(format!("{} connecting", look.busy()), look.style(Role::Info)),
    }
}

fn verdicts(state: &State, look: Look) -> Vec<Span<'static>> {
    use ops_api::Health;
    let Some(fleet) = &state.fleet else {
        return vec![Span::styled(
            format!(" waiting for {}", state.settings.control),
            look.style(Role::Muted),
        )];
    };
    let mut spans = vec![Span::raw(" ")];
    for health in [Health::Red, Health::Unknown, Health::Yellow, Health::Green] {
        let count = fleet
            .clusters
            .iter()
            .filter(|cluster| cluster.health == health)
            .count();
        if count > 0 {
            let text = format!("{} {count} {}  ", look.health_mark(health), health.name());
            spans.push(Span::styled(text, look.style(Look::health_role(health))));
        }
    }
    spans
}

fn operation(state: &State, look: Look, width: u16) -> Vec<Span<'static>> {
    let Some(operation) = state.running() else {
        return Vec::new();
    };
    let (done, all) = operation.progress();
    let what = operations::what(&operation.request);
    let paused = if operation.state == OperationState::Paused {
        " PAUSED"
    } else {
        ""
    };
    let text = format!("{} {what} {done}/{all}{paused} ", look.busy());
    let mut spans = vec![Span::styled(text, look.style(Role::Info))];
    if width >= 80 {
        spans.push(Span::styled(
            look.bar(done as u64, all as u64, 9),
            look.style(Role::Info),
        ));
        spans.push(Span::styled("  4 opens it ", look.style(Role::Muted)));
    }
    spans
}

/// Spans at both ends of a line; the right end wins when there is no room for both.
fn ends(frame: &mut Canvas<'_, '_>, area: Rect, left: Vec<Span<'static>>, right: Vec<Span<'static>>) {
    let right = Line::from(right);
    let width = u16::try_from(right.width()).unwrap_or(area.width).min(area.width);
    let room = Rect {
        width: (area.width - width).saturating_sub(1),
        ..area
    };
    frame.render_widget(Line::from(left), room);
    let end = Rect {
        x: area.right() - width,
        width,
        ..area
    };
    frame.render_widget(right, end);
}

/// What is stale is dim, whatever it was.
pub(super) fn dim(frame: &mut Canvas<'_, '_>, area: Rect) {
    let style = Style::new().add_modifier(ratatui::style::Modifier::DIM);
    frame.buffer_mut().set_style(area, style);
}
