//! Mappings: which fields an index has and of what type. They are our metadata, not tantivy's: the tantivy
//! schema is the same for every index.
//!
//! A [`Mapping`] is an immutable snapshot behind an `Arc`. Documents are parsed against a snapshot; what they
//! teach ([`learn`]) makes the next one. Field paths are full dotted names; a dotted key in a document and
//! nested objects are the same path.

pub mod field;
pub mod json;
pub mod learn;
pub mod pattern;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

pub use field::{Field, Kind};

/// What to do with a field that the mapping does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dynamic {
    /// Learn it.
    #[default]
    True,
    /// Keep it in `_source` alone.
    False,
    /// Refuse the document.
    Strict,
}

/// A rule for fields that are learnt.
#[derive(Debug, Clone)]
pub struct DynamicTemplate {
    /// Its name.
    pub name: String,
    /// As it was put.
    pub body: Value,
}

/// A snapshot of an index's mapping.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    /// Leaf fields by full path.
    pub fields: HashMap<Arc<str>, Arc<Field>>,
    /// Multi-fields by full path (`message.keyword`).
    pub multi: HashMap<Arc<str>, Arc<Field>>,
    /// Paths of objects.
    pub objects: HashMap<Arc<str>, ()>,
    /// What to do with unknown fields.
    pub dynamic: Dynamic,
    /// Whether strings that look like dates are learnt as dates.
    pub no_date_detection: bool,
    /// Rules for learning, in order.
    pub templates: Vec<DynamicTemplate>,
    /// `_meta`, `_source` and other keys kept as they came.
    pub rest: Map<String, Value>,
}

// === impl Mapping ===

impl Mapping {
    /// The field or multi-field of a path.
    pub fn get(&self, path: &str) -> Option<&Arc<Field>> {
        self.fields.get(path).or_else(|| self.multi.get(path))
    }

    /// The number that the field limit counts.
    pub fn len(&self) -> usize {
        self.fields.len() + self.multi.len() + self.objects.len()
    }

    /// Whether nothing is mapped.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every field and multi-field whose path matches a wildcard pattern, sorted by path.
    pub fn matching(&self, wildcard: &str) -> Vec<Arc<Field>> {
        if !wildcard.contains('*') {
            return self.get(wildcard).cloned().into_iter().collect();
        }
        let mut found: Vec<Arc<Field>> = self
            .fields
            .values()
            .chain(self.multi.values())
            .filter(|field| pattern::matches(wildcard, &field.path))
            .cloned()
            .collect();
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found
    }

    /// Adds a leaf, its multi-fields and its parent objects.
    pub fn insert(&mut self, field: Arc<Field>) {
        self.insert_parents(&field.path);
        for sub in &field.subfields {
            self.multi.insert(Arc::clone(&sub.path), Arc::clone(sub));
        }
        self.fields.insert(Arc::clone(&field.path), field);
    }

    /// Marks every proper prefix of a path as an object.
    pub fn insert_parents(&mut self, path: &str) {
        for (at, _) in path.match_indices('.') {
            let parent = path.get(..at).unwrap_or_default();
            if !parent.is_empty() && !self.objects.contains_key(parent) {
                self.objects.insert(parent.into(), ());
            }
        }
    }
}
