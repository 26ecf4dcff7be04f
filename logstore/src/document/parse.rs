//! Walks a document's JSON once and sorts its values into the families of the fixed schema.
//!
//! No tree is built: a serde visitor follows the bytes with the current dotted path in one buffer and looks
//! each leaf up in the mapping. A path the mapping does not know is learnt into an overlay, which the index
//! merges into its mapping after the batch ([`Parser::into_learnt`]). A document that fails teaches nothing.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::convert::{self, IGNORED, MAX_TERM, Misfit, Scalar};
use super::model::Values;
use crate::error::{ApiError, ApiResult};
use crate::mapping::learn::{self, Seen, SeenObject};
use crate::mapping::{Dynamic, Field, Kind, Mapping};

/// Most nested objects of a document, unless the index says otherwise.
const MAX_NESTED: usize = 10_000;

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
    /// Fields whose one value every document has.
    constants: Vec<Arc<Field>>,
}

struct Walk<'p, 'm> {
    parser: &'p mut Parser<'m>,
    id: &'p str,
    path: String,
    out: Values,
    error: Option<ApiError>,
    /// The field that holds everything below it (a flattened object).
    within: Option<Arc<Field>>,
    /// Nested objects so far.
    nested: usize,
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
            constants: mapping
                .fields
                .values()
                .filter(|field| field.constant.is_some())
                .cloned()
                .collect(),
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
            nested: 0,
        };
        let mut json = serde_json::Deserializer::from_slice(source);
        let outcome = json.deserialize_map(&mut walk).and_then(|()| json.end());
        let (error, mut out) = (walk.error, walk.out);
        for field in &self.constants {
            out.keyword.extend(
                field
                    .constant
                    .clone()
                    .map(|value| (Arc::clone(&field.path), value)),
            );
        }
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

    /// Whether a value that does not fit is left out.
    fn is_lenient(&self, field: &Field) -> bool {
        let takes_rubbish = !matches!(field.kind, Kind::Text | Kind::Keyword | Kind::Flattened);
        let index_says = self.mapping.ignore_malformed && !field.params.contains_key("ignore_malformed");
        takes_rubbish && (field.ignore_malformed || index_says)
    }

    fn lookup(&self, path: &str) -> Option<&Arc<Field>> {
        self.mapping.fields.get(path).or_else(|| self.learnt.get(path))
    }

    /// What an unknown field is to become, by what its nearest known parent says.
    fn dynamic(&self, path: &str, has_template: impl Fn() -> bool) -> ApiResult<bool> {
        let dynamic = self.mapping.dynamic_at(path);
        match dynamic {
            Dynamic::False => Ok(false),
            Dynamic::FalseAllowTemplates => Ok(has_template()),
            Dynamic::StrictAllowTemplates if has_template() => Ok(true),
            Dynamic::Strict | Dynamic::StrictAllowTemplates => {
                // It is the outermost unknown name that is not allowed.
                let unknown = path
                    .match_indices('.')
                    .map(|(at, _)| &path[..at])
                    .find(|parent| !self.is_object(parent))
                    .unwrap_or(path);
                let (parent, name) = unknown.rsplit_once('.').unwrap_or(("_doc", unknown));
                Err(ApiError::new(
                    400,
                    "strict_dynamic_mapping_exception",
                    format!(
                        "mapping set to {}, dynamic introduction of [{name}] within [{parent}] is not allowed",
                        dynamic.word()
                    ),
                ))
            }
            Dynamic::True | Dynamic::Runtime => Ok(true),
        }
    }

    fn learn(&mut self, path: &str, seen: Seen<'_>) -> ApiResult<Option<Arc<Field>>> {
        for (at, _) in path.match_indices('.') {
            let parent = &path[..at];
            if let Some(field) = self.lookup(parent) {
                if field.kind == Kind::Unindexed {
                    return Ok(None);
                }
                return Err(ApiError::mapper(format!(
                    "Could not dynamically add mapping for field [{path}]. Existing mapping for [{parent}] must be of type object but found [{}].",
                    field.type_name
                )));
            }
        }
        if self.mapping.aliases.contains_key(path) {
            return Err(ApiError::mapper(format!(
                "Cannot write to a field alias [{path}]."
            )));
        }
        if !self.dynamic(path, || learn::has_template(self.mapping, path, seen))? {
            return Ok(None);
        }
        let field = learn::learn(self.mapping, path, seen)?;
        self.note(Arc::clone(&field))?;
        Ok(Some(field))
    }

    fn note(&mut self, field: Arc<Field>) -> ApiResult<()> {
        self.learnt_size += 1 + field.subfields.len();
        self.note_parents(&field.path);
        let new = self.learnt_size + self.objects.len();
        if self.mapping.len() + new > self.max_fields {
            return Err(ApiError::argument(format!(
                "Limit of total fields [{}] has been exceeded while adding new fields [{new}]",
                self.max_fields
            )));
        }
        self.learnt.insert(Arc::clone(&field.path), Arc::clone(&field));
        self.order.push(field);
        Ok(())
    }

    /// What a template makes of an object that nobody mapped, if it makes a field of it.
    fn learn_object(&mut self, path: &str) -> ApiResult<()> {
        if self.mapping.templates.is_empty() || self.is_object(path) {
            return Ok(());
        }
        let has_template = || {
            self.mapping
                .templates
                .iter()
                .any(|template| template.applies(path, "object"))
        };
        if !self.dynamic(path, has_template)? {
            return Ok(());
        }
        match learn::learn_object(self.mapping, path)? {
            Some(SeenObject::Field(field)) => self.note(field),
            // `nested` and `dynamic` of a template's objects would need an overlay of their own; their fields are
            // learnt as those of a plain object.
            Some(SeenObject::Object(_)) | None => Ok(()),
        }
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
            let root = Arc::clone(root);
            return self.flattened(&root, &scalar.to_string());
        }
        let path = std::mem::take(&mut self.path);
        let outcome = self.value_at(&path, scalar);
        self.path = path;
        let Some(field) = outcome? else { return Ok(()) };
        for target in &field.copy_to {
            self.value_at(target, scalar)?;
        }
        Ok(())
    }

    /// Adds a value to the field of a path, which is learnt if it is new. `None`: it is not indexed.
    fn value_at(&mut self, path: &str, scalar: Scalar<'_>) -> ApiResult<Option<Arc<Field>>> {
        let field = match self.parser.lookup(path) {
            Some(field) => Arc::clone(field),
            None => {
                if self.parser.is_object(path) {
                    return Err(ApiError::mapper(format!(
                        "object mapping for [{path}] tried to parse field [{path}] as object, but found a concrete value"
                    )));
                }
                // `{"labels.a": 1}` where `labels` is flattened.
                let root = path.match_indices('.').find_map(|(at, _)| {
                    self.parser
                        .lookup(&path[..at])
                        .filter(|field| field.kind == Kind::Flattened)
                });
                if let Some(root) = root.map(Arc::clone) {
                    let before = std::mem::replace(&mut self.path, path.to_owned());
                    let added = self.flattened(&root, &scalar.to_string());
                    self.path = before;
                    return added.map(|()| None);
                }
                let seen = match scalar {
                    Scalar::Str(text) => Seen::Str(text),
                    Scalar::I64(_) | Scalar::U64(_) => Seen::Long,
                    Scalar::F64(_) => Seen::Double,
                    Scalar::Bool(_) => Seen::Boolean,
                };
                match self.parser.learn(path, seen)? {
                    Some(field) => field,
                    None => return Ok(None),
                }
            }
        };
        if field.kind == Kind::Flattened && &*field.path == path {
            return Err(self.misfit(
                &field,
                &scalar.to_string(),
                Misfit(
                    format!(
                        "Failed to parse object: expecting token of type [START_OBJECT] but found [{scalar}]"
                    ),
                    "parsing_exception",
                ),
            ));
        }
        // `index.mapping.coerce: false` is meant for fields that say nothing themselves.
        let fits = match (self.parser.mapping.coerce, field.coerce) {
            (Some(false), None) => convert::uncoerced(&field, scalar),
            _ => Ok(()),
        };
        match fits.and_then(|()| convert::add(&field, scalar, &mut self.out)) {
            Ok(()) => Ok(Some(field)),
            Err(_) if self.parser.is_lenient(&field) => {
                self.out
                    .keyword
                    .push((Arc::clone(&IGNORED), Arc::clone(&field.path)));
                Ok(None)
            }
            Err(misfit) if misfit.0.starts_with("Document contains") => Err(ApiError::argument(misfit.0)),
            Err(misfit) => Err(self.misfit(&field, &scalar.to_string(), misfit)),
        }
    }

    /// A leaf below a flattened object: under the object's name, and under its own path.
    fn flattened(&mut self, root: &Arc<Field>, text: &str) -> ApiResult<()> {
        if root.unindexed || !root.takes(text) {
            return Ok(());
        }
        if text.len() > MAX_TERM {
            return Err(ApiError::argument(format!(
                "Flattened field [{}] contains one immense field whose keyed encoding is longer than the allowed max length of {MAX_TERM} bytes.",
                root.path
            )));
        }
        let text: Arc<str> = text.into();
        self.out.keyword.push((Arc::clone(&root.path), Arc::clone(&text)));
        self.out.keyword.push((self.path.as_str().into(), text));
        Ok(())
    }

    /// An explicit `null`: nothing, unless the field says what it stands for.
    fn null(&mut self) -> ApiResult<()> {
        let Some(value) = self
            .parser
            .lookup(&self.path)
            .filter(|field| field.kind != Kind::Flattened)
            .and_then(|field| field.null_value.clone())
        else {
            return Ok(());
        };
        match &value {
            serde_json::Value::String(text) => self.try_leaf(Scalar::Str(text)),
            serde_json::Value::Bool(value) => self.try_leaf(Scalar::Bool(*value)),
            serde_json::Value::Number(number) => {
                let whole = number
                    .as_i64()
                    .map(Scalar::I64)
                    .or_else(|| number.as_u64().map(Scalar::U64));
                self.try_leaf(
                    whole
                        .or_else(|| number.as_f64().map(Scalar::F64))
                        .unwrap_or(Scalar::I64(0)),
                )
            }
            _ => Ok(()),
        }
    }

    fn misfit(&self, field: &Field, value: &str, Misfit(reason, kind): Misfit) -> ApiError {
        let mut cause = serde_json::json!({"type": kind, "reason": reason});
        if field.kind == Kind::Date && reason.starts_with("failed to parse date field") {
            cause["caused_by"] = serde_json::json!({
                "type": "date_time_parse_exception",
                "reason": "Failed to parse with all enclosed parsers",
            });
        }
        ApiError::mapper(format!(
            "failed to parse field [{}] of type [{}] in document with id '{}'. Preview of field's value: '{value}'",
            field.path, field.type_name, self.id
        ))
        .with("caused_by", cause)
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
        self.null().map_err(|error| {
            self.error = Some(error);
            E::custom("document refused")
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(ValueSeed(self))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut entered = false;
        if self
            .parser
            .mapping
            .objects
            .get(self.path.as_str())
            .is_some_and(|object| object.nested)
        {
            self.nested += 1;
            let most = self.parser.mapping.max_nested.unwrap_or(MAX_NESTED);
            if self.nested > most {
                self.error = Some(ApiError::mapper(format!(
                    "The number of nested documents has exceeded the allowed limit of [{most}]. This limit can be set by changing the [index.mapping.nested_objects.limit] index level setting."
                )));
                return Err(de::Error::custom("document refused"));
            }
        }
        if !self.path.is_empty()
            && self.within.is_none()
            && self.parser.lookup(&self.path).is_none()
            && let Err(error) = self.parser.learn_object(&self.path)
        {
            self.error = Some(error);
            return Err(de::Error::custom("document refused"));
        }
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
                    if self.parser.is_lenient(&field) {
                        while map.next_entry::<de::IgnoredAny, de::IgnoredAny>()?.is_some() {}
                        self.out
                            .keyword
                            .push((Arc::clone(&IGNORED), Arc::clone(&field.path)));
                        return Ok(());
                    }
                    let cause = match field.kind {
                        Kind::Text | Kind::Keyword => Misfit(
                            "Can't get text on a START_OBJECT".to_owned(),
                            "illegal_state_exception",
                        ),
                        _ => Misfit(
                            "Cannot parse object as a value".to_owned(),
                            "illegal_argument_exception",
                        ),
                    };
                    self.error = Some(self.misfit(&field, "{...}", cause));
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
                if key.is_empty() && self.path.ends_with('.') {
                    self.error = Some(ApiError::argument(
                        "field name cannot contain only the character [.]",
                    ));
                    return Err(de::Error::custom("document refused"));
                }
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
        assert_eq!(
            error.reason,
            "Limit of total fields [2] has been exceeded while adding new fields [3]"
        );
    }
}
