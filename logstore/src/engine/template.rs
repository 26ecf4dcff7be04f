//! Index templates: what a new index gets. Composable (`_index_template`, with `_component_template`s) and
//! legacy (`_template`); of the composable ones the one with the highest priority wins alone, legacy ones are
//! merged in their order and only when no composable one matches, as in Elasticsearch.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::settings::Settings;
use crate::error::{ApiError, ApiResult};
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
        if !body.is_object() {
            return Err(ApiError::parsing("a template must be an object"));
        }
        if kind != TemplateKind::Component && patterns(&body).is_empty() {
            return Err(ApiError::validation("index patterns are missing"));
        }
        for part in self.parts(kind, &body)? {
            let mut mapping = Mapping::default();
            if let Some(mappings) = part.get("mappings") {
                json::merge(&mut mapping, mappings)?;
            }
            if let Some(settings) = part.get("settings") {
                Settings::default().merge(settings)?;
            }
        }
        self.of_mut(kind).insert(name.to_owned(), body);
        Ok(())
    }

    /// Removes templates whose name matches a pattern, and says how many.
    pub fn remove(&mut self, kind: TemplateKind, name: &str) -> usize {
        let templates = self.of_mut(kind);
        let before = templates.len();
        templates.retain(|known, _| !pattern::matches(name, known));
        before - templates.len()
    }

    fn of_mut(&mut self, kind: TemplateKind) -> &mut BTreeMap<String, Value> {
        match kind {
            TemplateKind::Index => &mut self.index,
            TemplateKind::Component => &mut self.component,
            TemplateKind::Legacy => &mut self.legacy,
        }
    }

    /// What a new index of a name gets from the templates.
    pub fn apply(&self, name: &str, settings: &mut Settings, mapping: &mut Mapping) -> ApiResult<()> {
        let mut apply = |part: &Map<String, Value>| -> ApiResult<()> {
            if let Some(body) = part.get("settings") {
                settings.merge(body)?;
            }
            if let Some(body) = part.get("mappings") {
                json::merge(mapping, body)?;
            }
            Ok(())
        };
        let fits = |body: &&Value| {
            patterns(body)
                .iter()
                .any(|pattern| pattern::matches(pattern, name))
        };
        let priority = |body: &Value, key: &str| body.get(key).and_then(Value::as_i64).unwrap_or(0);
        if let Some(body) = self
            .index
            .values()
            .filter(fits)
            .max_by_key(|body| priority(body, "priority"))
        {
            return self
                .parts(TemplateKind::Index, body)?
                .into_iter()
                .try_for_each(|part| apply(&part));
        }
        let mut legacy: Vec<&Value> = self.legacy.values().filter(fits).collect();
        legacy.sort_by_key(|body| priority(body, "order"));
        legacy
            .into_iter()
            .filter_map(Value::as_object)
            .try_for_each(apply)
    }

    /// The objects that hold a template's `settings` and `mappings`, in the order in which they apply.
    fn parts(&self, kind: TemplateKind, body: &Value) -> ApiResult<Vec<Map<String, Value>>> {
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
        for component in body
            .get("composed_of")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let component = component.as_str().unwrap_or_default();
            let body = self
                .component
                .get(component)
                .ok_or_else(|| ApiError::argument(format!("component template [{component}] not found")))?;
            parts.push(own(body));
        }
        parts.push(own(body));
        Ok(parts)
    }
}

/// `index_patterns`, or `template` as Elasticsearch 5 has it.
fn patterns(body: &Value) -> Vec<&str> {
    match body.get("index_patterns").or_else(|| body.get("template")) {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
        let (mut settings, mut mapping) = (Settings::default(), Mapping::default());
        templates.apply("logs-1", &mut settings, &mut mapping).unwrap();
        assert_eq!(mapping.get("f").unwrap().type_name, "keyword");
        assert!(mapping.get("g").is_none());
        let mut other = Mapping::default();
        templates.apply("x", &mut settings, &mut other).unwrap();
        assert_eq!(other.get("g").unwrap().type_name, "ip");
    }

    #[test]
    fn a_bad_template_is_refused_when_it_is_put() {
        let mut templates = Templates::default();
        assert!(templates.put(TemplateKind::Index, "a", json!({})).is_err());
        let bad = json!({"index_patterns": ["a"], "template": {"mappings": {"properties": {"f": {"type": "wat"}}}}});
        assert!(templates.put(TemplateKind::Index, "a", bad).is_err());
    }
}
