//! The published vectors of `ex_hash_ring`, and the law that makes a hash ring consistent.

use chat_ring::{DEFAULT_REPLICAS, Ring};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Published {
    ring: Vec<String>,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    replicas: u32,
    key: String,
    nodes: Vec<String>,
}

#[test]
fn every_published_vector_is_reproduced() {
    let published: Published =
        serde_json::from_str(include_str!("hash_ring_vectors.json")).expect("the file of vectors is JSON");
    assert_eq!(published.vectors.len(), 500);
    for vector in &published.vectors {
        let ring = Ring::new(&published.ring, vector.replicas);
        assert_eq!(
            ring.find_n(&vector.key, 3),
            vector.nodes,
            "{} @ {}",
            vector.key,
            vector.replicas
        );
        assert_eq!(ring.find(&vector.key), vector.nodes.first().map(String::as_str));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn removing_a_node_moves_only_its_keys(nodes in 2_usize..7, gone in 0_usize..7, keys in prop::collection::vec("[a-z0-9]{1,20}", 1..60)) {
        let names: Vec<String> = (0..nodes).map(|index| format!("guilds-{index}")).collect();
        let gone = &names[gone % nodes];
        let before = Ring::new(&names, DEFAULT_REPLICAS);
        let after = before.without_node(gone).expect("it is one of the names");
        for key in &keys {
            let owner = before.find(key).expect("the ring is not empty");
            if owner == gone {
                prop_assert_eq!(after.find(key), before.find_n(key, 2).get(1).copied(), "its successor takes over");
            } else {
                prop_assert_eq!(after.find(key), Some(owner));
            }
        }
    }

    #[test]
    fn adding_a_node_moves_keys_only_to_it(keys in prop::collection::vec(any::<u64>(), 1..60)) {
        let before = Ring::new(["sessions-0", "sessions-1"], DEFAULT_REPLICAS);
        let after = before.with_node("sessions-2", DEFAULT_REPLICAS).expect("it is new");
        for key in keys {
            let key = key.to_string();
            let owner = after.find(&key);
            prop_assert!(owner == before.find(&key) || owner == Some("sessions-2"));
        }
    }
}
