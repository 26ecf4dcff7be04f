//! Tables that drop columns when the screen is narrow and keep the selected row in sight. Where the rows are
//! scrolled to follows from the selection alone, so there is no scroll position to keep.

use ratatui::layout::{Alignment, Constraint, Rect};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Row, Table};

use super::canvas::{Canvas, Hit};
use super::look::{Look, Role};
use crate::state::State;
use crate::state::grid::Grid;

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

/// The rows of a table: a cell for every column, shown or not.
pub(super) struct Rows {
    /// The cells.
    pub(super) cells: Vec<Vec<Line<'static>>>,
    /// The row that has the cursor.
    pub(super) selected: Option<usize>,
    /// Which rows are marked; empty for none.
    pub(super) marked: Vec<bool>,
    /// Whether all columns are wanted, whatever the width.
    wide: bool,
    /// So many columns after the first are scrolled away.
    skip: usize,
}

// === impl Rows ===

impl Rows {
    /// Rows without marks whose columns cannot be scrolled.
    pub(super) fn plain(cells: Vec<Vec<Line<'static>>>, selected: Option<usize>) -> Self {
        Self {
            cells,
            selected,
            marked: Vec::new(),
            wide: false,
            skip: 0,
        }
    }

    /// Rows as they are looked at; `ids` are what marks are kept by.
    pub(super) fn of<'a>(
        state: &State,
        grid: &Grid,
        cells: Vec<Vec<Line<'static>>>,
        ids: impl Iterator<Item = &'a str>,
        selected: usize,
    ) -> Self {
        Self {
            selected: Some(selected),
            marked: ids.map(|id| grid.marks.contains(id)).collect(),
            wide: state.wide,
            skip: state.columns_skipped,
            cells,
        }
    }

    /// The columns that are shown, with their widths.
    fn columns(&self, columns: &[Column], width: u16) -> Vec<(usize, Constraint)> {
        let wanted = columns.iter().enumerate().filter(|(index, column)| {
            let shown = self.wide || column.from <= width;
            shown && (*index == 0 || *index > self.skip)
        });
        let mut left = width;
        let mut shown = Vec::new();
        for (index, column) in wanted {
            // A column that is cut off says nothing, unless it is text to the end of the row.
            match column.width {
                Some(wanted) if self.wide && wanted > left => break,
                Some(wanted) => {
                    shown.push((index, Constraint::Length(wanted)));
                    left = left.saturating_sub(wanted + 1);
                }
                None => shown.push((index, Constraint::Fill(1))),
            }
        }
        shown
    }
}

/// Draws rows under a heading.
pub(super) fn draw(frame: &mut Canvas<'_, '_>, area: Rect, look: Look, columns: &[Column], rows: Rows) {
    if area.height == 0 {
        return;
    }
    let shown = rows.columns(columns, area.width);
    let align = |index: usize| {
        if columns[index].right {
            Alignment::Right
        } else {
            Alignment::Left
        }
    };
    let cells = |mut row: Vec<Line<'static>>| {
        let cells = shown.iter().filter_map(|(index, _)| {
            let line = row.get_mut(*index).map(std::mem::take)?;
            Some(Text::from(line.alignment(align(*index))))
        });
        Row::new(cells.collect::<Vec<_>>())
    };
    let heading = cells(columns.iter().map(|column| Line::from(column.title)).collect());
    let height = usize::from(area.height - 1);
    let first = window(rows.cells.len(), rows.selected.unwrap_or(0), height);
    let mut body = Vec::new();
    let visible = rows.cells.into_iter().enumerate().skip(first).take(height);
    for (y, (index, mut row)) in (area.y + 1..).zip(visible) {
        if rows.marked.get(index).copied().unwrap_or(false)
            && let Some(name) = row.first_mut()
        {
            name.spans.insert(0, Span::styled("+", look.style(Role::Hit)));
        }
        let role = if rows.selected == Some(index) {
            Role::Selected
        } else {
            Role::Plain
        };
        body.push(cells(row).style(look.style(role)));
        frame.hit(Rect { y, height: 1, ..area }, Hit::Row(index));
    }
    let widths: Vec<Constraint> = shown.iter().map(|(_, width)| *width).collect();
    let table = Table::new(body, widths)
        .column_spacing(1)
        .header(heading.style(look.style(Role::Muted)));
    frame.render_widget(table, area);
}

/// The first of `height` visible rows of `count`, with `selected` among them.
pub(super) fn window(count: usize, selected: usize, height: usize) -> usize {
    selected
        .saturating_sub(height / 2)
        .min(count.saturating_sub(height))
}
