//! Walks a document's JSON once and sorts its values into the families of the fixed schema.
//!
//! No tree is built: a serde visitor follows the bytes with the current dotted path in one buffer and looks
//! each leaf up in the mapping. A path the mapping does not know is learnt into an overlay, which the index
//! merges into its mapping after the batch ([`Parser::into_learnt`]). A document that fails teaches nothing.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::convert::{self, Misfit, Scalar};
use super::model::Values;
use crate::error::{ApiError, ApiResult};
use crate::mapping::learn::{self, Seen};
use crate::mapping::{Dynamic, Field, Kind, Mapping};

/// Parses documents against one snapshot of a mapping.
#[derive(Debug)]
pub struct Parser<'m> {
    mapping: &'m Mapping,
    max_fields: usize,
    learnt: HashMap<Arc<str>, Arc<Field>>,
    order: Vec<Arc<Field>>,
    /// Fields and multi-fields learnt.
    learnt_size: usize,
    /// Objects that learnt fields lie in.
    objects: HashSet<String>,
}

struct Walk<'p, 'm> {
    parser: &'p mut Parser<'m>,
    id: &'p str,
    path: String,
    out: Values,
    error: Option<ApiError>,
    /// The field that holds everything below it (a flattened object).
    within: Option<Arc<Field>>,
}

// === impl Parser ===

impl<'m> Parser<'m> {
    /// A parser that learns at most so many fields that the mapping stays below its limit.
    pub fn new(mapping: &'m Mapping, max_fields: usize) -> Self {
        Self {
            mapping,
            max_fields,
            learnt: HashMap::new(),
            order: Vec::new(),
            learnt_size: 0,
            objects: HashSet::new(),
        }
    }

    /// Parses one document.
    pub fn parse(&mut self, id: &str, source: &[u8]) -> ApiResult<Values> {
        let known = self.order.len();
        let size = self.learnt_size;
        let mut walk = Walk {
            parser: self,
            id,
            path: String::with_capacity(64),
            out: Values::default(),
            error: None,
            within: None,
        };
        let mut json = serde_json::Deserializer::from_slice(source);
        let outcome = json.deserialize_map(&mut walk).and_then(|()| json.end());
        let (error, out) = (walk.error, walk.out);
        match (outcome, error) {
            (Ok(()), None) => Ok(out),
            (_, Some(error)) => {
                self.forget(known, size);
                Err(error)
            }
            (Err(error), None) => {
                self.forget(known, size);
                Err(ApiError::mapper("failed to parse").with(
                    "caused_by",
                    serde_json::json!({"type": "json_parse_exception", "reason": error.to_string()}),
                ))
            }
        }
    }

    /// The fields that were learnt, in order.
    pub fn into_learnt(self) -> Vec<Arc<Field>> {
        self.order
    }

    fn forget(&mut self, known: usize, size: usize) {
        for field in self.order.drain(known..) {
            self.learnt.remove(&field.path);
        }
        self.learnt_size = size;
        self.objects.clear();
        for field in self.order.clone() {
            self.note_parents(&field.path);
        }
    }

    fn note_parents(&mut self, path: &str) {
        for (at, _) in path.match_indices('.') {
            let parent = &path[..at];
            if !self.mapping.objects.contains_key(parent) && !self.objects.contains(parent) {
                self.objects.insert(parent.to_owned());
            }
        }
    }

    fn is_object(&self, path: &str) -> bool {
        self.mapping.objects.contains_key(path) || self.objects.contains(path)
    }

    fn lookup(&self, path: &str) -> Option<&Arc<Field>> {
        self.mapping.fields.get(path).or_else(|| self.learnt.get(path))
    }

    fn learn(&mut self, path: &str, seen: Seen<'_>) -> ApiResult<Option<Arc<Field>>> {
        match self.mapping.dynamic {
            Dynamic::False => return Ok(None),
            Dynamic::Strict => {
                let (parent, name) = path.rsplit_once('.').unwrap_or(("_doc", path));
                return Err(ApiError::new(
                    400,
                    "strict_dynamic_mapping_exception",
                    format!(
                        "mapping set to strict, dynamic introduction of [{name}] within [{parent}] is not allowed"
                    ),
                ));
            }
            Dynamic::True => {}
        }
        for (at, _) in path.match_indices('.') {
            let parent = &path[..at];
            if self.lookup(parent).is_some() {
                return Err(ApiError::mapper(format!(
                    "Could not dynamically add mapping for field [{path}]. Existing mapping for [{parent}] must be of type object but found a leaf"
                )));
            }
        }
        let field = learn::learn(self.mapping, path, seen)?;
        self.learnt_size += 1 + field.subfields.len();
        self.note_parents(path);
        if self.mapping.len() + self.learnt_size + self.objects.len() > self.max_fields {
            return Err(ApiError::argument(format!(
                "Limit of total fields [{}] has been exceeded",
                self.max_fields
            )));
        }
        self.learnt.insert(Arc::clone(&field.path), Arc::clone(&field));
        self.order.push(Arc::clone(&field));
        Ok(Some(field))
    }
}

