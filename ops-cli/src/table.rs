//! Plain tables: columns as wide as their widest cell, numbers to the right, the last column as long as it is.

use ops_api::Health;

/// A table under construction.
#[derive(Debug)]
pub(crate) struct Table {
    headers: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    color: bool,
}

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Text, to the left.
    Text(String),
    /// A number, to the right.
    Number(String),
    /// A verdict, in its colour.
    Health(Health),
}

// === impl Table ===

impl Table {
    /// A table with these headers.
    pub(crate) fn new(headers: &[&'static str], color: bool) -> Self {
        Self {
            headers: headers.to_vec(),
            rows: Vec::new(),
            color,
        }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Its text.
    pub(crate) fn text(&self) -> String {
        let widths: Vec<usize> = (0..self.headers.len())
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                let widest = cells.map(|cell| cell.text().chars().count()).max().unwrap_or(0);
                widest.max(self.headers[column].len())
            })
            .collect();
        let mut text = String::new();
        let headers = self.headers.iter().enumerate().map(|(column, header)| {
            let number = self.rows.first().and_then(|row| row.get(column));
            match number {
                Some(Cell::Number(_)) => Cell::Number((*header).to_owned()),
                _ => Cell::Text((*header).to_owned()),
            }
        });
        self.line(&headers.collect::<Vec<_>>(), &widths, &mut text);
        for row in &self.rows {
            self.line(row, &widths, &mut text);
        }
        text
    }

    fn line(&self, cells: &[Cell], widths: &[usize], text: &mut String) {
        let start = text.len();
        for (cell, width) in cells.iter().zip(widths) {
            let plain = cell.text();
            let pad = " ".repeat(width.saturating_sub(plain.chars().count()));
            match cell {
                Cell::Number(_) => text.extend([pad.as_str(), &plain]),
                Cell::Health(health) if self.color => {
                    text.extend([paint(*health), &plain, "\u{1b}[0m", pad.as_str()]);
                }
                _ => text.extend([plain.as_str(), &pad]),
            }
            text.push_str("  ");
        }
        text.truncate(start + text[start..].trim_end().len());
        text.push('\n');
    }
}

// === impl Cell ===

impl Cell {
    fn text(&self) -> String {
        match self {
            Self::Text(text) | Self::Number(text) => text.clone(),
            Self::Health(health) => health.name().to_owned(),
        }
    }
}

/// A text cell. What comes from elsewhere must not steer the terminal.
pub(crate) fn text(value: impl AsRef<str>) -> Cell {
    Cell::Text(clean(value.as_ref()))
}

/// A number cell.
pub(crate) fn number(value: impl ToString) -> Cell {
    Cell::Number(value.to_string())
}

/// Text without control characters.
pub(crate) fn clean(value: &str) -> String {
    value
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn paint(health: Health) -> &'static str {
    match health {
        Health::Green => "\u{1b}[32m",
        Health::Yellow => "\u{1b}[33m",
        Health::Unknown => "\u{1b}[35m",
        Health::Red => "\u{1b}[31m",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_control_characters_are_shown_as_such() {
        let mut table = Table::new(&["NAME", "N", "WHY"], false);
        table.row([text("guilds"), number(5), text("a\u{1b}[2Jb")]);
        table.row([text("api"), number(1234), text("")]);
        assert_eq!(
            table.text(),
            "NAME       N  WHY\nguilds     5  a\u{fffd}[2Jb\napi     1234\n"
        );
    }

    #[test]
    fn a_colour_does_not_shift_a_column() {
        let mut table = Table::new(&["H", "X"], true);
        table.row([Cell::Health(Health::Red), text("x")]);
        assert_eq!(table.text(), "H    X\n\u{1b}[31mred\u{1b}[0m  x\n");
    }
}
