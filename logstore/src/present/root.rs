//! The answer to `GET /`, by which clients decide what they talk to.

use serde_json::{Value, json};

use super::Presented;

/// The name of the cluster in answers.
pub const CLUSTER_NAME: &str = "guildwatch";

/// `GET /`.
pub fn info(presented: Presented, node: &str, cluster_uuid: &str) -> Value {
    match presented {
        Presented::V7_17 => json!({
            "name": node,
            "cluster_name": CLUSTER_NAME,
            "cluster_uuid": cluster_uuid,
            "version": {
                "number": presented.number(),
                "build_flavor": "default",
                "build_type": "tar",
                "build_hash": env!("CARGO_PKG_VERSION"),
                "build_date": "2026-01-01T00:00:00.000000000Z",
                "build_snapshot": false,
                "lucene_version": "8.11.3",
                "minimum_wire_compatibility_version": "6.8.0",
                "minimum_index_compatibility_version": "6.0.0-beta1",
            },
            "tagline": "You Know, for Search",
        }),
    }
}
