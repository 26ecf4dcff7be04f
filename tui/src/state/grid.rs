//! How a table is looked at: filtered, sorted, faults only, wide, with marks. One of these for each table; what
//! the rows are is not for here.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::filter::{Facts, Filter};

/// Which table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Clusters of the fleet.
    Clusters,
    /// Nodes of a cluster.
    Nodes,
    /// Operations.
    Operations,
    /// Incidents.
    Incidents,
    /// The audit log.
    Audit,
}

/// A value of a row, for sorting and filtering.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A word; sorted from A.
    Text(String),
    /// A number; the greatest comes first.
    Number(f64),
}

/// A row of a table.
pub trait Listed {
    /// The columns that can be sorted and filtered by, in lower case.
    const COLUMNS: &'static [&'static str];
    /// What marks are kept by.
    fn id(&self) -> &str;
    /// Whether something is wrong with it.
    fn faulty(&self) -> bool;
    /// The value of each of [`Self::COLUMNS`], in that order.
    fn facts(&self) -> Vec<Fact>;
}

/// By what a table is sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// The column.
    pub column: String,
    /// Whether its usual direction is turned around.
    pub reversed: bool,
}

/// The look at one table.
#[derive(Debug, Clone, Default)]
pub struct Grid {
    /// What is let through.
    pub filter: Option<Filter>,
    /// The order; none is the order in which the rows come.
    pub sort: Option<Sort>,
    /// Only rows with something wrong.
    pub faults: bool,
    /// Marked rows.
    pub marks: BTreeSet<String>,
}

/// The look at every table.
#[derive(Debug, Clone, Default)]
pub struct Grids {
    grids: [Grid; 5],
}

// === impl Fact ===

impl Fact {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }

    /// Words from A, numbers from the greatest.
    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => b.total_cmp(a),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        }
    }
}

// === impl Grid ===

struct Whole<'a, T>(&'a T);

impl<T: Listed> Facts for Whole<'_, T> {
    fn line(&self) -> String {
        let facts: Vec<String> = self.0.facts().into_iter().map(Fact::text).collect();
        facts.join(" ")
    }

    fn fact(&self, name: &str) -> Option<String> {
        let at = T::COLUMNS.iter().position(|column| *column == name)?;
        self.0.facts().into_iter().nth(at).map(Fact::text)
    }
}

impl Grid {
    /// The rows that are shown, in their order.
    pub fn arrange<'a, T: Listed>(&self, rows: impl Iterator<Item = &'a T>) -> Vec<&'a T> {
        let shown = |row: &&T| {
            let wanted = self
                .filter
                .as_ref()
                .is_none_or(|filter| filter.matches(&Whole(*row)));
            wanted && (!self.faults || row.faulty())
        };
        let mut rows: Vec<&T> = rows.filter(shown).collect();
        if let Some(sort) = &self.sort
            && let Some(at) = T::COLUMNS.iter().position(|column| *column == sort.column)
        {
            let mut keyed: Vec<(Option<Fact>, &T)> = rows
                .into_iter()
                .map(|row| (row.facts().into_iter().nth(at), row))
                .collect();
            // Stable: equal rows keep the order in which they come.
            keyed.sort_by(|(a, _), (b, _)| {
                let order = match (a, b) {
                    (Some(a), Some(b)) => a.order(b),
                    _ => Ordering::Equal,
                };
                if sort.reversed { order.reverse() } else { order }
            });
            rows = keyed.into_iter().map(|(_, row)| row).collect();
        }
        rows
    }

    /// Sorts by a column; by the same one again: the other way round.
    pub fn sort_by(&mut self, column: &str) {
        self.sort = match self.sort.take() {
            Some(sort) if sort.column == column => Some(Sort {
                reversed: !sort.reversed,
                ..sort
            }),
            _ => Some(Sort {
                column: column.to_owned(),
                reversed: false,
            }),
        };
    }

    /// Turns the order around; says whether there is one.
    pub fn reverse(&mut self) -> bool {
        if let Some(sort) = &mut self.sort {
            sort.reversed = !sort.reversed;
        }
        self.sort.is_some()
    }

    /// Marks a row, or unmarks it.
    pub fn mark(&mut self, id: &str) {
        if !self.marks.remove(id) {
            self.marks.insert(id.to_owned());
        }
    }

    /// What the title of the table says of it: empty when it is looked at as it comes.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(sort) = &self.sort {
            let sign = if sort.reversed { " reversed" } else { "" };
            words.push(format!("by {}{sign}", sort.column));
        }
        if let Some(filter) = &self.filter {
            words.push(format!("/{}/", filter.text()));
        }
        if self.faults {
            words.push("faults only".to_owned());
        }
        if !self.marks.is_empty() {
            words.push(format!("{} marked", self.marks.len()));
        }
        words
    }
}

// === impl Grids ===

impl Grids {
    /// The look at `table`.
    pub fn of(&self, table: Table) -> &Grid {
        &self.grids[table as usize]
    }

    /// The look at `table`, to be changed.
    pub fn of_mut(&mut self, table: Table) -> &mut Grid {
        &mut self.grids[table as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Thing(&'static str, f64);

    impl Listed for Thing {
        const COLUMNS: &'static [&'static str] = &["name", "queue"];

        fn id(&self) -> &str {
            self.0
        }

        fn faulty(&self) -> bool {
            self.1 > 10.0
        }

        fn facts(&self) -> Vec<Fact> {
            vec![Fact::Text(self.0.to_owned()), Fact::Number(self.1)]
        }
    }

    fn names(grid: &Grid) -> Vec<&'static str> {
        static THINGS: [Thing; 3] = [Thing("b", 3.0), Thing("c", 20.0), Thing("a", 5.0)];
        grid.arrange(THINGS.iter()).iter().map(|thing| thing.0).collect()
    }

    #[test]
    fn rows_come_as_they_are_until_a_column_is_chosen() {
        let mut grid = Grid::default();
        assert_eq!(names(&grid), ["b", "c", "a"]);
        assert!(!grid.reverse());
        grid.sort_by("queue");
        assert_eq!(names(&grid), ["c", "a", "b"]);
        grid.sort_by("queue");
        assert_eq!(names(&grid), ["b", "a", "c"]);
        grid.sort_by("name");
        assert_eq!(names(&grid), ["a", "b", "c"]);
        assert!(grid.reverse());
        assert_eq!(names(&grid), ["c", "b", "a"]);
    }

    #[test]
    fn a_filter_and_faults_only_hide_rows() {
        let mut grid = Grid {
            faults: true,
            ..Grid::default()
        };
        assert_eq!(names(&grid), ["c"]);
        grid.faults = false;
        grid.filter = Filter::parse("queue<10").unwrap();
        assert_eq!(names(&grid), ["b", "a"]);
    }
}
