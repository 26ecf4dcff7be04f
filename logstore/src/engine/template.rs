//! Index templates: what a new index gets. Composable (`_index_template`, with `_component_template`s) and
//! legacy (`_template`); of the composable ones the one with the highest priority wins alone, legacy ones are
//! merged in their order and only when no composable one matches, as in Elasticsearch.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::alias::Alias;
use super::settings::{Settings, nest};
use crate::error::{ApiError, ApiResult};
use crate::hidden::mapping::merge_deep;
use crate::mapping::{Mapping, json, pattern};

/// The kinds of templates, each with its own names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateKind {
    /// `_index_template`.
    Index,
    /// `_component_template`.
    Component,
    /// `_template`.
    Legacy,
}

/// All templates, as they were put.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Templates {
    index: BTreeMap<String, Value>,
    component: BTreeMap<String, Value>,
    legacy: BTreeMap<String, Value>,
}

/// What the templates say of a new index.
#[derive(Debug, Default)]
pub struct Resolved {
    /// Objects of `settings`, `mappings` and `aliases`, in the order in which they apply.
    pub parts: Vec<Map<String, Value>>,
    /// The composable templates that match but lost, with their patterns.
    pub overlapping: Vec<(String, Vec<String>)>,
}

// === impl Templates ===

impl Templates {
    /// The templates of a kind by name.
    pub fn of(&self, kind: TemplateKind) -> &BTreeMap<String, Value> {
        match kind {
            TemplateKind::Index => &self.index,
            TemplateKind::Component => &self.component,
            TemplateKind::Legacy => &self.legacy,
        }
    }

    /// Checks and puts a template.
    pub fn put(&mut self, kind: TemplateKind, name: &str, body: Value) -> ApiResult<()> {
        self.check(kind, name, &body)?;
        self.of_mut(kind).insert(name.to_owned(), body);
        Ok(())
    }

    /// Refuses a template that could not be applied.
    pub fn check(&self, kind: TemplateKind, name: &str, body: &Value) -> ApiResult<()> {
        if !body.is_object() {
            return Err(ApiError::parsing("a template must be an object"));
        }
        if name.contains(['*', ' ', ',', '#']) || name.starts_with('_') || name.is_empty() {
            return Err(ApiError::argument(format!(
                "template name [{name}] must not be empty, start with '_' or contain a space, ',', '#' or '*'"
            )));
        }
        let own = patterns(body);
        if kind != TemplateKind::Component && own.is_empty() {
            return Err(ApiError::validation("index patterns are missing"));
        }
        if kind == TemplateKind::Component && !body.get("template").is_some_and(Value::is_object) {
            return Err(ApiError::argument("[component_template] required [template]"));
        }
        for part in self.parts(kind, name, body)? {
            let mut mapping = Mapping::default();
            if let Some(mappings) = part.get("mappings") {
                json::merge(&mut mapping, mappings)?;
            }
            if let Some(settings) = part.get("settings") {
                Settings::default().merge(settings)?;
            }
            for spec in part
                .get("aliases")
                .and_then(Value::as_object)
                .into_iter()
                .flat_map(Map::values)
            {
                Alias::parse(spec)?;
            }
        }
        if kind == TemplateKind::Index {
            self.check_overlap(name, body, &own)?;
        }
        Ok(())
    }

    /// Two composable templates of one priority must not match one name.
    fn check_overlap(&self, name: &str, body: &Value, own: &[&str]) -> ApiResult<()> {
        let mine = priority(body, "priority");
        for (other, known) in self.index.iter().filter(|(other, _)| *other != name) {
            let theirs = patterns(known);
            let clash = own
                .iter()
                .any(|a| theirs.iter().any(|b| overlap(a.as_bytes(), b.as_bytes())));
            if clash && priority(known, "priority") == mine {
                return Err(ApiError::argument(format!(
                    "index template [{name}] has index patterns [{}] matching patterns from existing templates [{other}] with patterns ({other} => [{}]) that have the same priority [{mine}], multiple index templates may not match during index creation, please use a different priority",
                    own.join(", "),
                    theirs.join(", ")
                )));
            }
        }
        Ok(())
    }

    /// Removes templates whose name matches a pattern, and says how many.
    pub fn remove(&mut self, kind: TemplateKind, name: &str) -> ApiResult<usize> {
        if kind == TemplateKind::Component {
            let users: Vec<&str> = self
                .index
                .iter()
                .filter(|(_, body)| composed_of(body).iter().any(|part| pattern::matches(name, part)))
                .map(|(user, _)| user.as_str())
                .collect();
            let gone = self.component.keys().any(|known| pattern::matches(name, known));
            if gone && !users.is_empty() {
                return Err(ApiError::argument(format!(
                    "component templates [{name}] cannot be removed as they are still in use by index templates [{}]",
                    users.join(", ")
                )));
            }
        }
        let templates = self.of_mut(kind);
        let before = templates.len();
        templates.retain(|known, _| !name.split(',').any(|name| pattern::matches(name, known)));
        Ok(before - templates.len())
    }

