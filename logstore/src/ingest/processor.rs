//! The processors: what one step does to a document.

use std::collections::HashMap;

use regex::Regex;
use serde_json::{Map, Value};

use super::dissect::Dissect;
use super::document::{Ingested, kind_of};
use super::grok::Grok;
use super::pipeline::Step;
use super::when::When;
use crate::date::format;
use crate::date::zone::Zone;
use crate::engine::store::Store;
use crate::error::{ApiError, ApiResult};
use crate::query::dsl;

/// Whether a document goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// To the next step.
    Go,
    /// Nowhere: it is not indexed.
    Drop,
}

/// Where a processor reads and writes.
#[derive(Debug)]
pub struct Place {
    field: String,
    target: String,
    ignore_missing: bool,
}

/// A processor.
#[derive(Debug)]
pub enum Processor {
    /// `append`
    Append {
        field: String,
        values: Value,
        duplicates: bool,
    },
    /// `convert`
    Convert { place: Place, to: String },
    /// `date`
    Date {
        field: String,
        target: String,
        formats: Vec<When>,
        zone: String,
        output: Option<String>,
    },
    /// `date_index_name`
    DateIndexName {
        field: String,
        prefix: String,
        rounding: char,
        formats: Vec<When>,
        name_format: String,
    },
    /// `dissect`
    Dissect {
        field: String,
        pattern: Dissect,
        ignore_missing: bool,
    },
    /// `dot_expander`
    DotExpander { field: String, path: Option<String> },
    /// `drop`
    Drop,
    /// `fail`
    Fail { message: String },
    /// `foreach`
    Foreach { place: Place, step: Box<Step> },
    /// `grok`
    Grok {
        field: String,
        grok: Grok,
        ignore_missing: bool,
    },
    /// `gsub`
    Gsub {
        place: Place,
        pattern: Regex,
        replacement: String,
    },
    /// `join`
    Join { place: Place, separator: String },
    /// `json`
    Json { place: Place, to_root: bool },
    /// `kv`
    Kv {
        field: String,
        target: Option<String>,
        field_split: Regex,
        value_split: Regex,
        prefix: String,
        include: Vec<String>,
        exclude: Vec<String>,
        trim: String,
        strip: bool,
        ignore_missing: bool,
    },
    /// `lowercase`, `uppercase`, `trim`, `html_strip`, `urldecode`, `bytes`
    Text {
        place: Place,
        change: fn(&str) -> Result<Value, String>,
    },
    /// `pipeline`
    Pipeline { name: String, ignore_missing: bool },
    /// `remove`
    Remove {
        fields: Vec<String>,
        keep: Vec<String>,
        ignore_missing: bool,
    },
    /// `rename`
    Rename { place: Place, replaces: bool },
    /// `set`
    Set {
        field: String,
        value: Value,
        copy_from: Option<String>,
        replaces: bool,
        ignore_empty: bool,
    },
    /// `sort`
    Sort { place: Place, descending: bool },
    /// `split`
    Split {
        place: Place,
        separator: Regex,
        trailing: bool,
    },
    /// `uri_parts`
    UriParts { place: Place, keeps_original: bool },
}

/// What a body of a processor says, with errors that name the processor's keys.
struct Body<'b> {
    kind: &'b str,
    body: &'b Value,
}

