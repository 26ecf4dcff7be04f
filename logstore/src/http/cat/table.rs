//! A table of `_cat`: columns, rows, and how the parameters `h`, `s`, `v`, `help`, `format`, `bytes` and `time`
//! shape it.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::super::params::{Params, flag};
use super::super::reply::Reply;
use crate::error::{ApiError, ApiResult};
use crate::mapping::pattern;

/// A cell.
#[derive(Debug, Clone)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// Text.
    Text(String),
    /// A number.
    Number(u64),
    /// A number of bytes, shown in the unit of `bytes`.
    Bytes(u64),
    /// Milliseconds, shown in the unit of `time`.
    Millis(u64),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Other names of it, separated by commas.
    pub aliases: &'static str,
    /// Whether it is shown unless `h` says otherwise.
    pub shown: bool,
    /// What `help` says of it.
    pub help: &'static str,
}

/// A column that is shown by default.
pub const fn column(name: &'static str, aliases: &'static str, help: &'static str) -> Column {
    Column {
        name,
        aliases,
        shown: true,
        help,
    }
}

/// A column that is shown only when asked for.
pub const fn extra(name: &'static str, aliases: &'static str, help: &'static str) -> Column {
    Column {
        name,
        aliases,
        shown: false,
        help,
    }
}

/// A table.
#[derive(Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

// === impl Table ===

