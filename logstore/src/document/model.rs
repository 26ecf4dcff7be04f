//! A document as tantivy sees it: the fixed fields, without a copy of the values.

use std::sync::Arc;

use bytes::Bytes;
use tantivy::schema::document::{Document, ReferenceValue, ReferenceValueLeaf, Value};

use crate::engine::schema::Fields;

/// A value of the number family.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// Whole numbers and dates.
    I64(i64),
    /// Whole numbers beyond `i64`.
    U64(u64),
    /// Floating-point numbers.
    F64(f64),
}

/// The indexable values of a document, by family. A path occurs once for each of its values.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Values {
    /// Exact strings.
    pub keyword: Vec<(Arc<str>, Arc<str>)>,
    /// Numbers and dates.
    pub number: Vec<(Arc<str>, Number)>,
    /// Analysed text.
    pub text: Vec<(Arc<str>, Arc<str>)>,
    /// The `@timestamp`.
    pub timestamp: Option<i64>,
}

/// A document on its way into tantivy.
#[derive(Debug)]
pub struct LogDocument {
    /// `_id`.
    pub id: Arc<str>,
    /// `_seq_no`.
    pub seq_no: u64,
    /// `_version`.
    pub version: u64,
    /// `_source`, as it was sent.
    pub source: Bytes,
    /// What is indexed.
    pub values: Values,
    /// The handles of the fixed schema.
    pub fields: Fields,
}

/// One value handed to tantivy.
#[derive(Debug, Clone)]
pub enum View<'a> {
    /// A leaf.
    Leaf(ReferenceValueLeaf<'a>),
    /// The `keyword` or `text` family.
    Strings(&'a [(Arc<str>, Arc<str>)]),
    /// The `number` family.
    Numbers(&'a [(Arc<str>, Number)]),
}

/// Iterates over one family as the entries of a JSON object.
#[derive(Debug, Clone)]
pub enum Entries<'a> {
    /// The `keyword` or `text` family.
    Strings(std::slice::Iter<'a, (Arc<str>, Arc<str>)>),
    /// The `number` family.
    Numbers(std::slice::Iter<'a, (Arc<str>, Number)>),
}

// === impl Entries ===

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a str, View<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Strings(iter) => iter
                .next()
                .map(|(path, value)| (&**path, View::Leaf(ReferenceValueLeaf::Str(value)))),
            Self::Numbers(iter) => iter.next().map(|(path, value)| {
                let leaf = match value {
                    Number::I64(v) => ReferenceValueLeaf::I64(*v),
                    Number::U64(v) => ReferenceValueLeaf::U64(*v),
                    Number::F64(v) => ReferenceValueLeaf::F64(*v),
                };
                (&**path, View::Leaf(leaf))
            }),
        }
    }
}

// === impl View ===

impl<'a> Value<'a> for View<'a> {
    type ArrayIter = std::iter::Empty<Self>;
    type ObjectIter = Entries<'a>;

    fn as_value(&self) -> ReferenceValue<'a, Self> {
        match self {
            Self::Leaf(leaf) => ReferenceValue::Leaf(leaf.clone()),
            Self::Strings(values) => ReferenceValue::Object(Entries::Strings(values.iter())),
            Self::Numbers(values) => ReferenceValue::Object(Entries::Numbers(values.iter())),
        }
    }
}

// === impl LogDocument ===

impl Document for LogDocument {
    type Value<'a> = View<'a>;
    type FieldsValuesIter<'a> =
        std::iter::Flatten<std::array::IntoIter<Option<(tantivy::schema::Field, View<'a>)>, 8>>;

    fn iter_fields_and_values(&self) -> Self::FieldsValuesIter<'_> {
        let f = &self.fields;
        let nonempty = |is_empty: bool, field, view| (!is_empty).then_some((field, view));
        [
            Some((f.id, View::Leaf(ReferenceValueLeaf::Str(&self.id)))),
            Some((f.seq_no, View::Leaf(ReferenceValueLeaf::U64(self.seq_no)))),
            Some((f.version, View::Leaf(ReferenceValueLeaf::U64(self.version)))),
            Some((f.source, View::Leaf(ReferenceValueLeaf::Bytes(&self.source)))),
            self.values
                .timestamp
                .map(|at| (f.timestamp, View::Leaf(ReferenceValueLeaf::I64(at)))),
            nonempty(
                self.values.keyword.is_empty(),
                f.keyword,
                View::Strings(&self.values.keyword),
            ),
            nonempty(
                self.values.number.is_empty(),
                f.number,
                View::Numbers(&self.values.number),
            ),
            nonempty(
                self.values.text.is_empty(),
                f.text,
                View::Strings(&self.values.text),
            ),
        ]
        .into_iter()
        .flatten()
    }
}