impl Body<'_> {
    fn missing(&self, key: &str) -> ApiError {
        ApiError::new(
            400,
            "parse_exception",
            format!("[{key}] required property is missing"),
        )
        .with("processor_type", self.kind)
        .with("property_name", key)
    }

    fn text(&self, key: &str) -> ApiResult<String> {
        self.optional(key).ok_or_else(|| self.missing(key))
    }

    fn optional(&self, key: &str) -> Option<String> {
        self.body.get(key).filter(|value| !value.is_null()).map(dsl::text)
    }

    fn list(&self, key: &str) -> Vec<String> {
        dsl::list(self.body.get(key)).iter().map(dsl::text).collect()
    }

    fn flag(&self, key: &str, default: bool) -> bool {
        self.body.get(key).and_then(Value::as_bool).unwrap_or(default)
    }

    fn place(&self) -> ApiResult<Place> {
        let field = self.text("field")?;
        Ok(Place {
            target: self.optional("target_field").unwrap_or_else(|| field.clone()),
            field,
            ignore_missing: self.flag("ignore_missing", false),
        })
    }

    fn regex(&self, key: &str) -> ApiResult<Regex> {
        let text = self.text(key)?;
        Regex::new(&text).map_err(|error| {
            ApiError::new(
                400,
                "parse_exception",
                format!("[{key}] Invalid regex pattern [{text}]: {error}"),
            )
        })
    }

    fn formats(&self, key: &str) -> ApiResult<Vec<When>> {
        let formats = self.list(key);
        if formats.is_empty() {
            return Err(self.missing(key));
        }
        formats.iter().map(|format| When::parse(format)).collect()
    }
}

// === impl Processor ===

