//! The suite: its files, and the tests in them.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::spec::Specification;
use crate::step::Step;
use crate::yaml;

/// The suite's artifact.
const ARTIFACT: &str = "org.opensearch:rest-api-spec:3.0.0";

/// What the runner can do of what a test may ask for; a test that asks for more is skipped, as the suite's rules say.
const FEATURES: [&str; 10] = [
    "allowed_warnings",
    "arbitrary_key",
    "contains",
    "default_shards",
    "headers",
    "node_selector",
    "regex",
    "stash_in_path",
    "warnings",
    "yaml",
];

/// A test.
#[derive(Debug, Clone)]
pub struct Test {
    /// `search/20_default_values.yml: Basic search`.
    pub name: String,
    pub(crate) steps: Vec<Step>,
    pub(crate) teardown: Vec<Step>,
    /// Why it does not apply to the presented version or to this runner.
    pub skip: Option<String>,
}

/// All tests and APIs.
#[derive(Debug)]
pub struct Suite {
    /// The APIs that tests call.
    pub specification: Specification,
    /// The tests, by file.
    pub tests: Vec<Test>,
}

// === impl Suite ===

impl Suite {
    /// Fetches the suite from its registry, and reads it for an engine that presents `version`.
    pub fn fetch(version: &str) -> anyhow::Result<Self> {
        let folder = engines::artifact("rest-api-spec-3.0.0", ARTIFACT)?;
        Self::read(&folder.join("rest-api-spec-3.0.0.jar"), version)
    }

    fn read(jar: &Path, version: &str) -> anyhow::Result<Self> {
        let file = std::fs::File::open(jar).with_context(|| format!("opening {}", jar.display()))?;
        let mut archive = zip::ZipArchive::new(file).with_context(|| format!("reading {}", jar.display()))?;
        let mut suite = Self {
            specification: Specification::default(),
            tests: Vec::new(),
        };
        let names = archive
            .file_names()
            .map(|name| name.map(std::borrow::Cow::into_owned));
        let mut names = names.collect::<Result<Vec<String>, _>>()?;
        names.sort();
        for name in names {
            let mut text = String::new();
            if name.starts_with("rest-api-spec/api/")
                && name.ends_with(".json")
                && !name.ends_with("_common.json")
            {
                archive.by_name(&name)?.read_to_string(&mut text)?;
                suite.specification.add(&text).with_context(|| name.clone())?;
            } else if let Some(short) = name.strip_prefix("rest-api-spec/test/")
                && short.ends_with(".yml")
            {
                archive.by_name(&name)?.read_to_string(&mut text)?;
                match yaml::documents(&text) {
                    Ok(documents) => suite
                        .add(short, documents, version)
                        .with_context(|| name.clone())?,
                    // An integer beyond 64 bits, in one file.
                    Err(error) => suite.tests.push(Test {
                        name: format!("{short}: all"),
                        steps: Vec::new(),
                        teardown: Vec::new(),
                        skip: Some(format!("{error:#}")),
                    }),
                }
            }
        }
        ensure!(!suite.tests.is_empty(), "{} has no tests", jar.display());
        Ok(suite)
    }

    fn add(&mut self, file: &str, documents: Vec<Value>, version: &str) -> anyhow::Result<()> {
        let mut setup = Vec::new();
        let mut teardown = Vec::new();
        let mut skip_all = None;
        for document in documents {
            for (name, section) in document.as_object().into_iter().flatten() {
                let items = section.as_array().map(Vec::as_slice).unwrap_or_default();
                let skip = items.iter().find_map(|item| skip(item.get("skip")?, version));
                let steps = items.iter().map(Step::parse).collect::<anyhow::Result<Vec<_>>>();
                let steps = steps.with_context(|| name.clone())?;
                match name.as_str() {
                    "setup" => {
                        setup = steps;
                        skip_all = skip;
                    }
                    "teardown" => teardown = steps,
                    _ => self.tests.push(Test {
                        name: format!("{file}: {name}"),
                        steps: setup.iter().cloned().chain(steps).collect(),
                        teardown: teardown.clone(),
                        skip: skip.or_else(|| skip_all.clone()),
                    }),
                }
            }
        }
        Ok(())
    }
}

/// Why a `skip` section applies, if it does.
fn skip(section: &Value, version: &str) -> Option<String> {
    let reason = section["reason"]
        .as_str()
        .unwrap_or("no reason given")
        .trim()
        .to_owned();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if let Some(range) = section.get("version").map(text)
        && within(&range, version)
    {
        return Some(format!("version {range}: {reason}"));
    }
    let features = match section.get("features") {
        Some(Value::Array(features)) => features.iter().map(text).collect(),
        Some(features) => text(features)
            .split(',')
            .map(|feature| feature.trim().to_owned())
            .collect(),
        None => Vec::new(),
    };
    let unknown = features
        .into_iter()
        .find(|feature| !FEATURES.contains(&feature.as_str()))?;
    Some(format!("needs the feature {unknown}"))
}

/// `all`, `7.5.0 - 7.9.99`, ` - 2.99.99`, `3.1.0 - `, or several of them with commas.
fn within(ranges: &str, version: &str) -> bool {
    // OpenSearch 1 follows Elasticsearch 7.
    let number = |text: &str| -> Option<(bool, Vec<u32>)> {
        let parts = text
            .trim()
            .split('.')
            .map(|part| part.parse().ok())
            .collect::<Option<Vec<u32>>>()?;
        Some((parts[0] < 5, parts))
    };
    let version = number(version);
    ranges.split(',').any(|range| {
        if range.trim() == "all" {
            return true;
        }
        let Some((from, to)) = range.split_once('-') else {
            return false;
        };
        let least = number(from).is_none_or(|from| version.as_ref() >= Some(&from));
        let most = number(to).is_none_or(|to| version.as_ref() <= Some(&to));
        least && most
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_ranges_are_open_or_closed() {
        assert!(within("all", "3.0.0"));
        assert!(within(" - 3.0.0", "3.0.0"));
        assert!(within("2.9.0 - ", "3.0.0"));
        assert!(!within(" - 2.99.99", "3.0.0"));
        assert!(within(" - 7.3.99", "7.2.0"));
        assert!(within("7.4.0 - ", "3.0.0"));
        assert!(!within(" - 7.3.99", "3.0.0"));
        assert!(!within("3.1.0 - 3.2.0", "3.0.0"));
    }
}
