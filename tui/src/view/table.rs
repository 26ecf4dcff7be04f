//! Tables that drop columns when the screen is narrow and keep the selected row in sight. Where the rows are
//! scrolled to follows from the selection alone, so there is no scroll position to keep.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Rect};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Row, Table};

use super::look::{Look, Role};

/// A column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    title: &'static str,
    width: Option<u16>,
    right: bool,
    from: u16,
}

impl Column {
    /// Text in so many cells.
    pub(super) const fn text(title: &'static str, width: u16) -> Self {
        Self {
            title,
            width: Some(width),
            right: false,
            from: 0,
        }
    }

    /// A number in so many cells.
    pub(super) const fn number(title: &'static str, width: u16) -> Self {
        Self {
            right: true,
            ..Self::text(title, width)
        }
    }

    /// What is left of the row.
    pub(super) const fn rest(title: &'static str) -> Self {
        Self {
            width: None,
            ..Self::text(title, 0)
        }
    }

    /// Only in tables at least this wide.
    pub(super) const fn from(self, width: u16) -> Self {
        Self { from: width, ..self }
    }
}

/// Draws rows under a heading; each row has a cell for every column, shown or not.
pub(super) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    look: Look,
    columns: &[Column],
    rows: Vec<Vec<Line<'static>>>,
    selected: Option<usize>,
) {
    if area.height == 0 {
        return;
    }
    let shown = |index: usize| columns[index].from <= area.width;
    let align = |index: usize| {
        if columns[index].right {
            Alignment::Right
        } else {
            Alignment::Left
        }
    };
    let cells = |row: Vec<Line<'static>>| {
        let cells = row.into_iter().enumerate().filter(|(index, _)| shown(*index));
        Row::new(cells.map(|(index, line)| Text::from(line.alignment(align(index)))))
    };
    let heading = columns.iter().map(|column| Line::from(column.title)).collect();
    let widths = (0..columns.len())
        .filter(|index| shown(*index))
        .map(|index| match columns[index].width {
            Some(width) => Constraint::Length(width),
            None => Constraint::Fill(1),
        });
    let height = usize::from(area.height - 1);
    let first = window(rows.len(), selected.unwrap_or(0), height);
    let body = rows
        .into_iter()
        .enumerate()
        .skip(first)
        .take(height)
        .map(|(index, row)| {
            let role = if selected == Some(index) {
                Role::Selected
            } else {
                Role::Plain
            };
            cells(row).style(look.style(role))
        });
    let table = Table::new(body.collect::<Vec<_>>(), widths.collect::<Vec<_>>())
        .column_spacing(1)
        .header(cells(heading).style(look.style(Role::Muted)));
    frame.render_widget(table, area);
}

/// The first of `height` visible rows of `count`, with `selected` among them.
pub(super) fn window(count: usize, selected: usize, height: usize) -> usize {
    selected
        .saturating_sub(height / 2)
        .min(count.saturating_sub(height))
}