impl Processor {
    /// Reads a processor.
    #[expect(clippy::too_many_lines, reason = "one arm a kind")]
    pub fn parse(kind: &str, body: &Value) -> ApiResult<Self> {
        let body = Body { kind, body };
        Ok(match kind {
            "append" => Self::Append {
                field: body.text("field")?,
                values: body
                    .body
                    .get("value")
                    .cloned()
                    .ok_or_else(|| body.missing("value"))?,
                duplicates: body.flag("allow_duplicates", true),
            },
            "convert" => {
                let to = body.text("type")?;
                if ![
                    "integer", "long", "float", "double", "string", "boolean", "ip", "auto",
                ]
                .contains(&to.as_str())
                {
                    return Err(ApiError::new(
                        400,
                        "parse_exception",
                        format!("[type] type [{to}] not supported, cannot convert field."),
                    ));
                }
                Self::Convert {
                    place: body.place()?,
                    to,
                }
            }
            "date" => Self::Date {
                field: body.text("field")?,
                target: body
                    .optional("target_field")
                    .unwrap_or_else(|| "@timestamp".to_owned()),
                formats: body.formats("formats")?,
                zone: body.optional("timezone").unwrap_or_else(|| "UTC".to_owned()),
                output: body.optional("output_format"),
            },
            "date_index_name" => Self::DateIndexName {
                field: body.text("field")?,
                prefix: body.optional("index_name_prefix").unwrap_or_default(),
                rounding: body.text("date_rounding")?.chars().next().unwrap_or('d'),
                formats: match body.list("date_formats") {
                    formats if formats.is_empty() => vec![When::Iso],
                    formats => formats
                        .iter()
                        .map(|format| When::parse(format))
                        .collect::<ApiResult<_>>()?,
                },
                name_format: body
                    .optional("index_name_format")
                    .unwrap_or_else(|| "yyyy-MM-dd".to_owned()),
            },
            "dissect" => Self::Dissect {
                field: body.text("field")?,
                pattern: Dissect::new(
                    &body.text("pattern")?,
                    &body.optional("append_separator").unwrap_or_default(),
                )?,
                ignore_missing: body.flag("ignore_missing", false),
            },
            "dot_expander" => Self::DotExpander {
                field: body.text("field")?,
                path: body.optional("path"),
            },
            "drop" => Self::Drop,
            "fail" => Self::Fail {
                message: body.text("message")?,
            },
            "foreach" => Self::Foreach {
                place: body.place()?,
                step: Box::new(Step::parse(
                    body.body
                        .get("processor")
                        .ok_or_else(|| body.missing("processor"))?,
                )?),
            },
            "grok" => {
                let own: HashMap<String, String> = body
                    .body
                    .get("pattern_definitions")
                    .and_then(Value::as_object)
                    .into_iter()
                    .flatten()
                    .map(|(name, pattern)| (name.clone(), dsl::text(pattern)))
                    .collect();
                let patterns = body.list("patterns");
                if patterns.is_empty() {
                    return Err(body.missing("patterns"));
                }
                Self::Grok {
                    field: body.text("field")?,
                    grok: Grok::new(&patterns, &own)?,
                    ignore_missing: body.flag("ignore_missing", false),
                }
            }
            // `$1` means the same in Java and here; `${1}x` is the form that cannot be misread.
            "gsub" => Self::Gsub {
                place: body.place()?,
                pattern: body.regex("pattern")?,
                replacement: braced(&body.text("replacement")?),
            },
            "join" => Self::Join {
                place: body.place()?,
                separator: body.text("separator")?,
            },
            "json" => Self::Json {
                place: body.place()?,
                to_root: body.flag("add_to_root", false),
            },
            "kv" => Self::Kv {
                field: body.text("field")?,
                target: body.optional("target_field"),
                field_split: body.regex("field_split")?,
                value_split: body.regex("value_split")?,
                prefix: body.optional("prefix").unwrap_or_default(),
                include: body.list("include_keys"),
                exclude: body.list("exclude_keys"),
                trim: body.optional("trim_value").unwrap_or_default(),
                strip: body.flag("strip_brackets", false),
                ignore_missing: body.flag("ignore_missing", false),
            },
            "lowercase" => Self::Text {
                place: body.place()?,
                change: |text| Ok(text.to_lowercase().into()),
            },
            "uppercase" => Self::Text {
                place: body.place()?,
                change: |text| Ok(text.to_uppercase().into()),
            },
            "trim" => Self::Text {
                place: body.place()?,
                change: |text| Ok(text.trim().into()),
            },
            "html_strip" => Self::Text {
                place: body.place()?,
                change: |text| Ok(without_tags(text).into()),
            },
            "urldecode" => Self::Text {
                place: body.place()?,
                change: |text| Ok(url_decoded(text).into()),
            },
            "bytes" => Self::Text {
                place: body.place()?,
                change: bytes,
            },
            "pipeline" => Self::Pipeline {
                name: body.text("name")?,
                ignore_missing: body.flag("ignore_missing_pipeline", false),
            },
            "remove" => {
                let (fields, keep) = (body.list("field"), body.list("keep"));
                if fields.is_empty() && keep.is_empty() {
                    return Err(body.missing("field"));
                }
                Self::Remove {
                    fields,
                    keep,
                    ignore_missing: body.flag("ignore_missing", false),
                }
            }
            "rename" => {
                body.text("target_field")?;
                Self::Rename {
                    place: body.place()?,
                    replaces: body.flag("override", false),
                }
            }
            "set" => {
                let copy_from = body.optional("copy_from");
                let value = body.body.get("value").cloned();
                if value.is_none() && copy_from.is_none() {
                    return Err(body.missing("value"));
                }
                Self::Set {
                    field: body.text("field")?,
                    value: value.unwrap_or(Value::Null),
                    copy_from,
                    replaces: body.flag("override", true),
                    ignore_empty: body.flag("ignore_empty_value", false),
                }
            }
            "sort" => Self::Sort {
                place: body.place()?,
                descending: body.optional("order").is_some_and(|order| order == "desc"),
            },
            "split" => Self::Split {
                place: body.place()?,
                separator: body.regex("separator")?,
                trailing: body.flag("preserve_trailing", false),
            },
            "uri_parts" => {
                let field = body.text("field")?;
                Self::UriParts {
                    place: Place {
                        field,
                        target: body.optional("target_field").unwrap_or_else(|| "url".to_owned()),
                        ignore_missing: body.flag("ignore_missing", false),
                    },
                    keeps_original: body.flag("keep_original", true),
                }
            }
            // There is no user whose name it could put.
            "set_security_user" => Self::Set {
                field: body.text("field")?,
                value: Value::Object(Map::new()),
                copy_from: None,
                replaces: false,
                ignore_empty: true,
            },
            "script" => {
                return Err(ApiError::new(
                    400,
                    "parse_exception",
                    "processor [script] is not supported: this store runs no scripts",
                ));
            }
            other => {
                return Err(ApiError::new(
                    400,
                    "parse_exception",
                    format!("No processor type exists with name [{other}]"),
                )
                .with("processor_type", other));
            }
        })
    }

