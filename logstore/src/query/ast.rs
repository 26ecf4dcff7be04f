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
        /// How its words are looked for.
        words: Words,
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
    MultiMatch(Box<MultiMatch>),
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
        fuzziness: Fuzziness,
        /// Characters at the start that must be equal.
        prefix: usize,
    },
    /// Documents by id.
    Ids(Vec<String>),
    /// A combination.
    Bool(Box<Bool>),
    /// The best of several queries.
    DisMax {
        /// The queries.
        queries: Vec<Query>,
        /// What part of the scores of the others is added.
        tie_breaker: f32,
    },
    /// A query whose scores are changed by functions of the document.
    Scored(Box<Scored>),
    /// Objects of an array that match as one.
    Nested {
        /// The path of the array.
        path: String,
        /// What one of its objects has to match.
        query: Box<Query>,
        /// A path that is not mapped matches nothing instead of being an error.
        ignore_unmapped: bool,
    },
    /// Values of a field of another document, to be looked up before the search.
    Lookup {
        /// Field.
        field: String,
        /// The index of the other document.
        index: String,
        /// Its id.
        id: String,
        /// The path of the values in it.
        path: String,
    },
    /// A query whose score is this number.
    Constant(Box<Query>, f32),
    /// A query whose score is multiplied.
    Boost(Box<Query>, f32),
    /// A query with a name, which hits that match it show.
    Named(Box<Query>, String),
}

/// How the words of a text are looked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Words {
    /// Whether one or all words must match.
    pub operator: Operator,
    /// `minimum_should_match`.
    pub minimum: Option<String>,
    /// Edits a word may be away.
    pub fuzziness: Option<Fuzziness>,
    /// Characters at the start of a word that must be equal all the same.
    pub fuzzy_prefix: usize,
    /// Whether the last word is a prefix.
    pub prefix: bool,
    /// A text without words matches everything instead of nothing.
    pub all_if_empty: bool,
    /// A value that does not fit the field's type matches nothing instead of being an error.
    pub lenient: bool,
    /// The analyzer, if not the field's.
    pub analyzer: Option<String>,
}

/// How many edits two words may be apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fuzziness {
    /// By the length of the word: none below the first number, one below the second, else two.
    Auto(usize, usize),
    /// So many.
    Edits(u8),
}

/// A text in several fields.
#[derive(Debug, Clone, PartialEq)]
pub struct MultiMatch {
    /// Fields and boosts.
    pub fields: Vec<(String, f32)>,
    /// Text.
    pub text: String,
    /// How the words are looked for, and how the fields count together.
    pub kind: MultiKind,
    /// How each word is looked for.
    pub words: Words,
    /// How far words of a phrase may be apart.
    pub slop: u32,
    /// What part of the scores of the other fields is added to the best; without it, what the kind says.
    pub tie_breaker: Option<f32>,
}

/// How a text is looked for in several fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MultiKind {
    /// As words; the best field counts.
    #[default]
    Best,
    /// As words; all fields count.
    Most,
    /// As words, each in any of the fields.
    Cross,
    /// As a phrase.
    Phrase,
    /// As a phrase whose last word is a prefix.
    PhrasePrefix,
    /// As words of which the last is a prefix.
    BoolPrefix,
}

/// A query with functions of its documents.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// What matches.
    pub query: Query,
    /// The functions, each for the documents of a query or for all.
    pub functions: Vec<(Option<Query>, Function)>,
    /// How values of several functions become one.
    pub score_mode: Fold,
    /// How that value and the score become one.
    pub boost_mode: Fold,
    /// Largest value of the functions together.
    pub max_boost: f32,
    /// Lowest score of a document that matches.
    pub min_score: Option<f32>,
}

/// A function of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Function {
    /// A number.
    Weight(f32),
    /// The value of a field.
    Field {
        /// Field.
        field: String,
        /// Multiplied with the value.
        factor: f64,
        /// What is made of the product.
        modifier: Modifier,
        /// The value of a document that has none; without it that is an error in Elasticsearch, here 1.
        missing: Option<f64>,
        /// Multiplied with the result.
        weight: f32,
    },
}

