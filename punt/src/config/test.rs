//! `[[tests]]`: what should become of some input, checked by `punt test`.

use std::collections::BTreeMap;

use serde::Deserialize;

/// One test.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestConfig {
    /// What it shows.
    pub(crate) name: String,
    /// What comes in, in this order.
    pub(crate) inputs: Vec<InputConfig>,
    /// What must have come to the sinks.
    #[serde(default)]
    pub(crate) outputs: Vec<OutputConfig>,
    /// How many of the inputs must have come to no sink.
    pub(crate) dropped: Option<usize>,
}

/// One input. Either `raw` or `record`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InputConfig {
    /// The source that it comes in at.
    pub(crate) source: String,
    /// A line, frame or datagram, as the source reads it.
    pub(crate) raw: Option<String>,
    /// A record, as if the source had parsed it already.
    pub(crate) record: Option<toml::Table>,
}

/// What one of the events that came to a sink must be.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutputConfig {
    /// The sink.
    pub(crate) sink: String,
    /// How many events must have come to it.
    pub(crate) events: Option<usize>,
    /// Fields and the values that they must have.
    #[serde(default)]
    pub(crate) fields: BTreeMap<String, toml::Value>,
    /// Fields and the regular expressions that they must match.
    #[serde(default)]
    pub(crate) matching: BTreeMap<String, String>,
    /// Fields that must not be there.
    #[serde(default)]
    pub(crate) absent: Vec<String>,
}

// === impl TestConfig ===

impl TestConfig {
    /// What is wrong with it, given the names of sources and sinks.
    pub(super) fn faults(&self, sources: &[&str], sinks: &[&str]) -> Vec<String> {
        let mut faults = Vec::new();
        if self.inputs.is_empty() {
            faults.push("inputs is empty, and nothing would be tested".to_owned());
        }
        if self.outputs.is_empty() && self.dropped.is_none() {
            faults.push("neither outputs nor dropped is given, and nothing would be tested".to_owned());
        }
        for input in &self.inputs {
            if !sources.contains(&input.source.as_str()) {
                faults.push(format!("there is no source {:?}", input.source));
            }
            if input.raw.is_some() == input.record.is_some() {
                faults.push("an input has either `raw` or `record`".to_owned());
            }
        }
        for output in &self.outputs {
            if !sinks.contains(&output.sink.as_str()) {
                faults.push(format!("there is no sink {:?}", output.sink));
            }
            for (field, pattern) in &output.matching {
                if let Err(error) = regex::Regex::new(pattern) {
                    faults.push(format!("matching.{field}: {error}"));
                }
            }
        }
        faults
    }
}