    /// Does what it does. An error is what Elasticsearch says.
    #[expect(clippy::too_many_lines, reason = "one arm a kind")]
    pub fn run(&self, store: &Store, document: &mut Ingested, depth: usize) -> Result<Flow, String> {
        match self {
            Self::Drop => return Ok(Flow::Drop),
            Self::Fail { message } => return Err(document.render(message)),
            Self::Pipeline { name, ignore_missing } => {
                let name = document.render(name);
                if *ignore_missing && !store.state().pipelines.contains_key(&name) {
                    return Ok(Flow::Go);
                }
                let pipeline = store.pipelines.get(store, &name).map_err(|error| error.reason)?;
                return pipeline
                    .run(store, document, depth + 1)
                    .map_err(|failure| failure.message);
            }
            Self::Append {
                field,
                values,
                duplicates,
            } => {
                let field = document.render(field);
                let values = document.render_value(values);
                let mut list = match document.get(&field) {
                    None | Some(Value::Null) => Vec::new(),
                    Some(Value::Array(list)) => list,
                    Some(one) => vec![one],
                };
                for value in dsl::list(Some(&values)) {
                    if *duplicates || !list.contains(value) {
                        list.push(value.clone());
                    }
                }
                document.set(&field, list.into())?;
            }
            Self::Convert { place, to } => {
                place.change(document, |value| each(value, &|value| convert(value, to)))?
            }
            Self::Date {
                field,
                target,
                formats,
                zone,
                output,
            } => {
                let text = present(document, field)?;
                let text = dsl::text(&text);
                let zone_name = document.render(zone);
                let zone =
                    Zone::parse(&zone_name).ok_or_else(|| format!("unknown time zone [{zone_name}]"))?;
                let at = formats
                    .iter()
                    .find_map(|format| format.read(&text, &zone))
                    .ok_or_else(|| format!("unable to parse date [{text}]"))?;
                document.set(target, format::format(at, output.as_deref(), &zone).into())?;
            }
            Self::DateIndexName {
                field,
                prefix,
                rounding,
                formats,
                name_format,
            } => {
                let text = dsl::text(&present(document, field)?);
                let at = formats
                    .iter()
                    .find_map(|format| format.read(&text, &Zone::UTC))
                    .ok_or_else(|| format!("unable to parse date [{text}]"))?;
                let unit = u8::try_from(*rounding)
                    .ok()
                    .and_then(crate::date::math::Unit::of_math)
                    .ok_or_else(|| format!("unknown rounding [{rounding}]"))?;
                let name = format::format(unit.floor(at), Some(name_format), &Zone::UTC);
                document.index = format!("{}{name}", document.render(prefix));
            }
            Self::Dissect {
                field,
                pattern,
                ignore_missing,
            } => {
                let Some(text) = text_of(document, field, *ignore_missing)? else {
                    return Ok(Flow::Go);
                };
                let parts = pattern.cut(&text).ok_or_else(|| {
                    format!("Unable to find match for dissect pattern against source: {text}")
                })?;
                for (name, part) in parts {
                    document.set(&name, part.into())?;
                }
            }
            Self::DotExpander { field, path } => expand(document, field, path.as_deref())?,
            Self::Foreach { place, step } => {
                let Some(value) = place.read(document)? else {
                    return Ok(Flow::Go);
                };
                let before = document.ingest.get("_value").cloned();
                let one = |document: &mut Ingested, item: Value| -> Result<Value, String> {
                    document.ingest.insert("_value".into(), item);
                    step.run(store, document, depth)
                        .map_err(|failure| failure.message)?;
                    Ok(document.ingest.get("_value").cloned().unwrap_or(Value::Null))
                };
                let changed: Value = match value {
                    Value::Array(items) => {
                        let mut out = Vec::with_capacity(items.len());
                        for item in items {
                            out.push(one(document, item)?);
                        }
                        out.into()
                    }
                    Value::Object(map) => {
                        let mut out = Map::new();
                        for (key, item) in map {
                            out.insert(key, one(document, item)?);
                        }
                        out.into()
                    }
                    other => {
                        return Err(format!(
                            "field [{}] of type [{}] cannot be cast to a list or map",
                            place.field,
                            kind_of(&other)
                        ));
                    }
                };
                document.ingest.remove("_value");
                if let Some(before) = before {
                    document.ingest.insert("_value".into(), before);
                }
                document.set(&place.field, changed)?;
            }
            Self::Grok {
                field,
                grok,
                ignore_missing,
            } => {
                let Some(text) = text_of(document, field, *ignore_missing)? else {
                    return Ok(Flow::Go);
                };
                let (_, fields) = grok
                    .captures(&text)
                    .ok_or_else(|| format!("Provided Grok expressions do not match field value: [{text}]"))?;
                for (name, value) in fields {
                    document.set(&name, value)?;
                }
            }
            Self::Gsub {
                place,
                pattern,
                replacement,
            } => place.change(document, |value| {
                each(value, &|value| {
                    let text = value.as_str().ok_or_else(|| not_a_string(&place.field, value))?;
                    Ok(pattern
                        .replace_all(text, replacement.as_str())
                        .into_owned()
                        .into())
                })
            })?,
            Self::Join { place, separator } => place.change(document, |value| match value {
                Value::Array(items) => {
                    let texts: Vec<String> = items.iter().map(dsl::text).collect();
                    Ok(texts.join(separator).into())
                }
                other => Err(format!(
                    "field [{}] of type [{}] cannot be cast to [java.util.List]",
                    place.field,
                    kind_of(other)
                )),
            })?,
            Self::Json { place, to_root } => {
                let Some(value) = place.read(document)? else {
                    return Ok(Flow::Go);
                };
                let text = dsl::text(&value);
                let parsed: Value = serde_json::from_str(&text)
                    .map_err(|error| format!("field [{}] is no JSON: {error}", place.field))?;
                if *to_root {
                    let Value::Object(parsed) = parsed else {
                        return Err("cannot add non-map fields to root of document".to_owned());
                    };
                    for (key, value) in parsed {
                        if let Some(root) = document.source.as_object_mut() {
                            root.insert(key, value);
                        }
                    }
                } else {
                    document.set(&place.target, parsed)?;
                }
            }
            Self::Kv {
                field,
                target,
                field_split,
                value_split,
                prefix,
                include,
                exclude,
                trim,
                strip,
                ignore_missing,
            } => {
                let Some(text) = text_of(document, field, *ignore_missing)? else {
                    return Ok(Flow::Go);
                };
                for pair in field_split.split(&text).filter(|pair| !pair.is_empty()) {
                    let mut halves = value_split.splitn(pair, 2);
                    let (Some(key), Some(value)) = (halves.next(), halves.next()) else {
                        return Err(format!(
                            "field [{field}] does not contain value_split [{value_split}]"
                        ));
                    };
                    if (!include.is_empty() && !include.iter().any(|name| name == key))
                        || exclude.iter().any(|name| name == key)
                    {
                        continue;
                    }
                    let mut value = value.trim_matches(|c| trim.contains(c));
                    if *strip {
                        value = value.trim_matches(['(', ')', '<', '>', '[', ']', '"', '\'']);
                    }
                    let path = match target {
                        Some(target) => format!("{target}.{prefix}{key}"),
                        None => format!("{prefix}{key}"),
                    };
                    // A key that comes twice becomes a list.
                    let value = match document.get(&path) {
                        Some(Value::Array(mut list)) => {
                            list.push(value.into());
                            list.into()
                        }
                        Some(known) if target.is_some() => vec![known, value.into()].into(),
                        _ => Value::from(value),
                    };
                    document.set(&path, value)?;
                }
            }
            Self::Text { place, change } => place.change(document, |value| {
                each(value, &|value| {
                    change(value.as_str().ok_or_else(|| not_a_string(&place.field, value))?)
                })
            })?,
            Self::Remove {
                fields,
                keep,
                ignore_missing,
            } => {
                if !keep.is_empty() {
                    let kept: Vec<(String, Value)> = keep
                        .iter()
                        .filter_map(|path| Some((path.clone(), document.get(path)?)))
                        .collect();
                    document.source = Value::Object(Map::new());
                    for (path, value) in kept {
                        document.set(&path, value)?;
                    }
                }
                for field in fields {
                    let field = document.render(field);
                    if document.remove(&field).is_none() && !ignore_missing {
                        return Err(format!("field [{field}] not present as part of path [{field}]"));
                    }
                }
            }
            Self::Rename { place, replaces } => {
                let (field, target) = (document.render(&place.field), document.render(&place.target));
                if document.get(&field).is_none() {
                    return if place.ignore_missing {
                        Ok(Flow::Go)
                    } else {
                        Err(format!("field [{field}] doesn't exist"))
                    };
                }
                if document.get(&target).is_some() && !replaces {
                    return Err(format!("field [{target}] already exists"));
                }
                if let Some(value) = document.remove(&field) {
                    document.set(&target, value)?;
                }
            }
            Self::Set {
                field,
                value,
                copy_from,
                replaces,
                ignore_empty,
            } => {
                let field = document.render(field);
                if !replaces && document.get(&field).is_some_and(|value| !value.is_null()) {
                    return Ok(Flow::Go);
                }
                let value = match copy_from {
                    Some(from) => match document.get(from) {
                        Some(value) => value,
                        None if *ignore_empty => return Ok(Flow::Go),
                        None => return Err(format!("field [{from}] not present as part of path [{from}]")),
                    },
                    None => document.render_value(value),
                };
                if *ignore_empty
                    && (value.is_null() || value == "" || value.as_object().is_some_and(Map::is_empty))
                {
                    return Ok(Flow::Go);
                }
                document.set(&field, value)?;
            }
            Self::Sort { place, descending } => place.change(document, |value| match value {
                Value::Array(items) => {
                    let mut items = items.clone();
                    items.sort_by(|a, b| match (a.as_f64(), b.as_f64()) {
                        (Some(a), Some(b)) => a.total_cmp(&b),
                        _ => dsl::text(a).cmp(&dsl::text(b)),
                    });
                    if *descending {
                        items.reverse();
                    }
                    Ok(items.into())
                }
                other => Err(format!(
                    "field [{}] of type [{}] cannot be cast to [java.util.List]",
                    place.field,
                    kind_of(other)
                )),
            })?,
            Self::Split {
                place,
                separator,
                trailing,
            } => place.change(document, |value| {
                let text = value.as_str().ok_or_else(|| not_a_string(&place.field, value))?;
                let mut parts: Vec<&str> = separator.split(text).collect();
                while !trailing && parts.len() > 1 && parts.last().is_some_and(|part| part.is_empty()) {
                    parts.pop();
                }
                Ok(parts.into())
            })?,
            Self::UriParts {
                place,
                keeps_original,
            } => {
                let Some(value) = place.read(document)? else {
                    return Ok(Flow::Go);
                };
                let text = dsl::text(&value);
                for (name, part) in uri_parts(&text)? {
                    document.set(&format!("{}.{name}", place.target), part)?;
                }
                if *keeps_original {
                    document.set(&format!("{}.original", place.target), text.into())?;
                }
            }
        }
        Ok(Flow::Go)
    }
}

