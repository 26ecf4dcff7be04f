//! One mapped field: its type, and how that type is laid out in the fixed tantivy schema.

use std::sync::Arc;

use super::number::Numeric;
use crate::analysis::Analyzer;
use crate::date::parse::{DEFAULT_FORMATS, Format};

/// The path of the field that has a tantivy field of its own, since every log search ranges over it.
pub const TIMESTAMP: &str = "@timestamp";

/// What comes before the path of a date where its nanoseconds within the millisecond are kept.
const REST: &str = "_nanos";

/// The families of types, by how a value is read and stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Analysed text.
    Text,
    /// An exact string.
    Keyword,
    /// A whole number; the bounds are those of the declared width.
    Long {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// A floating-point number.
    Double,
    /// `true` or `false`; stored as an exact string.
    Boolean,
    /// Milliseconds since the epoch.
    Date,
    /// An IP address; stored as an exact string in canonical form.
    Ip,
    /// Kept in `_source` alone (`binary`, `geo_point`, ranges).
    Unindexed,
    /// An object whose leaves are all exact strings.
    Flattened,
}

/// A mapped leaf field.
#[derive(Debug, Clone)]
pub struct Field {
    /// Full dotted path.
    pub path: Arc<str>,
    /// Family.
    pub kind: Kind,
    /// The type's name as declared (`integer`, `match_only_text`).
    pub type_name: String,
    /// Strings longer than this many characters are not indexed.
    pub ignore_above: Option<usize>,
    /// Date formats, as declared.
    pub format: Option<String>,
    /// Date formats, parsed.
    pub formats: Vec<Format>,
    /// `ignore_malformed`: a value that does not fit is left out instead of refused.
    pub ignore_malformed: bool,
    /// `index: false` and `enabled: false`.
    pub unindexed: bool,
    /// Multi-fields.
    pub subfields: Vec<Arc<Field>>,
    /// How a number is rounded to what the declared type can hold.
    pub numeric: Numeric,
    /// `coerce`: a number in quotes is a number, a fraction is cut off; `None`: as the index says.
    pub coerce: Option<bool>,
    /// What an explicit `null` stands for.
    pub null_value: Option<serde_json::Value>,
    /// Paths of other fields that take this field's values, too.
    pub copy_to: Vec<Arc<str>>,
    /// The one value of a `constant_keyword`.
    pub constant: Option<Arc<str>>,
    /// For text, how it is cut into tokens when it is indexed; `None`: as `standard` does.
    pub analyzer: Option<Arc<Analyzer>>,
    /// The same for the text of a query; `None`: as it is indexed.
    pub search_analyzer: Option<Arc<Analyzer>>,
    /// For exact strings, what is done to them before they are indexed or searched.
    pub normalizer: Option<Arc<Analyzer>>,
    /// Parameters that only `_mapping` shows, as they were put.
    pub params: serde_json::Map<String, serde_json::Value>,
}

// === impl Kind ===

impl Kind {
    /// The family of a declared type.
    pub fn of_type(name: &str) -> Option<Self> {
        let long = |min, max| Self::Long { min, max };
        Some(match name {
            "text" | "match_only_text" | "annotated_text" | "search_as_you_type" => Self::Text,
            "keyword" | "constant_keyword" | "wildcard" | "version" => Self::Keyword,
            "long" => long(i64::MIN, i64::MAX),
            "unsigned_long" => long(0, i64::MAX),
            "integer" | "token_count" => long(i64::from(i32::MIN), i64::from(i32::MAX)),
            "short" => long(i64::from(i16::MIN), i64::from(i16::MAX)),
            "byte" => long(i64::from(i8::MIN), i64::from(i8::MAX)),
            "double" | "float" | "half_float" | "scaled_float" => Self::Double,
            "boolean" => Self::Boolean,
            "date" | "date_nanos" => Self::Date,
            "ip" => Self::Ip,
            "binary"
            | "geo_point"
            | "geo_shape"
            | "point"
            | "shape"
            | "histogram"
            | "aggregate_metric_double"
            | "integer_range"
            | "long_range"
            | "float_range"
            | "double_range"
            | "date_range"
            | "ip_range" => Self::Unindexed,
            "flattened" | "flat_object" => Self::Flattened,
            _ => return None,
        })
    }

    /// Whether values are numbers in the `number` column family.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Long { .. } | Self::Double | Self::Date)
    }

    /// Whether values are exact strings in the `keyword` column family.
    pub fn is_exact_string(self) -> bool {
        matches!(self, Self::Keyword | Self::Boolean | Self::Ip | Self::Flattened)
    }
}

// === impl Field ===