/// What is made of a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the names of Elasticsearch are the names of the functions"
)]
pub enum Modifier {
    None,
    Log,
    Log1p,
    Log2p,
    Ln,
    Ln1p,
    Ln2p,
    Square,
    Sqrt,
    Reciprocal,
}

/// How two scores become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of Elasticsearch say it")]
pub enum Fold {
    Multiply,
    Sum,
    Avg,
    First,
    Max,
    Min,
    Replace,
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

impl Query {
    /// Calls back for each query directly inside this one.
    pub fn each_child(&self, found: &mut dyn FnMut(&Query)) {
        match self {
            Self::Bool(clauses) => clauses
                .must
                .iter()
                .chain(&clauses.filter)
                .chain(&clauses.should)
                .chain(&clauses.must_not)
                .for_each(found),
            Self::Constant(inner, _) | Self::Boost(inner, _) | Self::Named(inner, _) => found(inner),
            Self::Nested { query, .. } => found(query),
            Self::DisMax { queries, .. } => queries.iter().for_each(found),
            Self::Scored(scored) => {
                found(&scored.query);
                scored
                    .functions
                    .iter()
                    .filter_map(|(filter, _)| filter.as_ref())
                    .for_each(found);
            }
            _ => {}
        }
    }

    /// Calls back for each query directly inside this one, to change it.
    pub fn each_child_mut<E>(
        &mut self,
        change: &mut dyn FnMut(&mut Query) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Bool(clauses) => clauses
                .must
                .iter_mut()
                .chain(&mut clauses.filter)
                .chain(&mut clauses.should)
                .chain(&mut clauses.must_not)
                .try_for_each(change),
            Self::Constant(inner, _) | Self::Boost(inner, _) | Self::Named(inner, _) => change(inner),
            Self::Nested { query, .. } => change(query),
            Self::DisMax { queries, .. } => queries.iter_mut().try_for_each(change),
            Self::Scored(scored) => {
                change(&mut scored.query)?;
                scored
                    .functions
                    .iter_mut()
                    .filter_map(|(filter, _)| filter.as_mut())
                    .try_for_each(change)
            }
            _ => Ok(()),
        }
    }

    /// Calls back for each query with a name.
    pub fn each_named(&self, found: &mut dyn FnMut(&str, &Query)) {
        if let Self::Named(inner, name) = self {
            found(name, inner);
        }
        self.each_child(&mut |child| child.each_named(found));
    }
}

impl Fuzziness {
    /// The edits that a word may be away.
    pub fn edits(self, word: &str) -> u8 {
        match self {
            Self::Edits(edits) => edits,
            Self::Auto(low, high) => {
                let length = word.chars().count();
                u8::from(length >= low) + u8::from(length >= high)
            }
        }
    }
}

/// How many of `count` clauses a `minimum_should_match` asks for. `None`: it is not one.
pub fn minimum(text: &str, count: usize) -> Option<usize> {
    let text = text.trim();
    // `2<-25% 9<-3`: all of them up to two, 75 % up to nine, beyond that all but three.
    if text.contains('<') {
        let mut wanted = count;
        // Blanks may stand around the sign.
        let joined = text.replace(" <", "<").replace("< ", "<");
        for part in joined.split_whitespace() {
            let (limit, rest) = part.split_once('<')?;
            let limit: usize = limit.parse().ok()?;
            if count <= limit {
                return Some(wanted);
            }
            wanted = minimum(rest, count)?;
        }
        return Some(wanted);
    }
    let signed = i64::try_from(count).ok()?;
    let wanted = match text.strip_suffix('%') {
        Some(percent) => {
            let percent: i64 = percent.trim().parse().ok()?;
            let part = signed.checked_mul(percent.checked_abs()?)? / 100;
            if percent < 0 { signed - part } else { part }
        }
        None => {
            let wanted: i64 = text.parse().ok()?;
            if wanted < 0 {
                signed.checked_add(wanted)?
            } else {
                wanted
            }
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
        assert_eq!(minimum("2<-25% 9<-3", 2), Some(2));
        assert_eq!(minimum("2<-25% 9<-3", 8), Some(6));
        assert_eq!(minimum("2<-25% 9<-3", 20), Some(17));
        assert_eq!(minimum("x", 4), None);
    }
}