// === impl Place ===

impl Place {
    fn read(&self, document: &Ingested) -> Result<Option<Value>, String> {
        match document.get(&self.field) {
            None | Some(Value::Null) if self.ignore_missing => Ok(None),
            None => Err(format!(
                "field [{0}] not present as part of path [{0}]",
                self.field
            )),
            Some(Value::Null) => Err(format!("field [{}] is null, cannot be processed.", self.field)),
            Some(value) => Ok(Some(value)),
        }
    }

    fn change(
        &self,
        document: &mut Ingested,
        change: impl Fn(&Value) -> Result<Value, String>,
    ) -> Result<(), String> {
        match self.read(document)? {
            None => Ok(()),
            Some(value) => document.set(&self.target, change(&value)?),
        }
    }
}

fn present(document: &Ingested, field: &str) -> Result<Value, String> {
    document
        .get(field)
        .ok_or_else(|| format!("field [{field}] not present as part of path [{field}]"))
}

fn text_of(document: &Ingested, field: &str, ignore_missing: bool) -> Result<Option<String>, String> {
    match document.get(field) {
        None | Some(Value::Null) if ignore_missing => Ok(None),
        None => Err(format!("field [{field}] not present as part of path [{field}]")),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(not_a_string(field, &other)),
    }
}

fn not_a_string(field: &str, value: &Value) -> String {
    format!(
        "field [{field}] of type [{}] cannot be cast to [java.lang.String]",
        kind_of(value)
    )
}

