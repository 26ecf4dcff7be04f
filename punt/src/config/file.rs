//! Reading the file, and finding all of its faults rather than the first.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{Fault, Faults, with_suggestion};
use super::variable;
use super::{
    ActionConfig, AlertConfig, Config, ProcessConfig, RouteConfig, SinkConfig, SourceConfig, TestConfig,
    TransformConfig,
};
use crate::{legacy, transform};

struct Collect<'i> {
    text: &'i str,
    faults: BTreeSet<Fault>,
}

/// Reads and checks the file.
pub(crate) fn load(path: &Path) -> Result<Config, Faults> {
    let refuse = |faults| Faults {
        path: path.to_owned(),
        faults,
    };
    match std::fs::read_to_string(path) {
        Ok(text) if is_original(path) => {
            let folder = path.parent().unwrap_or(Path::new(""));
            match legacy::read(&text, folder) {
                (Some(converted), report) => {
                    let config = parse(&converted).map_err(refuse)?;
                    Ok(Config {
                        converted: Some(report),
                        ..config
                    })
                }
                (None, report) => Err(refuse(report.faults.into_iter().map(Fault::of_file).collect())),
            }
        }
        Ok(text) => parse(&text).map_err(refuse),
        Err(error) => Err(refuse(BTreeSet::from([Fault::of_file(format!(
            "cannot read it: {error}"
        ))]))),
    }
}

/// Whether it is a configuration of the original Punt, which knew JSON only.
fn is_original(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
}

fn parse(text: &str) -> Result<Config, BTreeSet<Fault>> {
    let mut collect = Collect {
        text,
        faults: BTreeSet::new(),
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        collect.fault(error.span(), error.message().to_owned());
    }
    if !errors.is_empty() {
        return Err(collect.faults);
    }
    let whole = table.span();
    let mut whole_table = Spanned::new(whole.clone(), DeValue::Table(table.into_inner()));
    collect.expand(&mut whole_table);
    let as_read = toml::Table::deserialize(toml::de::ValueDeserializer::from(whole_table.clone()));
    let as_read = as_read.unwrap_or_default();
    let DeValue::Table(mut top) = whole_table.into_inner() else {
        return Err(collect.faults);
    };
    let source_transforms = collect.lists(&mut top, "sources", "transforms");
    let sources = collect.named::<SourceConfig>(&mut top, "sources", SourceConfig::faults);
    let transforms = collect.named::<TransformConfig>(&mut top, "transforms", transform::faults);
    let alerts = collect.named::<AlertConfig>(&mut top, "alerts", AlertConfig::faults);
    let actions = collect.named::<ActionConfig>(&mut top, "actions", ActionConfig::faults);
    let routes = collect.named::<RouteConfig>(&mut top, "routes", |_| Vec::new());
    let sinks = collect.named::<SinkConfig>(&mut top, "sinks", SinkConfig::faults);
    let tests = collect.tests(&mut top, &sources, &sinks);
    let process: Option<ProcessConfig> = collect.table("", Spanned::new(whole, DeValue::Table(top)));
    if sources.is_empty() && collect.faults.is_empty() {
        collect.fault(None, "there is no source: add a [sources.NAME] table".to_owned());
    }
    if sinks.is_empty() && collect.faults.is_empty() {
        collect.fault(None, "there is no sink: add a [sinks.NAME] table".to_owned());
    }
    if sinks.len() > 64 {
        collect.fault(None, format!("there are {} sinks; 64 are possible", sinks.len()));
    }
    for (name, span, route) in &routes {
        for sink in &route.sinks {
            if collect.faults.is_empty() && !sinks.iter().any(|(known, _, _)| known == sink) {
                collect.fault(
                    Some(span.clone()),
                    format!("routes.{name}: there is no sink {sink:?}"),
                );
            }
        }
    }
    for (name, span, alert) in &alerts {
        let known = actions.iter().any(|(known, _, _)| *known == alert.action);
        if collect.faults.is_empty() && !known {
            let fault = format!("alerts.{name}: there is no action {:?}", alert.action);
            collect.fault(Some(span.clone()), fault);
        }
    }
    let of_sources = source_transforms
        .iter()
        .map(|(name, (span, list))| (format!("sources.{name}"), span, list));
    let of_routes = routes
        .iter()
        .map(|(name, span, route)| (format!("routes.{name}"), span, &route.transforms));
    let unknown: Vec<_> = of_sources
        .chain(of_routes)
        .flat_map(|(place, span, list)| list.iter().map(move |name| (place.clone(), span, name)))
        .filter(|(_, _, name)| !transforms.iter().any(|(known, _, _)| known == *name))
        .map(|(place, span, name)| (span.clone(), format!("{place}: there is no transform {name:?}")))
        .collect();
    if collect.faults.is_empty() {
        for (span, fault) in unknown {
            collect.fault(Some(span), fault);
        }
    }
    match process {
        Some(process) if collect.faults.is_empty() => Ok(Config {
            process,
            sources: sources
                .into_iter()
                .map(|(name, _, config)| (name, config))
                .collect(),
            source_transforms: source_transforms
                .into_iter()
                .map(|(name, (_, list))| (name, list))
                .collect(),
            transforms: transforms
                .into_iter()
                .map(|(name, _, config)| (name, config))
                .collect(),
            alerts: alerts
                .into_iter()
                .map(|(name, _, config)| (name, config))
                .collect(),
            actions: actions
                .into_iter()
                .map(|(name, _, config)| (name, config))
                .collect(),
            routes: routes
                .into_iter()
                .map(|(name, _, config)| (name, config))
                .collect(),
            sinks: sinks
                .into_iter()
                .map(|(name, _, config)| (name, config))
                .collect(),
            tests,
            table: as_read,
            converted: None,
        }),
        _ => Err(collect.faults),
    }
}

