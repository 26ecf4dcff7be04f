//! Mappings: which fields an index has and of what type. They are our metadata, not tantivy's: the tantivy
//! schema is the same for every index.
//!
//! A [`Mapping`] is an immutable snapshot behind an `Arc`. Documents are parsed against a snapshot; what they
//! teach ([`learn`]) makes the next one. Field paths are full dotted names; a dotted key in a document and
//! nested objects are the same path.

pub mod check;
pub mod field;
pub mod json;
pub mod learn;
pub mod number;
pub mod object;
pub mod pattern;
pub mod template;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::analysis::Analysis;
use crate::error::{ApiError, ApiResult};

pub use field::{Field, Kind};
pub use object::{Dynamic, Object};
pub use template::DynamicTemplate;

/// A snapshot of an index's mapping.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    /// Leaf fields by full path.
    pub fields: HashMap<Arc<str>, Arc<Field>>,
    /// Multi-fields by full path (`message.keyword`).
    pub multi: HashMap<Arc<str>, Arc<Field>>,
    /// Objects by path.
    pub objects: HashMap<Arc<str>, Object>,
    /// Other names of fields: alias to the path it stands for.
    pub aliases: HashMap<Arc<str>, Arc<str>>,
    /// What to do with unknown fields.
    pub dynamic: Dynamic,
    /// Whether strings that look like dates are learnt as dates.
    pub no_date_detection: bool,
    /// Whether strings that look like numbers are learnt as numbers.
    pub numeric_detection: bool,
    /// What a string has to look like to be learnt as a date; `None`: Elasticsearch's default.
    pub date_formats: Option<Vec<String>>,
    /// Rules for learning, in order.
    pub templates: Vec<DynamicTemplate>,
    /// `_meta`, `_source` and other keys kept as they came.
    pub rest: Map<String, Value>,
    /// The analyzers that fields name; set by [`Mapping::bind`].
    pub analysis: Arc<Analysis>,
    /// What `index.mapping.coerce` and `index.mapping.ignore_malformed` say for fields that say nothing.
    pub coerce: Option<bool>,
    /// See `coerce`.
    pub ignore_malformed: bool,
    /// Most nested objects of a document, as the index says.
    pub max_nested: Option<usize>,
}

// === impl Mapping ===

impl Mapping {
    /// The field or multi-field of a path, or the one that an alias stands for.
    pub fn get(&self, path: &str) -> Option<&Arc<Field>> {
        self.fields
            .get(path)
            .or_else(|| self.multi.get(path))
            .or_else(|| {
                let target = self.aliases.get(path)?;
                self.fields.get(target).or_else(|| self.multi.get(target))
            })
    }

    /// As [`Self::get`]; for a key of a flattened object, a field made up for it.
    pub fn resolve(&self, path: &str) -> Option<Arc<Field>> {
        if let Some(field) = self.get(path) {
            return Some(Arc::clone(field));
        }
        if path == "_ignored" {
            return Some(Arc::new(Field::new(path, "keyword", Kind::Keyword)));
        }
        let root = path.match_indices('.').find_map(|(at, _)| {
            let field = self.get(path.get(..at)?)?;
            (field.kind == Kind::Flattened && !field.unindexed).then_some((field, at))
        });
        let (field, at) = root?;
        let path = format!("{}{}", field.path, path.get(at..).unwrap_or_default());
        Some(Arc::new(Field {
            path: path.as_str().into(),
            ..Field::clone(field)
        }))
    }

    /// The nested object that a path lies in, the innermost.
    pub fn nested_of(&self, path: &str) -> Option<&str> {
        let parents = path.match_indices('.').map(|(at, _)| at).collect::<Vec<_>>();
        parents.into_iter().rev().find_map(|at| {
            let (path, object) = self.objects.get_key_value(path.get(..at)?)?;
            object.nested.then_some(&**path)
        })
    }

    /// What to do with an unknown field at a path: what the nearest parent says.
    pub fn dynamic_at(&self, path: &str) -> Dynamic {
        let mut rest = path;
        while let Some((parent, _)) = rest.rsplit_once('.') {
            if let Some(dynamic) = self.objects.get(parent).and_then(|object| object.dynamic) {
                return dynamic;
            }
            rest = parent;
        }
        self.dynamic
    }

    /// The number that the field limit counts.
    pub fn len(&self) -> usize {
        self.fields.len() + self.multi.len() + self.objects.len() + self.aliases.len()
    }

    /// Whether nothing is mapped.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every field and multi-field whose path matches a wildcard pattern, sorted by path.
    pub fn matching(&self, wildcard: &str) -> Vec<Arc<Field>> {
        if !wildcard.contains('*') {
            return self.resolve(wildcard).into_iter().collect();
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
                self.objects.insert(parent.into(), Object::default());
            }
        }
    }

    /// Resolves the analyzers and normalizers that fields name.
    ///
    /// # Errors
    /// A `mapper_parsing_exception` that names the field and the analyzer that is not there.
    pub fn bind(&mut self, analysis: Arc<Analysis>) -> ApiResult<()> {
        self.analysis = analysis;
        let bound: Vec<Arc<Field>> = self
            .fields
            .values()
            .filter(|field| names_analysis(field))
            .map(|field| bind_field(field, &self.analysis).map(Arc::new))
            .collect::<ApiResult<_>>()?;
        bound.into_iter().for_each(|field| self.insert(field));
        Ok(())
    }
}

fn names_analysis(field: &Field) -> bool {
    let names = |field: &Field| {
        ["analyzer", "search_analyzer", "normalizer"]
            .iter()
            .any(|key| field.params.contains_key(*key))
    };
    names(field) || field.subfields.iter().any(|sub| names(sub))
}

/// A field with the analyzers that it names, and those of its multi-fields.
pub(crate) fn bind_field(field: &Field, analysis: &Analysis) -> ApiResult<Field> {
    let mut bound = field.clone();
    let named = |key: &str| field.params.get(key).and_then(Value::as_str);
    let missing = |kind: &str, name: &str| {
        ApiError::mapper(format!(
            "{kind} [{name}] has not been configured in mappings, which field [{}] names",
            field.path
        ))
    };
    let analyzer = |key: &str| {
        named(key)
            .map(|name| analysis.analyzer(name).ok_or_else(|| missing("analyzer", name)))
            .transpose()
            .map(|found| found.filter(|analyzer| key != "analyzer" || !analyzer.is_standard()))
    };
    bound.analyzer = analyzer("analyzer")?;
    bound.search_analyzer = analyzer("search_analyzer")?;
    bound.normalizer = named("normalizer")
        .map(|name| {
            analysis.normalizer(name).ok_or_else(|| {
                ApiError::mapper(format!(
                    "normalizer [{name}] not found for field [{}]",
                    field.path
                ))
            })
        })
        .transpose()?;
    bound.subfields = field
        .subfields
        .iter()
        .map(|sub| bind_field(sub, analysis).map(Arc::new))
        .collect::<ApiResult<_>>()?;
    Ok(bound)
}