/// Changes a value, or each of a list.
fn each(value: &Value, change: &dyn Fn(&Value) -> Result<Value, String>) -> Result<Value, String> {
    match value {
        Value::Array(items) => items.iter().map(|item| each(item, change)).collect(),
        one => change(one),
    }
}

fn convert(value: &Value, to: &str) -> Result<Value, String> {
    let text = dsl::text(value);
    let refuse = || format!("unable to convert [{text}] to {to}");
    Ok(match to {
        "integer" | "long" => {
            let number = match text.strip_prefix("0x") {
                Some(digits) => i64::from_str_radix(digits, 16).ok(),
                None => text.parse::<i64>().ok(),
            };
            let number = number.ok_or_else(refuse)?;
            if to == "integer" && i32::try_from(number).is_err() {
                return Err(refuse());
            }
            number.into()
        }
        "float" | "double" => text
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
            .ok_or_else(refuse)?
            .into(),
        "boolean" => match text.to_lowercase().as_str() {
            "true" => true.into(),
            "false" => false.into(),
            _ => {
                return Err(format!(
                    "[{text}] is not a boolean value, cannot convert to boolean"
                ));
            }
        },
        "ip" => {
            text.parse::<std::net::IpAddr>()
                .map_err(|_| format!("'{text}' is not an IP string literal."))?;
            text.into()
        }
        "auto" => match value {
            Value::String(_) => ["integer", "float", "boolean"]
                .iter()
                .find_map(|to| convert(value, to).ok())
                .unwrap_or_else(|| value.clone()),
            other => other.clone(),
        },
        _ => text.into(),
    })
}

