//! Draws the state. Pure: no network, no clock, nothing kept between frames.

mod audit;
mod canvas;
mod chart;
mod cluster;
mod fleet;
mod frame;
mod help;
mod incidents;
mod logs;
mod look;
mod menu;
mod node;
mod number;
mod operations;
mod palette;
mod plain;
mod pulses;
mod sheet;
mod slo;
mod table;
mod xray;

use ratatui::Frame;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Block;

use canvas::Canvas;
pub use canvas::{Hit, Hits};
pub use look::{Look, Role};

use crate::state::{Freshness, Purpose, Screen, State};

/// Below this nothing is drawn but a line that says so.
const MIN_SIZE: (u16, u16) = (40, 8);

/// Draws everything; says what of it can be clicked.
pub fn view(state: &State, look: Look, frame: &mut Frame<'_>) -> Hits {
    let look = Look {
        theme: state.theme.unwrap_or(look.theme),
        ..look
    };
    let mut canvas = Canvas::new(frame);
    let area = canvas.area();
    if area.width < MIN_SIZE.0 || area.height < MIN_SIZE.1 {
        if area.height > 0 {
            let line = Rect { height: 1, ..area };
            canvas.render_widget("too small, need 40x8", line);
        }
    } else if state.plain {
        plain::draw(state, &mut canvas, area);
    } else {
        whole(state, look, &mut canvas, area);
    }
    canvas.into_hits()
}

/// The screen as text, a line a row, without styles.
pub fn text(state: &State, look: Look) -> String {
    let (columns, rows) = state.size;
    let drawn = Terminal::new(TestBackend::new(columns, rows)).and_then(|mut terminal| {
        terminal.draw(|frame| drop(view(state, look, frame)))?;
        Ok(terminal.backend().buffer().clone())
    });
    let Ok(buffer) = drawn;
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let row: String = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect();
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

fn whole(state: &State, look: Look, canvas: &mut Canvas<'_, '_>, area: Rect) {
    let [header, body, footer] =
        Layout::vertical([Constraint::Length(2), Constraint::Fill(1), Constraint::Length(1)]).areas(area);
    frame::header(state, look, canvas, header);
    match state.screens.current() {
        Screen::Fleet => fleet::draw(state, look, canvas, body),
        Screen::Cluster(name) => cluster::draw(state, look, canvas, body, name),
        Screen::Node(name) => node::draw(state, look, canvas, body, name),
        Screen::Logs => logs::draw(state, look, canvas, body),
        Screen::Incidents => incidents::draw(state, look, canvas, body),
        Screen::Operations => operations::list(state, look, canvas, body),
        Screen::Operation(id) => operations::one(state, look, canvas, body, id),
        Screen::Pulses => pulses::draw(state, look, canvas, body),
        Screen::Xray => xray::draw(state, look, canvas, body),
        Screen::Slo => slo::draw(state, look, canvas, body),
        Screen::Audit => audit::draw(state, look, canvas, body),
        Screen::Help => help::draw(state, look, canvas, body),
    }
    if matches!(state.freshness(), Freshness::Stale(_)) {
        frame::dim(canvas, body);
    }
    if state.covered() {
        canvas.cover();
    }
    frame::footer(state, look, canvas, footer);
    if let Some(menu) = &state.menu {
        menu::draw(menu, look, canvas, body);
    }
    if let Some(sheet) = &state.sheet {
        sheet::draw(state, sheet, look, canvas, body);
    }
    if let Some(line) = &state.line
        && line.purpose == Purpose::Palette
    {
        palette::draw(state, line, look, canvas, body);
    }
}

/// A panel with a title.
fn panel(look: Look, title: impl Into<Line<'static>>) -> Block<'static> {
    let mut title = title.into();
    title.spans.insert(0, Span::raw(" "));
    title.spans.push(Span::raw(" "));
    Block::bordered().border_set(look.border()).title(title)
}

/// A panel of a screen with several: the one with the focus says so by its title, and by its frame where there
/// is colour.
fn pane(look: Look, title: impl Into<Line<'static>>, focused: bool) -> Block<'static> {
    let block = panel(look, title);
    if focused {
        block
            .title_style(look.style(Role::Strong))
            .border_style(look.chart(Role::Info))
    } else {
        block
    }
}

/// Draws lines from the top, as many as there is room for.
fn lines(frame: &mut Canvas<'_, '_>, area: Rect, lines: impl IntoIterator<Item = Line<'static>>) {
    for (y, line) in (area.y..area.bottom()).zip(lines) {
        frame.render_widget(line, Rect { y, height: 1, ..area });
    }
}

/// A panel that says, in words, why it has nothing to show.
fn empty(frame: &mut Canvas<'_, '_>, area: Rect, look: Look, text: &str) {
    if area.height > 0 {
        let line = Line::styled(format!(" {text}"), look.style(Role::Muted));
        frame.render_widget(line, Rect { height: 1, ..area });
    }
}

/// The title of a table: its name, and how it is looked at.
fn table_title(name: String, words: Vec<String>, look: Look) -> String {
    std::iter::once(name)
        .chain(words)
        .collect::<Vec<_>>()
        .join(look.dot())
}