// === impl Collect ===

impl Collect<'_> {
    fn fault(&mut self, span: Option<Range<usize>>, fault: String) {
        let (line, column) = span.map_or((0, 0), |span| {
            let before = self.text.get(..span.start).unwrap_or(self.text);
            let line = before.rsplit('\n').next().unwrap_or(before);
            let number = before.bytes().filter(|b| *b == b'\n').count();
            (number + 1, line.chars().count() + 1)
        });
        let text = with_suggestion(&fault);
        self.faults.insert(Fault { line, column, text });
    }

    /// Puts the environment's values where the texts name them.
    fn expand(&mut self, value: &mut Spanned<DeValue<'_>>) {
        let span = value.span();
        match value.get_mut() {
            DeValue::String(text) if text.contains("${") => {
                match variable::expand(text, |name| std::env::var(name).ok()) {
                    Ok(expanded) => *text = expanded.into(),
                    Err(reason) => self.fault(Some(span), reason),
                }
            }
            DeValue::Array(values) => values.iter_mut().for_each(|value| self.expand(value)),
            DeValue::Table(table) => table.iter_mut().for_each(|(_, value)| self.expand(value)),
            _ => {}
        }
    }

    /// Takes the key `key`, a list of names, out of each table `[section.NAME]`: it is the same for all types.
    fn lists(
        &mut self,
        top: &mut DeTable<'_>,
        section: &str,
        key: &str,
    ) -> BTreeMap<String, (Range<usize>, Vec<String>)> {
        let mut found = BTreeMap::new();
        let Some(DeValue::Table(tables)) = top.get_mut(section).map(Spanned::get_mut) else {
            return found;
        };
        let mut lists = Vec::new();
        for (name, value) in tables.iter_mut() {
            if let DeValue::Table(table) = value.get_mut()
                && let Some(list) = table.remove(key)
            {
                lists.push((name.get_ref().as_ref().to_owned(), list));
            }
        }
        for (name, list) in lists {
            let span = list.span();
            match Vec::<String>::deserialize(toml::de::ValueDeserializer::from(list)) {
                Ok(list) => drop(found.insert(name, (span, list))),
                Err(error) => self.fault(
                    Some(span),
                    format!("{section}.{name}: {key}: {}", error.message()),
                ),
            }
        }
        found
    }

    /// The tables `[[tests]]`, in the order of the file.
    fn tests(
        &mut self,
        top: &mut DeTable<'_>,
        sources: &[(String, Range<usize>, SourceConfig)],
        sinks: &[(String, Range<usize>, SinkConfig)],
    ) -> Vec<TestConfig> {
        let Some(tests) = top.remove("tests") else {
            return Vec::new();
        };
        let span = tests.span();
        let DeValue::Array(tests) = tests.into_inner() else {
            self.fault(Some(span), "tests is not a list of [[tests]] tables".to_owned());
            return Vec::new();
        };
        let sources: Vec<&str> = sources.iter().map(|(name, _, _)| name.as_str()).collect();
        let sinks: Vec<&str> = sinks.iter().map(|(name, _, _)| name.as_str()).collect();
        let mut found = Vec::new();
        for (number, value) in tests.into_iter().enumerate() {
            let (span, place) = (value.span(), format!("tests[{number}]"));
            if let Some(test) = self.table::<TestConfig>(&place, value) {
                for fault in test.faults(&sources, &sinks) {
                    self.fault(Some(span.clone()), format!("{place}: {fault}"));
                }
                found.push(test);
            }
        }
        found
    }

    /// The tables `[section.NAME]`, in the order of the file.
    fn named<T: DeserializeOwned>(
        &mut self,
        top: &mut DeTable<'_>,
        section: &str,
        faults: fn(&T) -> Vec<String>,
    ) -> Vec<(String, Range<usize>, T)> {
        let Some(tables) = top.remove(section) else {
            return Vec::new();
        };
        let span = tables.span();
        let DeValue::Table(tables) = tables.into_inner() else {
            self.fault(Some(span), format!("{section} is not a table of named {section}"));
            return Vec::new();
        };
        let mut found = Vec::new();
        for (name, value) in tables {
            let span = name.span();
            let name = name.into_inner().into_owned();
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            if name.is_empty() || !name.chars().all(plain) {
                // Names become folders and metric labels.
                self.fault(
                    Some(span.clone()),
                    format!("{section}.{name}: a name has letters, digits, '-' and '_' only"),
                );
            }
            let place = format!("{section}.{name}");
            if let Some(config) = self.table::<T>(&place, value) {
                for fault in faults(&config) {
                    self.fault(Some(span.clone()), format!("{place}: {fault}"));
                }
                found.push((name, span, config));
            }
        }
        found.sort_by_key(|(_, span, _)| span.start);
        found
    }

    /// Reads one table. serde stops at the first fault, so the key at fault is taken out and the rest is read
    /// again, until nothing more is found.
    fn table<T: DeserializeOwned>(&mut self, place: &str, value: Spanned<DeValue<'_>>) -> Option<T> {
        let span = value.span();
        let mut value = value.into_inner();
        let mut clean = true;
        let dot = if place.is_empty() { "" } else { ": " };
        loop {
            let attempt = toml::de::ValueDeserializer::from(Spanned::new(span.clone(), value.clone()));
            let error = match T::deserialize(attempt) {
                Ok(config) => return clean.then_some(config),
                Err(error) => error,
            };
            // What is missing only because it was taken out is no fault of its own.
            let message = error.message().to_owned();
            let culprit = culprit(&value, error.span(), &message)
                .or_else(|| culprit_by_trial(&span, &value, |v| T::deserialize(v).err(), &message));
            if clean || !message.starts_with("missing field") {
                let (at, key) = match &culprit {
                    Some(key) => (key.span(), format!(".{}", key.get_ref())),
                    None => (error.span().unwrap_or_else(|| span.clone()), String::new()),
                };
                // An unknown key is named by the message already.
                let key = if message.starts_with("unknown field") || place.is_empty() {
                    ""
                } else {
                    &key
                };
                self.fault(Some(at), format!("{place}{key}{dot}{message}"));
            }
            clean = false;
            let DeValue::Table(table) = &mut value else {
                return None;
            };
            if culprit.is_none_or(|key| table.remove(&key).is_none()) {
                return None;
            }
        }
    }
}