// === impl Walk ===

impl Walk<'_, '_> {
    fn leaf<E: de::Error>(&mut self, scalar: Scalar<'_>) -> Result<(), E> {
        if let Err(error) = self.try_leaf(scalar) {
            self.error = Some(error);
            return Err(E::custom("document refused"));
        }
        Ok(())
    }

    fn try_leaf(&mut self, scalar: Scalar<'_>) -> ApiResult<()> {
        if let Some(root) = &self.within {
            self.out
                .keyword
                .push((Arc::clone(&root.path), scalar.to_string().into()));
            self.out
                .keyword
                .push((self.path.as_str().into(), scalar.to_string().into()));
            return Ok(());
        }
        let field = match self.parser.lookup(&self.path) {
            Some(field) => Arc::clone(field),
            None => {
                if self.parser.is_object(&self.path) {
                    return Err(ApiError::mapper(format!(
                        "object mapping for [{0}] tried to parse field [{0}] as object, but found a concrete value",
                        self.path
                    )));
                }
                let seen = match scalar {
                    Scalar::Str(text) => Seen::Str(text),
                    Scalar::I64(_) | Scalar::U64(_) => Seen::Long,
                    Scalar::F64(_) => Seen::Double,
                    Scalar::Bool(_) => Seen::Boolean,
                };
                match self.parser.learn(&self.path, seen)? {
                    Some(field) => field,
                    None => return Ok(()),
                }
            }
        };
        match convert::add(&field, scalar, &mut self.out) {
            Err(_) if field.ignore_malformed => Ok(()),
            Err(Misfit(reason)) if reason.starts_with("Document contains") => Err(ApiError::argument(reason)),
            Err(Misfit(reason)) => Err(self.misfit(&field, &scalar.to_string(), &reason)),
            Ok(()) => Ok(()),
        }
    }

    fn misfit(&self, field: &Field, value: &str, reason: &str) -> ApiError {
        ApiError::mapper(format!(
            "failed to parse field [{}] of type [{}] in document with id '{}'. Preview of field's value: '{value}'",
            field.path, field.type_name, self.id
        ))
        .with("caused_by", serde_json::json!({"type": "illegal_argument_exception", "reason": reason}))
    }
}

/// The value at the current path.
struct ValueSeed<'w, 'p, 'm>(&'w mut Walk<'p, 'm>);

/// Appends a key to the current path and returns the path's length before it.
struct KeySeed<'w>(&'w mut String);

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = usize;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = usize;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }
    fn visit_str<E: de::Error>(self, key: &str) -> Result<usize, E> {
        let before = self.0.len();
        if before > 0 {
            self.0.push('.');
        }
        self.0.push_str(key);
        Ok(before)
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_, '_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self.0)
    }
}

