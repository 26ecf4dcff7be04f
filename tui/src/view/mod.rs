//! Draws the state. Pure: no network, no clock, nothing kept between frames.

mod audit;
mod chart;
mod cluster;
mod fleet;
mod frame;
mod help;
mod logs;
mod look;
mod number;
mod operations;
mod palette;
mod sheet;
mod table;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Block;

pub use look::{Look, Role};

use crate::state::{Freshness, Purpose, Screen, State};

/// Below this nothing is drawn but a line that says so.
const MIN_SIZE: (u16, u16) = (40, 8);

/// Draws everything.
pub fn view(state: &State, look: Look, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.width < MIN_SIZE.0 || area.height < MIN_SIZE.1 {
        if area.height > 0 {
            let line = Rect { height: 1, ..area };
            frame.render_widget("too small, need 40x8", line);
        }
        return;
    }
    let [header, body, footer] =
        Layout::vertical([Constraint::Length(2), Constraint::Fill(1), Constraint::Length(1)]).areas(area);
    frame::header(state, look, frame, header);
    match state.screens.current() {
        Screen::Fleet => fleet::draw(state, look, frame, body),
        Screen::Cluster(name) => cluster::draw(state, look, frame, body, name),
        Screen::Logs => logs::draw(state, look, frame, body),
        Screen::Operations => operations::list(state, look, frame, body),
        Screen::Operation(id) => operations::one(state, look, frame, body, id),
        Screen::Audit => audit::draw(state, look, frame, body),
        Screen::Help => help::draw(state, look, frame, body),
    }
    if matches!(state.freshness(), Freshness::Stale(_)) {
        frame::dim(frame, body);
    }
    frame::footer(state, look, frame, footer);
    if let Some(sheet) = &state.sheet {
        sheet::draw(state, sheet, look, frame, body);
    }
    if let Some(line) = &state.line
        && line.purpose == Purpose::Palette
    {
        palette::draw(state, line, look, frame, body);
    }
}

/// A panel with a title.
fn panel(look: Look, title: impl Into<Line<'static>>) -> Block<'static> {
    let mut title = title.into();
    title.spans.insert(0, Span::raw(" "));
    title.spans.push(Span::raw(" "));
    Block::bordered().border_set(look.border()).title(title)
}

/// A panel that says, in words, why it has nothing to show.
fn empty(frame: &mut Frame<'_>, area: Rect, look: Look, text: &str) {
    if area.height > 0 {
        let line = Line::styled(format!(" {text}"), look.style(Role::Muted));
        frame.render_widget(line, Rect { height: 1, ..area });
    }
}