    fn of_mut(&mut self, kind: TemplateKind) -> &mut BTreeMap<String, Value> {
        match kind {
            TemplateKind::Index => &mut self.index,
            TemplateKind::Component => &mut self.component,
            TemplateKind::Legacy => &mut self.legacy,
        }
    }

    /// The composable templates that match a name, best first.
    fn composable(&self, name: &str) -> Vec<(&String, &Value)> {
        let mut fits: Vec<_> = self.index.iter().filter(|(_, body)| fits(body, name)).collect();
        fits.sort_by_key(|(_, body)| std::cmp::Reverse(priority(body, "priority")));
        fits
    }

    /// What a new index of a name gets.
    pub fn resolve(&self, name: &str) -> ApiResult<Resolved> {
        let composable = self.composable(name);
        if let Some((first, rest)) = composable.split_first() {
            return Ok(Resolved {
                parts: self.parts(TemplateKind::Index, first.0, first.1)?,
                overlapping: self
                    .legacy
                    .iter()
                    .filter(|(_, body)| fits(body, name))
                    .chain(rest.iter().map(|(name, body)| (*name, *body)))
                    .map(|(name, body)| (name.clone(), owned_patterns(body)))
                    .collect(),
            });
        }
        let mut legacy: Vec<&Value> = self.legacy.values().filter(|body| fits(body, name)).collect();
        legacy.sort_by_key(|body| priority(body, "order"));
        Ok(Resolved {
            parts: legacy.into_iter().filter_map(Value::as_object).cloned().collect(),
            overlapping: Vec::new(),
        })
    }

    /// The templates that may match an index that a template matches, which wins over those of a lower priority.
    pub fn overlapping(&self, own: &str, body: &Value) -> Vec<(String, Vec<String>)> {
        let meets = |other: &Value| {
            patterns(other).iter().any(|theirs| {
                patterns(body)
                    .iter()
                    .any(|ours| overlap(ours.as_bytes(), theirs.as_bytes()))
            })
        };
        let mut found: Vec<(String, Vec<String>)> = self
            .legacy
            .iter()
            .chain(self.index.iter().filter(|(name, _)| *name != own))
            .filter(|(_, other)| meets(other))
            .map(|(name, other)| (name.clone(), owned_patterns(other)))
            .collect();
        found.sort();
        found
    }

    /// The template by which writes to a name make a data stream.
    pub fn data_stream_of(&self, name: &str) -> Option<String> {
        let composable = self.composable(name);
        let (template, body) = composable.first()?;
        body.get("data_stream")
            .filter(|spec| spec.is_object())
            .map(|_| (*template).clone())
    }

    /// Whether the data streams of a template are hidden.
    pub fn is_hidden_stream(&self, template: &str) -> bool {
        self.index
            .get(template)
            .and_then(|body| body.pointer("/data_stream/hidden"))
            .is_some_and(|hidden| hidden == &Value::Bool(true))
    }

    /// What an index would get, as `_simulate` shows it.
    pub fn simulated(parts: &[Map<String, Value>]) -> ApiResult<Value> {
        let (mut settings, mut mappings, mut aliases) = (Settings::default(), json!({}), Map::new());
        for part in parts {
            if let Some(body) = part.get("settings") {
                settings.merge(body)?;
            }
            if let Some(body) = part.get("mappings") {
                merge_deep(&mut mappings, body);
            }
            if let Some(Value::Object(body)) = part.get("aliases") {
                aliases.extend(body.clone());
            }
        }
        Ok(json!({"settings": nest(settings.flat()), "mappings": mappings, "aliases": aliases}))
    }

    /// The objects that hold a template's `settings`, `mappings` and `aliases`, in the order in which they apply.
    pub fn parts(&self, kind: TemplateKind, name: &str, body: &Value) -> ApiResult<Vec<Map<String, Value>>> {
        let own = |body: &Value| {
            body.get("template")
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default()
        };
        if kind == TemplateKind::Legacy {
            return Ok(vec![body.as_object().cloned().unwrap_or_default()]);
        }
        let mut parts = Vec::new();
        let may_lack = body.get("ignore_missing_component_templates");
        for component in composed_of(body) {
            match self.component.get(component) {
                Some(body) => parts.push(own(body)),
                None if may_lack.is_some_and(|names| {
                    names.as_array().is_some_and(|n| n.iter().any(|n| n == component))
                }) => {}
                None => {
                    return Err(ApiError::new(
                        400,
                        "invalid_index_template_exception",
                        format!(
                            "index_template [{name}] invalid, cause [index template [{name}] specifies component templates [{component}] that do not exist]"
                        ),
                    ));
                }
            }
        }
        parts.push(own(body));
        Ok(parts)
    }
}