/// The key that the error is about: by its place, or by its name in the message, since serde forgets places inside
/// tables that are told apart by `type`.
fn culprit<'v>(
    value: &DeValue<'v>,
    at: Option<Range<usize>>,
    message: &str,
) -> Option<Spanned<Cow<'v, str>>> {
    let DeValue::Table(table) = value else {
        return None;
    };
    let named = message
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split('`').next());
    let found = table.iter().find(|(key, value)| {
        let by_name = named == Some(key.get_ref().as_ref());
        let by_place = at.as_ref().is_some_and(|at| {
            key.span() == *at || (value.span().start <= at.start && at.end <= value.span().end)
        });
        by_name || by_place
    });
    found.map(|(key, _)| key.clone())
}

/// The key without which the error is another one, or none.
fn culprit_by_trial<'v>(
    span: &Range<usize>,
    value: &DeValue<'v>,
    read: impl Fn(toml::de::ValueDeserializer<'v>) -> Option<toml::de::Error>,
    message: &str,
) -> Option<Spanned<Cow<'v, str>>> {
    let DeValue::Table(table) = value else {
        return None;
    };
    if message.starts_with("missing field") {
        return None;
    }
    // Without its `type`, a table is not read at all.
    let found = table.keys().filter(|key| key.get_ref() != "type").find(|key| {
        let mut without = table.clone();
        without.remove(*key);
        let without = Spanned::new(span.clone(), DeValue::Table(without));
        read(toml::de::ValueDeserializer::from(without)).is_none_or(|error| error.message() != message)
    });
    found.cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
