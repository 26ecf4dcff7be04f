//! The answer to `GET /`, by which clients decide what they talk to.

use serde_json::{Value, json};

use super::Presented;

/// The name of the cluster in answers.
pub const CLUSTER_NAME: &str = "guildwatch";

/// When what is presented was built, in answers.
const BUILT: &str = "2026-01-01T00:00:00.000000000Z";

/// `GET /`.
pub fn info(presented: Presented, node: &str, cluster_uuid: &str) -> Value {
    let number = presented.number();
    let hash = env!("CARGO_PKG_VERSION");
    let version = match presented {
        Presented::V5_6 => json!({
            "number": number,
            "build_hash": hash,
            "build_date": BUILT,
            "build_snapshot": false,
            "lucene_version": "6.6.1",
        }),
        Presented::OpenSearch3 => json!({
            "distribution": "opensearch",
            "number": number,
            "build_type": "tar",
            "build_hash": hash,
            "build_date": BUILT,
            "build_snapshot": false,
            "lucene_version": "10.1.0",
            "minimum_wire_compatibility_version": "2.19.0",
            "minimum_index_compatibility_version": "2.0.0",
        }),
        Presented::V7_10 | Presented::V7_17 | Presented::V8 => {
            let (lucene, wire, index) = match presented {
                Presented::V7_10 => ("8.7.0", "6.8.0", "6.0.0-beta1"),
                Presented::V8 => ("9.12.0", "7.17.0", "7.0.0"),
                _ => ("8.11.3", "6.8.0", "6.0.0-beta1"),
            };
            json!({
                "number": number,
                "build_flavor": "default",
                "build_type": "tar",
                "build_hash": hash,
                "build_date": BUILT,
                "build_snapshot": false,
                "lucene_version": lucene,
                "minimum_wire_compatibility_version": wire,
                "minimum_index_compatibility_version": index,
            })
        }
    };
    let tagline = match presented {
        Presented::OpenSearch3 => "The OpenSearch Project: https://opensearch.org/",
        _ => "You Know, for Search",
    };
    json!({
        "name": node,
        "cluster_name": CLUSTER_NAME,
        "cluster_uuid": cluster_uuid,
        "version": version,
        "tagline": tagline,
    })
}
