//! Reading the file, and finding all of its faults rather than the first.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{
    ActionConfig, AlertConfig, Config, ProcessConfig, RouteConfig, SinkConfig, SourceConfig, TransformConfig,
};
use crate::transform;

/// Everything that is wrong with a configuration file.
#[derive(Debug)]
pub(crate) struct Faults {
    path: PathBuf,
    faults: BTreeSet<(usize, String)>,
}

struct Collect<'i> {
    text: &'i str,
    faults: BTreeSet<(usize, String)>,
}

/// Reads and checks the file.
pub(crate) fn load(path: &Path) -> Result<Config, Faults> {
    let refuse = |faults| Faults {
        path: path.to_owned(),
        faults,
    };
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&text).map_err(refuse),
        Err(error) => Err(refuse(BTreeSet::from([(0, format!("cannot read it: {error}"))]))),
    }
}

fn parse(text: &str) -> Result<Config, BTreeSet<(usize, String)>> {
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
    let mut top = table.into_inner();
    let source_transforms = collect.lists(&mut top, "sources", "transforms");
    let sources = collect.named::<SourceConfig>(&mut top, "sources", SourceConfig::faults);
    let transforms = collect.named::<TransformConfig>(&mut top, "transforms", transform::faults);
    let alerts = collect.named::<AlertConfig>(&mut top, "alerts", AlertConfig::faults);
    let actions = collect.named::<ActionConfig>(&mut top, "actions", ActionConfig::faults);
    let routes = collect.named::<RouteConfig>(&mut top, "routes", |_| Vec::new());
    let sinks = collect.named::<SinkConfig>(&mut top, "sinks", |sink| match sink {
        SinkConfig::Elasticsearch(sink) => sink.faults(),
    });
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
        }),
        _ => Err(collect.faults),
    }
}

// === impl Collect ===

impl Collect<'_> {
    fn fault(&mut self, span: Option<Range<usize>>, fault: String) {
        let line = span.map_or(0, |span| {
            let before = self.text.get(..span.start).unwrap_or(self.text);
            before.bytes().filter(|b| *b == b'\n').count() + 1
        });
        self.faults.insert((line, fault));
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
            if clean || !message.starts_with("missing field") {
                let at = error.span().unwrap_or_else(|| span.clone());
                self.fault(Some(at), format!("{place}{dot}{message}"));
            }
            clean = false;
            if !remove_at_fault(&mut value, error.span(), &message) {
                return None;
            }
        }
    }
}

/// Takes the key out that the error is about: by its place, or by its name in the message, since serde forgets
/// places inside tables that are told apart by `type`.
fn remove_at_fault(value: &mut DeValue<'_>, at: Option<Range<usize>>, message: &str) -> bool {
    let DeValue::Table(table) = value else {
        return false;
    };
    let named = message
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split('`').next());
    let mut culprit = None;
    for (key, value) in table.iter() {
        let by_name = named == Some(key.get_ref().as_ref());
        let by_place = at.as_ref().is_some_and(|at| {
            key.span() == *at || (value.span().start <= at.start && at.end <= value.span().end)
        });
        if by_name || by_place {
            culprit = Some(key.clone());
            break;
        }
    }
    culprit.is_some_and(|key| table.remove(&key).is_some())
}

// === impl Faults ===

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, count) = (self.path.display(), self.faults.len());
        let plural = if count == 1 { "fault" } else { "faults" };
        write!(f, "{count} {plural} in the configuration")?;
        for (line, fault) in &self.faults {
            match line {
                0 => write!(f, "\n  {path}: {fault}")?,
                line => write!(f, "\n  {path}:{line}: {fault}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

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
        parse(text).map(drop).unwrap_err().into_iter().collect()
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
