//! Editing fields: rename, remove, keep, lowercase, set; and `direct` and `drop`, which need no field.

use punt_lucene::has_wildcard;

use super::{Draft, Outcome, Scratch, Template, Transform};
use crate::config::Scalar;
use crate::meter::Count;

/// Does nothing, as Punt's `direct`.
pub(crate) struct Direct;

/// Drops every event.
pub(crate) struct DropAll;

/// Gives fields other names, in the order of the old ones.
pub(crate) struct Rename(pub(crate) Vec<(String, String)>);

/// Removes fields.
pub(crate) struct Remove(pub(crate) Names);

/// Removes all other fields but `@timestamp`, without which no engine can place an event.
pub(crate) struct Keep(pub(crate) Names);

/// Writes texts in lower case.
pub(crate) struct Lowercase(pub(crate) Names);

/// Gives fields values.
pub(crate) struct Set {
    pub(crate) fields: Vec<(String, Assigned)>,
    pub(crate) overwrite: bool,
}

/// A value to be.
pub(crate) enum Assigned {
    /// As JSON.
    Fixed(Vec<u8>),
    Template(Template),
}

/// Names of fields, and patterns for names.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    exact: Vec<String>,
    patterns: Vec<regex::Regex>,
}

// === impl Names ===

impl Names {
    pub(crate) fn new(names: &[String]) -> Result<Self, String> {
        let (patterns, exact): (Vec<_>, Vec<_>) = names.iter().cloned().partition(|name| has_wildcard(name));
        if names.iter().any(String::is_empty) {
            return Err("a field has an empty name".to_owned());
        }
        let compile = |pattern: &String| {
            let text = regex::escape(pattern).replace("\\*", ".*").replace("\\?", ".");
            regex::Regex::new(&format!("^(?s:{text})$")).map_err(|error| error.to_string())
        };
        Ok(Self {
            exact,
            patterns: patterns.iter().map(compile).collect::<Result<_, _>>()?,
        })
    }

    /// Whether one of them means this field: by its name, or by the name of an object that it is in.
    pub(crate) fn mean(&self, name: &str) -> bool {
        let exact = |known: &String| {
            name.strip_prefix(known.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.exact.iter().any(exact) || self.patterns.iter().any(|pattern| pattern.is_match(name))
    }

    /// Whether one of them means this field, or one that is inside it.
    pub(crate) fn reach(&self, name: &str) -> bool {
        let inside = |known: &String| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        self.mean(name) || self.exact.iter().any(inside)
    }

    /// Runs `edit` for each field of the draft that is meant.
    fn each(&self, draft: &mut Draft, mut edit: impl FnMut(&mut Draft, &str)) {
        for name in &self.exact {
            edit(draft, name);
        }
        if self.patterns.is_empty() {
            return;
        }
        let found: Vec<String> = draft
            .members()
            .map(|(key, _)| punt_json::unescape(key).into_owned())
            .filter(|name| self.patterns.iter().any(|pattern| pattern.is_match(name)))
            .collect();
        for name in found {
            edit(draft, &name);
        }
    }
}

// === impl Assigned ===

impl Assigned {
    pub(crate) fn new(value: &Scalar) -> Result<Self, String> {
        let mut json = Vec::new();
        match value {
            Scalar::Bool(value) => json.extend_from_slice(value.to_string().as_bytes()),
            Scalar::Whole(value) => json.extend_from_slice(value.to_string().as_bytes()),
            Scalar::Real(value) if value.is_finite() => json.extend_from_slice(value.to_string().as_bytes()),
            Scalar::Real(value) => return Err(format!("{value} is no number of JSON")),
            Scalar::Text(text) if text.contains(['{', '}']) => {
                return Template::parse(text).map(Self::Template);
            }
            Scalar::Text(text) => punt_json::write_text(&mut json, text),
        }
        Ok(Self::Fixed(json))
    }
}

// === impl Transform ===

impl Transform for Direct {
    fn apply(&self, _: &mut Draft, _: &mut Scratch) -> Outcome {
        Outcome::Pass
    }
}

impl Transform for DropAll {
    fn apply(&self, _: &mut Draft, _: &mut Scratch) -> Outcome {
        Outcome::Drop(Count::DroppedCondition)
    }
}

impl Transform for Rename {
    fn apply(&self, draft: &mut Draft, _: &mut Scratch) -> Outcome {
        for (from, to) in &self.0 {
            draft.rename(from, to);
        }
        Outcome::Pass
    }
}

impl Transform for Remove {
    fn apply(&self, draft: &mut Draft, _: &mut Scratch) -> Outcome {
        self.0.each(draft, |draft, name| {
            draft.remove(name);
        });
        Outcome::Pass
    }
}

impl Transform for Keep {
    fn apply(&self, draft: &mut Draft, _: &mut Scratch) -> Outcome {
        draft.retain(|name| name == "@timestamp" || self.0.mean(name));
        Outcome::Pass
    }
}

impl Transform for Lowercase {
    fn apply(&self, draft: &mut Draft, _: &mut Scratch) -> Outcome {
        self.0.each(draft, |draft, name| {
            let lower = match draft.get(name) {
                Some(value @ [b'"', ..]) => punt_json::text(value).map(|text| (text.to_lowercase(), text)),
                _ => None,
            };
            if let Some((lower, text)) = lower
                && *text != lower
            {
                draft.set_text(name, &lower);
            }
        });
        Outcome::Pass
    }
}

impl Transform for Set {
    fn apply(&self, draft: &mut Draft, scratch: &mut Scratch) -> Outcome {
        for (name, value) in &self.fields {
            if !self.overwrite && draft.get(name).is_some_and(|value| value != b"null") {
                continue;
            }
            match value {
                Assigned::Fixed(json) => draft.set_raw(name, json),
                Assigned::Template(template) => match template.only_field() {
                    // A field alone keeps its type; one that is not there sets nothing.
                    Some(from) => {
                        if let Some(value) = draft.get(from).map(<[u8]>::to_vec) {
                            draft.set_raw(name, &value);
                        }
                    }
                    None => {
                        scratch.text.clear();
                        template.fill(draft, &mut scratch.text);
                        draft.set_text(name, &scratch.text);
                    }
                },
            }
        }
        Outcome::Pass
    }
}
