//! The law of the counters with transforms in the way: received = sent + buffered + counted.

use serde_json::Value;

use crate::process::Punt;
use crate::wait::until;

/// The component of this kind and name.
pub(crate) fn component<'a>(stats: &'a Value, kind: &str, name: &str) -> &'a Value {
    let components = stats["components"]
        .as_array()
        .expect("statistics have components");
    components
        .iter()
        .find(|component| component["kind"] == kind && component["name"] == name)
        .expect("the component is there")
}

pub(crate) fn count(component: &Value, name: &str) -> u64 {
    component["counters"][name].as_u64().unwrap_or_default()
}

fn dropped(component: &Value) -> u64 {
    let reasons = component["dropped"].as_object();
    reasons.map_or(0, |reasons| reasons.values().filter_map(Value::as_u64).sum())
}

/// With nothing in flight and one sink: what the sources received is acknowledged, dead-lettered, buffered or dropped
/// with a reason; and what a transform received it emitted, dead-lettered or dropped.
pub(crate) fn assert_law(punt: &Punt) {
    until("received = sent + buffered + counted", || {
        let stats = punt.stats();
        let components = stats["components"].as_array()?;
        let (mut came, mut went) = (0, 0);
        for component in components {
            let (received, dead) = (count(component, "received"), count(component, "dead_lettered"));
            match component["kind"].as_str()? {
                "source" => {
                    came += received;
                    went += dropped(component);
                }
                "transform" => {
                    let out = count(component, "emitted") + dead + dropped(component);
                    assert_eq!(received, out, "{stats}");
                    went += dead + dropped(component);
                }
                "router" => went += dropped(component),
                "sink" => {
                    went += count(component, "acknowledged") + dead + dropped(component);
                    went += component["buffer"]["events"].as_u64().unwrap_or_default();
                }
                _ => {}
            }
        }
        (came == went).then_some(())
    });
}
