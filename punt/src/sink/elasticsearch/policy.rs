//! The engine's own deletion of old indices: a policy of ILM (Elasticsearch) or ISM (OpenSearch).

use std::time::Duration;

use punt_elastic::{Elastic, Error, Lifecycle};
use serde_json::{Value, json};

use super::template;
use crate::config::IndexPattern;

/// A data stream begins a new index after a day or with so many bytes. (A dated index is new each day anyway.)
const ROLLOVER_AGE: &str = "1d";
const ROLLOVER_SIZE: &str = "50gb";

/// The name of the policy.
pub(super) fn name(destination: &IndexPattern) -> String {
    format!("punt-{}", template::name(destination))
}

/// Installs the policy, and has existing indices follow it where the template does not see to that.
pub(super) async fn install(
    engine: &Elastic,
    lifecycle: Lifecycle,
    destination: &IndexPattern,
    max_age: Duration,
    data_stream: bool,
) -> Result<(), Error> {
    let (name, pattern) = (name(destination), format!("{}*", destination.prefix()));
    match lifecycle {
        Lifecycle::Ilm => engine.put_ilm_policy(&name, &ilm(max_age, data_stream)).await,
        Lifecycle::Ism => {
            engine
                .put_ism_policy(&name, &ism(&pattern, max_age, data_stream))
                .await?;
            match engine.add_ism_policy(&pattern, &name).await {
                // There is no index yet.
                Err(error) if error.status() == Some(404) => Ok(()),
                other => other,
            }
        }
    }
}

fn ilm(max_age: Duration, data_stream: bool) -> Value {
    let actions = match data_stream {
        true => json!({ "rollover": { "max_age": ROLLOVER_AGE, "max_size": ROLLOVER_SIZE } }),
        false => json!({}),
    };
    json!({ "policy": { "phases": {
        "hot": { "min_age": "0ms", "actions": actions },
        "delete": { "min_age": seconds(max_age), "actions": { "delete": {} } }
    } } })
}

fn ism(pattern: &str, max_age: Duration, data_stream: bool) -> Value {
    let actions = match data_stream {
        true => json!([{ "rollover": { "min_index_age": ROLLOVER_AGE, "min_size": ROLLOVER_SIZE } }]),
        false => json!([]),
    };
    json!({ "policy": {
        "description": "log records, installed by punt",
        "default_state": "hot",
        "states": [
            { "name": "hot", "actions": actions, "transitions": [
                { "state_name": "delete", "conditions": { "min_index_age": seconds(max_age) } }
            ] },
            { "name": "delete", "actions": [{ "delete": {} }], "transitions": [] }
        ],
        "ism_template": [{ "index_patterns": [pattern], "priority": 200 }]
    } })
}

/// Engines read `s` for seconds, and no fractions.
fn seconds(age: Duration) -> String {
    format!("{}s", age.as_secs().max(1))
}