impl<'de> Visitor<'de> for &mut Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        self.leaf(Scalar::Bool(value))
    }
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        self.leaf(Scalar::I64(value))
    }
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        self.leaf(i64::try_from(value).map_or(Scalar::U64(value), Scalar::I64))
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        self.leaf(Scalar::F64(value))
    }
    fn visit_str<E: de::Error>(self, value: &str) -> Result<(), E> {
        self.leaf(Scalar::Str(value))
    }
    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(ValueSeed(self))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut entered = false;
        if !self.path.is_empty()
            && self.within.is_none()
            && let Some(field) = self.parser.lookup(&self.path)
        {
            match field.kind {
                Kind::Unindexed => {
                    while map.next_entry::<de::IgnoredAny, de::IgnoredAny>()?.is_some() {}
                    return Ok(());
                }
                Kind::Flattened => {
                    self.within = Some(Arc::clone(field));
                    entered = true;
                }
                _ => {
                    let field = Arc::clone(field);
                    self.error = Some(self.misfit(&field, "{...}", "Can't get text on a START_OBJECT"));
                    return Err(de::Error::custom("document refused"));
                }
            }
        }
        while let Some(before) = map.next_key_seed(KeySeed(&mut self.path))? {
            // An empty name, or one that starts or ends with a dot, would make a path with a hole.
            let key = self.path[before..].trim_start_matches('.');
            if key.is_empty()
                || self.path.ends_with('.')
                || self.path.contains("..")
                || self.path.starts_with('.')
            {
                self.error = Some(ApiError::mapper(format!(
                    "object field starting or ending with a [.] makes object resolution ambiguous: [{}]",
                    self.path
                )));
                return Err(de::Error::custom("document refused"));
            }
            map.next_value_seed(ValueSeed(self))?;
            self.path.truncate(before);
        }
        if entered {
            self.within = None;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::json;
    use serde_json::json;

    fn mapping(properties: &serde_json::Value) -> Mapping {
        let mut mapping = Mapping::default();
        json::merge(&mut mapping, &json!({ "properties": properties })).unwrap();
        mapping
    }

    fn parse(mapping: &Mapping, source: &str) -> ApiResult<Values> {
        Parser::new(mapping, 1000).parse("1", source.as_bytes())
    }

    #[test]
    fn dotted_keys_and_nested_objects_are_the_same() {
        let mapping = mapping(&json!({"log.level": {"type": "keyword"}, "n": {"type": "long"}}));
        let flat = parse(&mapping, r#"{"log.level": "info", "n": 1}"#).unwrap();
        let nested = parse(&mapping, r#"{"log": {"level": "info"}, "n": 1}"#).unwrap();
        assert_eq!(flat, nested);
        assert_eq!(&*flat.keyword[0].0, "log.level");
    }

    #[test]
    fn arrays_give_their_path_once_for_each_value() {
        let mapping = mapping(&json!({"tags": {"type": "keyword"}}));
        let values = parse(&mapping, r#"{"tags": ["a", "b", null, ["c"]]}"#).unwrap();
        assert_eq!(values.keyword.len(), 3);
    }

    #[test]
    fn a_misfit_is_refused_with_the_fields_name() {
        let mapping = mapping(&json!({"n": {"type": "long"}, "o": {"properties": {"x": {"type": "long"}}}}));
        let error = parse(&mapping, r#"{"n": "abc"}"#).unwrap_err();
        assert_eq!(error.kind, "mapper_parsing_exception");
        assert!(
            error.reason.contains("failed to parse field [n] of type [long]"),
            "{error}"
        );
        assert!(
            parse(&mapping, r#"{"n": {"a": 1}}"#)
                .unwrap_err()
                .reason
                .contains("[n]")
        );
        assert!(
            parse(&mapping, r#"{"o": 1}"#)
                .unwrap_err()
                .reason
                .contains("object mapping for [o]")
        );
        assert!(parse(&mapping, r"[1]").is_err());
        assert!(parse(&mapping, r#"{"n": 1} x"#).is_err());
        assert!(parse(&mapping, r#"{"a": {"": 1}}"#).is_err());
    }

    #[test]
    fn a_refused_document_teaches_nothing() {
        let mapping = mapping(&json!({"n": {"type": "long"}}));
        let mut parser = Parser::new(&mapping, 1000);
        parser.parse("1", br#"{"new": 1, "n": "abc"}"#).unwrap_err();
        parser.parse("2", br#"{"other": 1}"#).unwrap();
        let learnt = parser.into_learnt();
        assert_eq!(learnt.len(), 1);
        assert_eq!(&*learnt[0].path, "other");
    }

    #[test]
    fn a_field_cannot_be_a_leaf_and_an_object_in_either_order() {
        let mapping = Mapping::default();
        for (first, second) in [(r#"{"a": 1}"#, r#"{"a.b": 1}"#), (r#"{"a.b": 1}"#, r#"{"a": 1}"#)] {
            let mut parser = Parser::new(&mapping, 1000);
            parser.parse("1", first.as_bytes()).unwrap();
            let error = parser.parse("2", second.as_bytes()).unwrap_err();
            assert_eq!(error.kind, "mapper_parsing_exception", "{second} after {first}");
        }
    }

    #[test]
    fn the_field_limit_holds() {
        let mapping = Mapping::default();
        let error = Parser::new(&mapping, 2)
            .parse("1", br#"{"a": 1, "b": 1, "c": 1}"#)
            .unwrap_err();
        assert_eq!(error.reason, "Limit of total fields [2] has been exceeded");
    }
}