fn priority(body: &Value, key: &str) -> i64 {
    let value = body.get(key);
    value
        .and_then(Value::as_i64)
        .or_else(|| value?.as_str()?.parse().ok())
        .unwrap_or(0)
}

fn composed_of(body: &Value) -> Vec<&str> {
    body.get("composed_of")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// Whether a template is for an index of this name. One for everything is not for hidden indices.
fn fits(body: &Value, name: &str) -> bool {
    patterns(body)
        .iter()
        .any(|pattern| pattern::matches(pattern, name) && !(*pattern == "*" && name.starts_with('.')))
}

/// `index_patterns`, or `template` as Elasticsearch 5 has it.
fn patterns(body: &Value) -> Vec<&str> {
    match body.get("index_patterns").or_else(|| body.get("template")) {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn owned_patterns(body: &Value) -> Vec<String> {
    patterns(body).into_iter().map(str::to_owned).collect()
}

/// Whether some name matches both patterns, in which `*` stands for anything.
fn overlap(a: &[u8], b: &[u8]) -> bool {
    // `reach[j]`: the pattern read so far and the first `j` bytes of `b` can match one name.
    let mut reach = vec![false; b.len() + 1];
    reach[0] = true;
    for j in 1..=b.len() {
        reach[j] = reach[j - 1] && b[j - 1] == b'*';
    }
    for &x in a {
        let mut next = vec![false; b.len() + 1];
        next[0] = reach[0] && x == b'*';
        for j in 1..=b.len() {
            let y = b[j - 1];
            next[j] = if x == b'*' || y == b'*' {
                reach[j] || next[j - 1] || reach[j - 1]
            } else {
                x == y && reach[j - 1]
            };
        }
        reach = next;
    }
    reach[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(templates: &Templates, name: &str) -> Mapping {
        let mut mapping = Mapping::default();
        for part in templates.resolve(name).unwrap().parts {
            if let Some(body) = part.get("mappings") {
                json::merge(&mut mapping, body).unwrap();
            }
        }
        mapping
    }

    #[test]
    fn the_composable_template_of_highest_priority_wins_over_all_legacy_ones() {
        let mut templates = Templates::default();
        let body = |priority: i64, kind: &str| json!({"index_patterns": ["logs-*"], "priority": priority, "template": {"mappings": {"properties": {"f": {"type": kind}}}}});
        templates
            .put(TemplateKind::Index, "low", body(1, "long"))
            .unwrap();
        templates
            .put(TemplateKind::Index, "high", body(2, "keyword"))
            .unwrap();
        templates
            .put(
                TemplateKind::Legacy,
                "old",
                json!({"index_patterns": ["*"], "mappings": {"properties": {"g": {"type": "ip"}}}}),
            )
            .unwrap();
        let mapping = resolved(&templates, "logs-1");
        assert_eq!(mapping.get("f").unwrap().type_name, "keyword");
        assert!(mapping.get("g").is_none());
        assert_eq!(resolved(&templates, "x").get("g").unwrap().type_name, "ip");
        let error = templates
            .put(TemplateKind::Index, "clash", body(2, "long"))
            .unwrap_err();
        assert!(error.reason.contains("same priority [2]"), "{error}");
    }

    #[test]
    fn a_bad_template_is_refused_when_it_is_put() {
        let mut templates = Templates::default();
        assert!(templates.put(TemplateKind::Index, "a", json!({})).is_err());
        let bad = json!({"index_patterns": ["a"], "template": {"mappings": {"properties": {"f": {"type": "wat"}}}}});
        assert!(templates.put(TemplateKind::Index, "a", bad).is_err());
        let lost = json!({"index_patterns": ["a"], "composed_of": ["nope"]});
        assert!(templates.put(TemplateKind::Index, "a", lost).is_err());
    }

    #[test]
    fn patterns_overlap_when_one_name_fits_both() {
        let overlaps = |a: &str, b: &str| overlap(a.as_bytes(), b.as_bytes());
        assert!(overlaps("logs-*", "logs-app-*"));
        assert!(overlaps("*-prod", "logs-*"));
        assert!(overlaps("a*c", "ab*"));
        assert!(overlaps("a", "a"));
        assert!(!overlaps("logs-*", "metrics-*"));
        assert!(!overlaps("a*b", "a*c"));
    }
}
