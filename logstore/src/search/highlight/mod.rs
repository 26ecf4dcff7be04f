//! `highlight`: the parts of a hit's text that the query matched, between tags.
//!
//! Nothing is indexed for it: the stored text is analysed again ([`marks`]) and cut into fragments as the unified
//! highlighter of Elasticsearch cuts it ([`fragment`]). The other two types are accepted and answered alike.

pub mod fragment;
pub mod marks;
pub mod options;

use serde_json::{Map, Value};

pub use options::Highlight;

use crate::document::path;
use crate::mapping::{Field, Kind, Mapping};
use crate::query::Query;
use crate::query::dsl;
use options::Options;

/// The `highlight` of a hit: for each field with a match, its fragments.
///
/// # Errors
/// Says which text is longer than `most` characters, unless the request says how much of it is to be looked at, or the
/// mapping that it was indexed with what highlighting needs.
pub fn highlight(
    asked: &Highlight,
    query: &Query,
    source: &Value,
    mapping: &Mapping,
    most: usize,
) -> Result<Map<String, Value>, String> {
    let mut out = Map::new();
    let marks = marks::collect(query);
    for (name, options) in &asked.fields {
        let own = options.query.as_ref().map(marks::collect);
        for field in mapping.matching(name) {
            if !matches!(field.kind, Kind::Text | Kind::Keyword | Kind::Flattened)
                || out.contains_key(&*field.path)
            {
                continue;
            }
            let has_offsets = !options.plain
                && field
                    .params
                    .get("index_options")
                    .is_some_and(|kept| kept == "offsets");
            if options.max_analyzed.is_none() && !has_offsets {
                let long = path::values(source, &field.path)
                    .into_iter()
                    .map(dsl::text)
                    .any(|text| text.len() > most && text.chars().count() > most);
                if long {
                    return Err(format!(
                        "The length of [{}] has exceeded [{most}] - maximum allowed to be analyzed for highlighting. This maximum can be set by changing the [index.highlight.max_analyzed_offset] index level setting. For large texts, indexing with offsets or term vectors is recommended!",
                        field.path
                    ));
                }
            }
            let fragments = one(&field, own.as_deref().unwrap_or(&marks), options, source, mapping);
            if !fragments.is_empty() {
                out.insert(field.path.to_string(), fragments.into());
            }
        }
    }
    Ok(out)
}

fn one(
    field: &Field,
    marks: &[(String, marks::Mark)],
    options: &Options,
    source: &Value,
    mapping: &Mapping,
) -> Vec<String> {
    let names: Vec<&str> = std::iter::once(&*field.path)
        .chain(options.matched_fields.iter().map(String::as_str))
        .collect();
    let wanted = marks::Wanted::of(marks, field, options.require_field_match.then_some(&names));
    if wanted.is_empty() && options.no_match_size == 0 {
        return Vec::new();
    }
    // A multi-field has the values of the field it belongs to.
    let from = if mapping.multi.contains_key(&field.path) {
        field
            .path
            .rsplit_once('.')
            .map_or(&*field.path, |(parent, _)| parent)
    } else {
        &field.path
    };
    let texts: Vec<String> = path::values(source, from)
        .into_iter()
        .map(dsl::text)
        .filter(|text| field.kind == Kind::Text || field.takes(text))
        .collect();
    let spans: Vec<Vec<marks::Span>> = texts.iter().map(|text| wanted.find(text, field)).collect();
    fragment::fragments(&texts, &spans, options)
}