/// Turns keys with dots into objects.
fn expand(document: &mut Ingested, field: &str, path: Option<&str>) -> Result<(), String> {
    let Some(holder) = (match path {
        None => document.source.as_object_mut(),
        Some(path) => document
            .source
            .pointer_mut(&format!("/{}", path.replace('.', "/")))
            .and_then(Value::as_object_mut),
    }) else {
        return Ok(());
    };
    let keys: Vec<String> = if field == "*" {
        holder.keys().filter(|key| key.contains('.')).cloned().collect()
    } else {
        holder.keys().filter(|key| *key == field).cloned().collect()
    };
    for key in keys {
        let Some(value) = holder.shift_remove(&key) else {
            continue;
        };
        let mut inner = Ingested::new("", None, Value::Object(std::mem::take(holder)));
        let known = inner.get(&key);
        let merged = match known {
            None => value,
            Some(Value::Array(mut list)) => {
                list.push(value);
                list.into()
            }
            Some(known) => vec![known, value].into(),
        };
        let done = inner.set(&key, merged);
        if let Value::Object(back) = inner.source {
            *holder = back;
        }
        done?;
    }
    Ok(())
}

/// `$1x` as Java reads it: the group of the digits alone.
fn braced(replacement: &str) -> String {
    let mut out = String::new();
    let mut chars = replacement.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '$' && chars.peek().is_some_and(char::is_ascii_digit) {
            let mut digits = String::new();
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            out.push_str(&format!("${{{digits}}}"));
        } else {
            out.push(c);
        }
    }
    out
}

