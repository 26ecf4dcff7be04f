//! The two Rust clients work against the store.

use serde_json::{Value, json};

use crate::enabled;
use crate::store::Store;

/// Both crates were made by one generator: the same calls under two names.
macro_rules! drives {
    ($client:ident, $type:ident, $store:expr) => {{
        use $client::http::request::JsonBody;
        use $client::http::transport::Transport;
        use $client::indices::{IndicesCreateParts, IndicesDeleteParts, IndicesExistsParts};
        use $client::{BulkParts, CountParts, GetParts, SearchParts, $type};

        let client = $type::new(Transport::single_node(&$store.url).unwrap());
        let root: Value = client.info().send().await.unwrap().json().await.unwrap();
        assert!(root["version"]["number"].is_string());
        let mappings = json!({"mappings": {"properties": {"level": {"type": "keyword"}, "n": {"type": "integer"}}}});
        let created = client.indices().create(IndicesCreateParts::Index("rust-logs")).body(mappings).send().await.unwrap();
        assert!(created.status_code().is_success());
        let mut lines: Vec<JsonBody<Value>> = Vec::new();
        for n in 0..300 {
            lines.push(json!({"create": {"_id": n.to_string()}}).into());
            lines.push(json!({"n": n, "level": if n % 10 == 0 { "error" } else { "info" }}).into());
        }
        let bulk = client.bulk(BulkParts::Index("rust-logs")).body(lines).send().await.unwrap();
        let bulk: Value = bulk.json().await.unwrap();
        assert_eq!(bulk["errors"], false);
        let exists = client.indices().exists(IndicesExistsParts::Index(&["rust-logs"])).send().await.unwrap();
        assert_eq!(exists.status_code().as_u16(), 200);
        client.indices().refresh($client::indices::IndicesRefreshParts::Index(&["rust-logs"])).send().await.unwrap();
        let count: Value = client.count(CountParts::Index(&["rust-logs"])).send().await.unwrap().json().await.unwrap();
        assert_eq!(count["count"], 300);
        let body = json!({"query": {"term": {"level": "error"}}, "size": 2, "sort": [{"n": "desc"}]});
        let found: Value = client.search(SearchParts::Index(&["rust-logs"])).body(body).send().await.unwrap().json().await.unwrap();
        assert_eq!(found["hits"]["total"]["value"], 30);
        assert_eq!(found["hits"]["hits"][0]["_source"]["n"], 290);
        let missing = client.get(GetParts::IndexId("rust-logs", "nope")).send().await.unwrap();
        assert_eq!(missing.status_code().as_u16(), 404);
        let gone = client.indices().delete(IndicesDeleteParts::Index(&["rust-logs"])).send().await.unwrap();
        assert!(gone.status_code().is_success());
    }};
}

#[tokio::test]
async fn the_elasticsearch_crate_works() {
    if enabled() {
        let store = Store::start("8");
        drives!(elasticsearch, Elasticsearch, store);
    }
}

#[tokio::test]
async fn the_opensearch_crate_works() {
    if enabled() {
        let store = Store::start("opensearch-3");
        drives!(opensearch, OpenSearch, store);
    }
}