impl Field {
    /// A field of a type with no parameters.
    pub fn new(path: &str, type_name: &str, kind: Kind) -> Self {
        Self {
            path: path.into(),
            kind,
            type_name: type_name.to_owned(),
            ignore_above: None,
            format: None,
            formats: DEFAULT_FORMATS.to_vec(),
            ignore_malformed: false,
            unindexed: kind == Kind::Unindexed,
            subfields: Vec::new(),
            numeric: Numeric::Exact,
            coerce: None,
            null_value: None,
            copy_to: Vec::new(),
            constant: None,
            analyzer: None,
            search_analyzer: None,
            normalizer: None,
            params: serde_json::Map::new(),
        }
    }

    /// The dynamic mapping of a string: text, with an exact multi-field `keyword`.
    pub fn dynamic_string(path: &str) -> Self {
        let mut keyword = Self::new(&format!("{path}.keyword"), "keyword", Kind::Keyword);
        keyword.ignore_above = Some(256);
        let mut field = Self::new(path, "text", Kind::Text);
        field.subfields.push(Arc::new(keyword));
        field
    }

    /// Whether a text field with this multi-field has a value wherever this one has.
    pub fn witnesses(&self) -> bool {
        self.kind == Kind::Keyword && !self.unindexed
    }

    /// Whether an exact string is short enough to be indexed.
    pub fn takes(&self, text: &str) -> bool {
        // No string has more characters than bytes.
        self.ignore_above
            .is_none_or(|limit| text.len() <= limit || text.chars().count() <= limit)
    }

    /// The tokens of a query's text: cut as the field's own values are.
    pub fn search_tokens(&self, text: &str) -> Vec<String> {
        match self.search_analyzer.as_ref().or(self.analyzer.as_ref()) {
            Some(analyzer) => analyzer
                .tokens(text)
                .into_iter()
                .map(|token| token.text)
                .collect(),
            None => crate::engine::tokenizer::tokens(text),
        }
    }

    /// The same with their positions, which a phrase needs where a filter left gaps.
    pub fn search_positions(&self, text: &str) -> Vec<(usize, String)> {
        match self.search_analyzer.as_ref().or(self.analyzer.as_ref()) {
            Some(analyzer) => analyzer
                .tokens(text)
                .into_iter()
                .map(|token| (token.position, token.text))
                .collect(),
            None => crate::engine::tokenizer::tokens(text)
                .into_iter()
                .enumerate()
                .collect(),
        }
    }

    /// A query's exact string as it stands in the index.
    pub fn normalized(&self, text: &str) -> String {
        match &self.normalizer {
            Some(normalizer) => normalizer.normalize(text),
            None => text.to_owned(),
        }
    }

    /// A part of a term (a prefix, the letters of a wildcard) as it stands in the index.
    pub fn normalized_part(&self, text: &str) -> String {
        match (self.kind, &self.normalizer, &self.analyzer) {
            (Kind::Text, _, Some(analyzer)) => analyzer.normalize_part(text),
            (Kind::Text, _, None) => text.to_lowercase(),
            (_, Some(normalizer), _) => normalizer.normalize_part(text),
            _ => text.to_owned(),
        }
    }

    /// Whether this is the dedicated timestamp field.
    pub fn is_timestamp(&self) -> bool {
        self.kind == Kind::Date && &*self.path == TIMESTAMP
    }

    /// The name of the tantivy column that holds the values, for sorting, ranges and aggregations.
    pub fn column(&self) -> Option<String> {
        if self.unindexed {
            return None;
        }
        if self.is_timestamp() {
            return Some(TIMESTAMP.to_owned());
        }
        match self.kind {
            kind if kind.is_number() => Some(format!("number.{}", escape(&self.path))),
            kind if kind.is_exact_string() => Some(format!("keyword.{}", escape(&self.path))),
            _ => None,
        }
    }

    /// Whether dates are kept to the nanosecond.
    pub fn is_nanos(&self) -> bool {
        self.type_name == "date_nanos"
    }

    /// The path beside that of a date under which its nanoseconds within the millisecond are kept.
    pub fn rest_path(&self) -> String {
        format!("{REST}.{}", self.path)
    }

    /// The column of those.
    pub fn rest_column(&self) -> String {
        format!("number.{}", escape(&self.rest_path()))
    }

    /// Whether only that there is a value is indexed of it.
    pub fn is_binary(&self) -> bool {
        self.type_name == "binary"
    }

    /// Whether the mapping says `false` of a parameter (`index`, `doc_values`).
    pub fn says_no(&self, parameter: &str) -> bool {
        self.params.get(parameter) == Some(&serde_json::Value::Bool(false))
    }

    /// Whether the mapping says `store`, so that `stored_fields` shows it.
    pub fn is_stored(&self) -> bool {
        self.params
            .get("store")
            .is_some_and(|value| value == &serde_json::Value::Bool(true) || value == "true")
    }

    /// The format in which dates are written, if the mapping names one.
    pub fn date_format(&self) -> Option<&str> {
        self.format.as_deref()
    }
}

/// Escapes a path for tantivy's column names, in which a backslash escapes.
pub fn escape(path: &str) -> String {
    path.replace('\\', "\\\\")
}