impl Table {
    /// An empty table.
    pub fn new(columns: &[Column]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, which has a cell for each column.
    pub fn push(&mut self, row: Vec<Cell>) {
        debug_assert_eq!(row.len(), self.columns.len(), "a cell for each column");
        self.rows.push(row);
    }

    /// Leaves out a column that the presented version does not have, or that is not wanted.
    pub fn drop_column(&mut self, name: &str) {
        if let Some(place) = self.columns.iter().position(|column| column.name == name) {
            self.columns.remove(place);
            for row in &mut self.rows {
                row.remove(place);
            }
        }
    }

    fn find(&self, name: &str) -> Vec<usize> {
        self.columns
            .iter()
            .enumerate()
            .filter(|(_, column)| {
                pattern::matches(name, column.name) || column.aliases.split(',').any(|alias| alias == name)
            })
            .map(|(place, _)| place)
            .collect()
    }

    /// The answer.
    pub fn reply(mut self, params: &Params) -> ApiResult<Reply> {
        if flag(params, "help") {
            let mut lines = vec![];
            for column in &self.columns {
                let aliases = if column.aliases.is_empty() {
                    "-"
                } else {
                    column.aliases
                };
                lines.push(vec![
                    column.name.to_owned(),
                    "|".into(),
                    aliases.to_owned(),
                    "|".into(),
                    column.help.to_owned(),
                ]);
            }
            return Ok(Reply::text(aligned(&lines, &[])));
        }
        // A column may be shown under the name that it was asked for by.
        let chosen: Vec<(usize, String)> = match params.get("h").filter(|names| !names.is_empty()) {
            None => (0..self.columns.len())
                .filter(|place| self.columns[*place].shown)
                .map(|place| (place, self.columns[place].name.to_owned()))
                .collect(),
            Some(names) => names
                .split(',')
                .map(str::trim)
                .flat_map(|name| {
                    self.find(name)
                        .into_iter()
                        .map(move |place| (place, name.to_owned()))
                })
                .map(|(place, name)| {
                    let shown = if name.contains('*') {
                        self.columns[place].name.to_owned()
                    } else {
                        name
                    };
                    (place, shown)
                })
                .collect(),
        };
        self.sort(params)?;
        let units = Units::of(params)?;
        let cells: Vec<Vec<Option<String>>> = self
            .rows
            .iter()
            .map(|row| chosen.iter().map(|(place, _)| units.show(&row[*place])).collect())
            .collect();
        match params
            .get("format")
            .map(|format| format.to_lowercase())
            .as_deref()
        {
            Some("json" | "yaml") => {
                let rows: Vec<Value> = cells
                    .into_iter()
                    .map(|row| {
                        row.into_iter()
                            .zip(&chosen)
                            .map(|(cell, (_, name))| (name.clone(), cell.map_or(Value::Null, Value::from)))
                            .collect::<Map<_, _>>()
                            .into()
                    })
                    .collect();
                return Ok(Reply::json(&rows.into()));
            }
            Some("text" | "") | None => {}
            Some(other) => {
                return Err(ApiError::argument(format!(
                    "format [{other}] is not supported by this store; known are text, json and yaml"
                )));
            }
        }
        let mut lines: Vec<Vec<String>> = Vec::with_capacity(cells.len() + 1);
        if flag(params, "v") {
            lines.push(chosen.iter().map(|(_, name)| name.clone()).collect());
        }
        let numeric: Vec<bool> = chosen
            .iter()
            .map(|(place, _)| {
                // A moment is a number, and stands to the left all the same.
                !self.columns[*place].name.ends_with("epoch")
                    && self.rows.first().is_some_and(|row| {
                        matches!(row[*place], Cell::Number(_) | Cell::Bytes(_) | Cell::Millis(_))
                    })
            })
            .collect();
        lines.extend(
            cells
                .into_iter()
                .map(|row| row.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>()),
        );
        Ok(Reply::text(aligned(&lines, &numeric)))
    }

    fn sort(&mut self, params: &Params) -> ApiResult<()> {
        let Some(keys) = params.get("s").filter(|keys| !keys.is_empty()) else {
            return Ok(());
        };
        let mut places = Vec::new();
        for key in keys.split(',') {
            let (name, direction) = key.split_once(':').unwrap_or((key, "asc"));
            let found = self.find(name);
            if found.is_empty() {
                return Err(ApiError::new(
                    400,
                    "unsupported_operation_exception",
                    format!("Unable to sort by unknown sort key `{name}`"),
                ));
            }
            places.extend(
                found
                    .into_iter()
                    .map(|place| (place, direction.eq_ignore_ascii_case("desc"))),
            );
        }
        self.rows.sort_by(|a, b| {
            for (place, descending) in &places {
                let ordering = compare(&a[*place], &b[*place]);
                let ordering = if *descending { ordering.reverse() } else { ordering };
                if ordering.is_ne() {
                    return ordering;
                }
            }
            Ordering::Equal
        });
        Ok(())
    }
}

fn compare(a: &Cell, b: &Cell) -> Ordering {
    match (a, b) {
        (
            Cell::Number(a) | Cell::Bytes(a) | Cell::Millis(a),
            Cell::Number(b) | Cell::Bytes(b) | Cell::Millis(b),
        ) => a.cmp(b),
        (Cell::Text(a), Cell::Text(b)) => a.cmp(b),
        (Cell::Empty, Cell::Empty) => Ordering::Equal,
        (Cell::Empty, _) => Ordering::Less,
        _ => Ordering::Greater,
    }
}

fn aligned(lines: &[Vec<String>], numeric: &[bool]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            lines
                .iter()
                .map(|line| line[column].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for line in lines {
        let cells: Vec<String> = line
            .iter()
            .enumerate()
            .map(|(place, cell)| {
                let width = widths[place];
                if numeric.get(place) == Some(&true) {
                    format!("{cell:>width$}")
                } else if place + 1 == columns {
                    // What stands last needs no room behind it.
                    cell.clone()
                } else {
                    format!("{cell:<width$}")
                }
            })
            .collect();
        text.push_str(&cells.join(" "));
        text.push('\n');
    }
    text
}

/// The units that the parameters ask for.
struct Units {
    bytes: Option<u64>,
    time: Option<u64>,
}

impl Units {
    fn of(params: &Params) -> ApiResult<Self> {
        let unit = |name: &str, known: fn(&str) -> Option<u64>| match params.get(name) {
            None => Ok(None),
            Some(text) => known(text).map(Some).ok_or_else(|| {
                ApiError::argument(format!("failed to parse [{name}] with value [{text}] as a unit"))
            }),
        };
        Ok(Self {
            bytes: unit("bytes", |text| {
                Some(match text.to_lowercase().as_str() {
                    "b" => 1,
                    "k" | "kb" => 1 << 10,
                    "m" | "mb" => 1 << 20,
                    "g" | "gb" => 1 << 30,
                    "t" | "tb" => 1 << 40,
                    "p" | "pb" => 1 << 50,
                    _ => return None,
                })
            })?,
            time: unit("time", |text| {
                Some(match text {
                    "nanos" | "micros" | "ms" => 1,
                    "s" => 1_000,
                    "m" => 60_000,
                    "h" => 3_600_000,
                    "d" => 86_400_000,
                    _ => return None,
                })
            })?,
        })
    }

    fn show(&self, cell: &Cell) -> Option<String> {
        Some(match cell {
            Cell::Empty => return None,
            Cell::Text(text) => text.clone(),
            Cell::Number(number) => number.to_string(),
            Cell::Bytes(bytes) => match self.bytes {
                Some(unit) => (bytes / unit).to_string(),
                None => human_bytes(*bytes),
            },
            Cell::Millis(millis) => match self.time {
                Some(unit) => (millis / unit).to_string(),
                None => human_time(*millis),
            },
        })
    }
}

/// A size as Elasticsearch writes it: `4.2kb`.
pub fn human_bytes(size: u64) -> String {
    const UNITS: [&str; 6] = ["b", "kb", "mb", "gb", "tb", "pb"];
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let mut value = size as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let text = format!("{value:.1}");
    format!("{}{}", text.strip_suffix(".0").unwrap_or(&text), UNITS[unit])
}

/// A duration as Elasticsearch writes it: `2.5m`.
pub fn human_time(millis: u64) -> String {
    let (unit, name) = match millis {
        0..1_000 => return format!("{millis}ms"),
        1_000..60_000 => (1_000.0, "s"),
        60_000..3_600_000 => (60_000.0, "m"),
        3_600_000..86_400_000 => (3_600_000.0, "h"),
        _ => (86_400_000.0, "d"),
    };
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let text = format!("{:.1}", millis as f64 / unit);
    format!("{}{name}", text.strip_suffix(".0").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_written_for_people() {
        assert_eq!(human_bytes(225), "225b");
        assert_eq!(human_bytes(4_300), "4.2kb");
        assert_eq!(human_bytes(5 << 20), "5mb");
        assert_eq!(human_time(90_000), "1.5m");
    }
}
