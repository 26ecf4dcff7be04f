//! What a query says, before anybody decides what it means for a field.

/// Which of the two syntaxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavor {
    /// `query_string`: mistakes are errors.
    Full,
    /// `simple_query_string`: `+ | - " * ( ) ~`; mistakes are ignored.
    Simple,
}

/// What stands between two clauses that have no operator between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Operator {
    /// One of them must match.
    #[default]
    Or,
    /// All of them must match.
    And,
}

/// A bound of a range: the text as it was written, and whether it is included.
pub type Bound = (String, bool);

/// A query. A clause without a field has `None`, and is meant for the default fields.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// Everything: `*`.
    All,
    /// Nothing: an empty query.
    Nothing,
    /// The field has a value: `field:*`, `_exists_:field`.
    Exists(String),
    /// A word, escapes resolved.
    Word {
        /// Field.
        field: Option<String>,
        /// Word.
        text: String,
    },
    /// A quotation, escapes resolved.
    Phrase {
        /// Field.
        field: Option<String>,
        /// Text.
        text: String,
        /// How far its words may be apart.
        slop: u32,
    },
    /// A word with `*` or `?`, still escaped.
    Wildcard {
        /// Field.
        field: Option<String>,
        /// Pattern.
        pattern: String,
    },
    /// `/a regexp/`, without the slashes.
    Regexp {
        /// Field.
        field: Option<String>,
        /// Pattern.
        pattern: String,
    },
    /// `word~2`.
    Fuzzy {
        /// Field.
        field: Option<String>,
        /// Word, in lower case.
        text: String,
        /// Edits, at most two.
        distance: u8,
    },
    /// `[a TO b}`, `>=a`.
    Range {
        /// Field.
        field: Option<String>,
        /// Lower bound.
        from: Option<Bound>,
        /// Upper bound.
        to: Option<Bound>,
    },
    /// A combination.
    Bool {
        /// All of these match.
        must: Vec<Node>,
        /// One of these matches, if nothing must.
        should: Vec<Node>,
        /// None of these matches.
        must_not: Vec<Node>,
    },
    /// A node whose score is multiplied.
    Boost(Box<Node>, f32),
}
