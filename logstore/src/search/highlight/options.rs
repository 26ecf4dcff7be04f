//! What is asked of the highlighter, each field with the options of all where it has none of its own.

use serde_json::{Map, Value};

use crate::error::{ApiError, ApiResult};
use crate::query::{Query, dsl};

/// A request for highlights.
#[derive(Debug, Clone)]
pub struct Highlight {
    /// Names or wildcards of fields, in the order asked.
    pub fields: Vec<(String, Options)>,
}

/// How one field is highlighted.
#[derive(Debug, Clone)]
pub struct Options {
    /// What comes before a match.
    pub pre_tag: String,
    /// What comes after it.
    pub post_tag: String,
    /// Characters of a fragment; 0: the whole text.
    pub fragment_size: usize,
    /// Most fragments; 0: the whole text.
    pub number_of_fragments: usize,
    /// Characters shown of a text without a match.
    pub no_match_size: usize,
    /// The best fragment first, instead of the first one.
    pub by_score: bool,
    /// Only what was looked for in this field is marked.
    pub require_field_match: bool,
    /// Marks what this query matches, instead of the search's.
    pub query: Option<Query>,
    /// Other fields whose matches count.
    pub matched_fields: Vec<String>,
    /// The text is escaped for HTML.
    pub html: bool,
    /// Whether the plain highlighter is asked for, which analyses every text anew.
    pub plain: bool,
    /// Characters of a text that are looked at.
    pub max_analyzed: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            pre_tag: "<em>".to_owned(),
            post_tag: "</em>".to_owned(),
            fragment_size: 100,
            number_of_fragments: 5,
            no_match_size: 0,
            by_score: false,
            require_field_match: true,
            query: None,
            matched_fields: Vec::new(),
            html: false,
            plain: false,
            max_analyzed: None,
        }
    }
}

// === impl Highlight ===

impl Highlight {
    /// Reads `highlight`; without fields there is nothing to do.
    pub fn parse(value: &Value) -> ApiResult<Option<Self>> {
        let Value::Object(spec) = value else {
            return if value.is_null() {
                Ok(None)
            } else {
                Err(ApiError::parsing("[highlight] must be an object"))
            };
        };
        let mut all = Options::default();
        all.read(spec)?;
        let mut fields = Vec::new();
        // `fields` is an object, or a list of objects where the order matters.
        for entry in dsl::list(spec.get("fields")) {
            let Value::Object(entry) = entry else {
                return Err(ApiError::parsing(
                    "[highlight] [fields] must be an object or a list of objects",
                ));
            };
            for (name, own) in entry {
                let mut options = all.clone();
                if let Value::Object(own) = own {
                    options.read(own)?;
                }
                fields.push((name.clone(), options));
            }
        }
        Ok((!fields.is_empty()).then_some(Self { fields }))
    }
}

// === impl Options ===

impl Options {
    fn read(&mut self, spec: &Map<String, Value>) -> ApiResult<()> {
        let tag = |key: &str| dsl::list(spec.get(key)).first().map(dsl::text);
        let size = |key: &str| -> ApiResult<Option<usize>> {
            match spec.get(key) {
                None | Some(Value::Null) => Ok(None),
                Some(value) => {
                    let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
                    number
                        .and_then(|number| usize::try_from(number).ok())
                        .map(Some)
                        .ok_or_else(|| {
                            ApiError::argument(format!(
                                "[highlight] [{key}] must be a number from 0, not [{value}]"
                            ))
                        })
                }
            }
        };
        if spec.get("tags_schema").and_then(Value::as_str) == Some("styled") {
            "<em class=\"hlt1\">".clone_into(&mut self.pre_tag);
            "</em>".clone_into(&mut self.post_tag);
        }
        if let Some(text) = tag("pre_tags") {
            self.pre_tag = text;
        }
        if let Some(text) = tag("post_tags") {
            self.post_tag = text;
        }
        self.fragment_size = size("fragment_size")?.unwrap_or(self.fragment_size);
        self.number_of_fragments = size("number_of_fragments")?.unwrap_or(self.number_of_fragments);
        self.no_match_size = size("no_match_size")?.unwrap_or(self.no_match_size);
        if let Some(order) = spec.get("order").and_then(Value::as_str) {
            self.by_score = order == "score";
        }
        if let Some(flag) = spec.get("require_field_match") {
            self.require_field_match = flag != &Value::Bool(false) && flag != "false";
        }
        if let Some(query) = spec.get("highlight_query") {
            self.query = Some(dsl::parse(query)?);
        }
        if spec.contains_key("matched_fields") {
            self.matched_fields = dsl::list(spec.get("matched_fields"))
                .iter()
                .map(dsl::text)
                .collect();
        }
        if let Some(encoder) = spec.get("encoder").and_then(Value::as_str) {
            self.html = encoder == "html";
        }
        self.max_analyzed = size("max_analyzer_offset")?
            .or(size("max_analyzed_offset")?)
            .or(self.max_analyzed);
        if let Some(kind) = spec.get("type").and_then(Value::as_str) {
            self.plain = kind == "plain";
        }
        match spec.get("type").and_then(Value::as_str) {
            None
            | Some("unified" | "plain" | "fvh" | "fast-vector-highlighter" | "highlighter" | "postings") => {
                Ok(())
            }
            Some(other) => Err(ApiError::argument(format!(
                "unknown highlighter type [{other}], use unified, plain or fvh"
            ))),
        }
    }
}
