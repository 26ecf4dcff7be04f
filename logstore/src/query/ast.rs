//! The query tree.

pub use punt_lucene::Operator;
use serde_json::Value;

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub enum Query {
    /// Every document.
    All,
    /// No document.
    Nothing,
    /// One exact value.
    Term {
        /// Field.
        field: String,
        /// Value.
        value: Value,
        /// Ignore case.
        ignore_case: bool,
    },
    /// One of several exact values.
    Terms {
        /// Field.
        field: String,
        /// Values.
        values: Vec<Value>,
    },
    /// Analysed text.
    Match {
        /// Field.
        field: String,
        /// Text.
        text: String,
        /// Whether one or all words must match.
        operator: Operator,
        /// `minimum_should_match`.
        minimum: Option<String>,
        /// A value that does not fit the field's type matches nothing instead of being an error.
        lenient: bool,
    },
    /// Words next to one another.
    Phrase {
        /// Field.
        field: String,
        /// Text.
        text: String,
        /// How far words may be apart.
        slop: u32,
        /// Whether the last word is a prefix.
        prefix: bool,
    },
    /// Analysed text in several fields, which may be wildcards.
    MultiMatch {
        /// Fields and boosts.
        fields: Vec<(String, f32)>,
        /// Text.
        text: String,
        /// Whether one or all words must match.
        operator: Operator,
        /// How the words are looked for.
        kind: MultiKind,
    },
    /// Values between bounds.
    Range(Range),
    /// Documents that have the field.
    Exists(String),
    /// Terms that match a pattern.
    Pattern {
        /// Field.
        field: String,
        /// The pattern.
        pattern: Pattern,
        /// Ignore case.
        ignore_case: bool,
    },
    /// Terms a few edits away.
    Fuzzy {
        /// Field.
        field: String,
        /// Word.
        text: String,
        /// Edits.
        distance: u8,
    },
    /// Documents by id.
    Ids(Vec<String>),
    /// A combination.
    Bool(Box<Bool>),
    /// A query whose score is this number.
    Constant(Box<Query>, f32),
    /// A query whose score is multiplied.
    Boost(Box<Query>, f32),
}

/// How a text is looked for in several fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MultiKind {
    /// As words.
    Words,
    /// As a phrase.
    Phrase,
    /// As a phrase whose last word is a prefix.
    PhrasePrefix,
}

/// A pattern over terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// What a term starts with.
    Prefix(String),
    /// `*` and `?`; a backslash escapes.
    Wildcard(String),
    /// A regular expression over the whole term.
    Regexp(String),
}

/// A range; the values are as they were sent, since their meaning depends on the field's type.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Range {
    /// Field.
    pub field: String,
    /// Lower bound, and whether it is included.
    pub from: Option<(Value, bool)>,
    /// Upper bound, and whether it is included.
    pub to: Option<(Value, bool)>,
    /// Date format of the bounds.
    pub format: Option<String>,
    /// Time zone of the bounds.
    pub time_zone: Option<String>,
}

/// Clauses of a combination.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bool {
    /// Must match, and score.
    pub must: Vec<Query>,
    /// Must match, without a score.
    pub filter: Vec<Query>,
    /// May match, and score.
    pub should: Vec<Query>,
    /// Must not match.
    pub must_not: Vec<Query>,
    /// How many of `should` must match.
    pub minimum: Option<String>,
}

impl Query {
    /// A combination.
    pub fn bool(clauses: Bool) -> Self {
        Self::Bool(Box::new(clauses))
    }

    /// Both queries, the second without a score.
    #[must_use]
    pub fn and_filter(self, filter: Self) -> Self {
        Self::bool(Bool {
            must: vec![self],
            filter: vec![filter],
            ..Bool::default()
        })
    }
}

/// How many of `count` clauses a `minimum_should_match` asks for.
pub fn minimum(text: &str, count: usize) -> Option<usize> {
    let text = text.trim();
    // `2<75%`: all of them up to two, else 75 %.
    if let Some((limit, rest)) = text.rsplit(' ').next().and_then(|last| last.split_once('<')) {
        let limit: usize = limit.trim().parse().ok()?;
        return if count <= limit {
            Some(count)
        } else {
            minimum(rest, count)
        };
    }
    let signed = i64::try_from(count).ok()?;
    let wanted = match text.strip_suffix('%') {
        Some(percent) => {
            let percent: i64 = percent.parse().ok()?;
            let part = signed * percent.abs() / 100;
            if percent < 0 { signed - part } else { part }
        }
        None => {
            let wanted: i64 = text.parse().ok()?;
            if wanted < 0 { signed + wanted } else { wanted }
        }
    };
    usize::try_from(wanted.max(0)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minimum_should_match_is_read_in_all_its_forms() {
        assert_eq!(minimum("2", 4), Some(2));
        assert_eq!(minimum("-1", 4), Some(3));
        assert_eq!(minimum("75%", 4), Some(3));
        assert_eq!(minimum("-25%", 4), Some(3));
        assert_eq!(minimum("2<75%", 2), Some(2));
        assert_eq!(minimum("2<75%", 4), Some(3));
        assert_eq!(minimum("x", 4), None);
    }
}