fn without_tags(text: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in text.chars() {
        match c {
            '<' => {
                inside = true;
                out.push('\n');
            }
            '>' if inside => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

fn url_decoded(text: &str) -> String {
    crate::http::front::decoded(&text.replace('+', " "))
}

/// `1kb` as 1024.
fn bytes(text: &str) -> Result<Value, String> {
    let lower = text.trim().to_lowercase();
    let split = lower
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(lower.len());
    let (digits, unit) = lower.split_at(split);
    let shift = match unit.trim() {
        "b" => 0,
        "k" | "kb" => 10,
        "m" | "mb" => 20,
        "g" | "gb" => 30,
        "t" | "tb" => 40,
        "p" | "pb" => 50,
        _ => {
            return Err(format!(
                "failed to parse setting [Ingest Field] with value [{text}] as a size in bytes: unit is missing or unrecognized"
            ));
        }
    };
    let whole: u64 = digits
        .parse()
        .map_err(|_| format!("failed to parse [{text}] as a size in bytes"))?;
    whole
        .checked_mul(1 << shift)
        .map(Value::from)
        .ok_or_else(|| format!("[{text}] is too many bytes"))
}

fn uri_parts(text: &str) -> Result<Vec<(&'static str, Value)>, String> {
    let mut out: Vec<(&'static str, Value)> = Vec::new();
    let (rest, fragment) = match text.split_once('#') {
        Some((rest, fragment)) => (rest, Some(fragment)),
        None => (text, None),
    };
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, Some(query)),
        None => (rest, None),
    };
    let (scheme, rest) = match rest.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, rest),
    };
    if text.contains(' ') {
        return Err(format!("unable to parse URI [{text}]"));
    }
    let (authority, path) = match (scheme, rest.find('/')) {
        (None, _) => ("", rest),
        (Some(_), Some(at)) => rest.split_at(at),
        (Some(_), None) => (rest, ""),
    };
    if let Some(scheme) = scheme {
        out.push(("scheme", scheme.into()));
        let (user, host) = authority
            .rsplit_once('@')
            .map_or((None, authority), |(user, host)| (Some(user), host));
        if let Some(user) = user {
            out.push(("user_info", user.into()));
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            out.push(("username", name.into()));
            out.push(("password", password.into()));
        }
        let (host, port) = host
            .rsplit_once(':')
            .map_or((host, None), |(host, port)| (host, port.parse::<u16>().ok()));
        out.push(("domain", host.into()));
        if let Some(port) = port {
            out.push(("port", port.into()));
        }
    }
    out.push(("path", path.into()));
    if let Some((_, extension)) = path.rsplit('/').next().and_then(|name| name.rsplit_once('.')) {
        out.push(("extension", extension.into()));
    }
    if let Some(query) = query {
        out.push(("query", query.into()));
    }
    if let Some(fragment) = fragment {
        out.push(("fragment", fragment.into()));
    }
    Ok(out)
}
