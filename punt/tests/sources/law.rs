//! The law of the counters: received = sent + buffered + counted.

use serde_json::Value;

use crate::process::Punt;
use crate::wait::until;

fn count(component: &Value, name: &str) -> u64 {
    component["counters"][name].as_u64().unwrap_or_default()
}

fn dropped(component: &Value) -> u64 {
    let reasons = component["dropped"].as_object();
    reasons.map_or(0, |reasons| reasons.values().filter_map(Value::as_u64).sum())
}

/// With nothing in flight and one sink: what all sources received is acknowledged, dead-lettered, buffered or
/// dropped with a reason.
pub(crate) fn assert_law(punt: &Punt) {
    until("received = sent + buffered + counted", || {
        let stats = punt.stats();
        let components = stats["components"]
            .as_array()
            .expect("statistics have components");
        let (mut came, mut went) = (0, 0);
        for component in components {
            went += dropped(component);
            match component["kind"].as_str() {
                Some("source") => {
                    let received = count(component, "received");
                    let judged = count(component, "parsed") + count(component, "failed");
                    assert_eq!(received, judged, "{stats}");
                    came += received;
                }
                Some("sink") => {
                    went += count(component, "acknowledged") + count(component, "dead_lettered");
                    went += component["buffer"]["events"].as_u64().unwrap_or_default();
                }
                _ => {}
            }
        }
        (came == went).then_some(())
    });
}