data = "/tmp/x"
[sources.in]
type = "syslog"
tcp = "127.0.0.1:0"
[sinks.engine]
type = "elasticsearch"
url = "http://127.0.0.1:9200"
"#;

    fn faults(text: &str) -> Vec<(usize, String)> {
        let faults = parse(text).map(drop).unwrap_err();
        faults.into_iter().map(|fault| (fault.line, fault.text)).collect()
    }

    #[test]
    fn a_short_file_is_enough() {
        let config = parse(GOOD).unwrap();
        assert_eq!(config.sources.len(), 1);
        assert_eq!(config.process.grace, std::time::Duration::from_secs(10));
    }

    #[test]
    fn every_fault_is_reported_with_its_line() {
        let text = GOOD
            .replace("tcp = ", "tpc = 1\nupd = 2\ntcp = ")
            .replace("url = ", "concurrency = 0\nurl = ")
            .replace("data = ", "dataa = 1\ndata = ");
        let found = faults(&text);
        for part in ["dataa", "`tpc`", "`upd`", "concurrency is 0"] {
            assert!(
                found.iter().any(|(_, fault)| fault.contains(part)),
                "{part} in {found:?}"
            );
        }
        assert!(found.iter().all(|(line, _)| *line > 0), "{found:?}");
        assert_eq!(found.len(), 4, "{found:?}");
    }

    #[test]
    fn values_of_a_wrong_type_are_reported_beside_unknown_keys() {
        let text = GOOD.replace(
            "url = ",
            "concurency = 1\nbatch_events = \"many\"\nconcurrency = true\nurl = ",
        );
        let found = faults(&text);
        for part in [
            "did you mean `concurrency`?",
            "sinks.engine.batch_events: invalid type",
            "sinks.engine.concurrency",
        ] {
            assert!(
                found.iter().any(|(_, fault)| fault.contains(part)),
                "{part} in {found:?}"
            );
        }
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn a_route_to_nowhere_is_a_fault() {
        let found = faults(&format!("{GOOD}[routes.r]\nsinks = [\"nowhere\"]\n"));
        assert!(found[0].1.contains("there is no sink \"nowhere\""), "{found:?}");
    }

    #[test]
    fn no_toml_is_no_empty_configuration() {
        assert_eq!(faults("data = ").len(), 1);
        assert!(!faults("").is_empty());
    }
}
