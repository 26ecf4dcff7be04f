//! elasticdump copies an index from a real engine into the store and back, and nothing changes.

use std::collections::BTreeMap;
use std::process::Command;

use engines::{Kind, Settings};
use serde_json::{Value, json};

use crate::store::Store;
use crate::{enabled, install};

const PACKAGE: &str = "elasticdump@6.125.1";

#[tokio::test]
async fn an_index_goes_from_opensearch_into_the_store_and_back() {
    if !enabled() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let engine = engines::start(Kind::OpenSearch3, Settings::new(folder.path()))
        .await
        .unwrap();
    let store = Store::start("opensearch-3");
    let source = format!("{}/source", engine.url());
    let ours = format!("{}/copied", store.url);
    let back = format!("{}/back", engine.url());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mappings = json!({"mappings": {"properties": {"when": {"type": "date"}, "level": {"type": "keyword"}, "n": {"type": "long"}}}});
    http.put(&source)
        .json(&mappings)
        .send()
        .await
        .unwrap()
        .error_for_status()
        .unwrap();
    let mut bulk = String::new();
    for n in 0..1500 {
        bulk.push_str(&format!("{{\"index\":{{\"_id\":\"{n}\"}}}}\n"));
        let record = json!({"n": n, "level": if n % 7 == 0 { "error" } else { "info" }, "when": "2026-11-24T10:00:00Z", "text": format!("line {n} é\n\"quoted\""), "deep": {"er": [1, 2.5, null]}});
        bulk.push_str(&format!("{record}\n"));
    }
    let answer = http
        .post(format!("{source}/_bulk?refresh=true"))
        .header("content-type", "application/x-ndjson")
        .body(bulk)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["errors"], false);
    for kind in ["mapping", "data"] {
        dump(&source, &ours, kind);
    }
    http.post(format!("{ours}/_refresh")).send().await.unwrap();
    for kind in ["mapping", "data"] {
        dump(&ours, &back, kind);
    }
    http.post(format!("{back}/_refresh")).send().await.unwrap();
    let original = documents(&http, &source).await;
    assert_eq!(original.len(), 1500);
    assert!(
        original == documents(&http, &ours).await,
        "the copy in the store differs"
    );
    assert!(
        original == documents(&http, &back).await,
        "the copy that came back differs"
    );
    let mapping = |url: String| {
        let http = http.clone();
        async move {
            let answer: Value = http
                .get(format!("{url}/_mapping"))
                .send()
                .await
                .unwrap()
                .json()
                .await
                .unwrap();
            answer.as_object().unwrap().values().next().unwrap().clone()
        }
    };
    assert_eq!(mapping(source).await, mapping(back).await);
}

fn dump(from: &str, to: &str, kind: &str) {
    let packages = install::javascript(PACKAGE);
    let mut command = Command::new("node");
    command.arg(packages.join("node_modules/elasticdump/bin/elasticdump"));
    command
        .arg(format!("--input={from}"))
        .arg(format!("--output={to}"))
        .arg(format!("--type={kind}"))
        .arg("--limit=400");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && !said.contains("Error"),
        "{command:?}: {said}"
    );
}

async fn documents(http: &reqwest::Client, url: &str) -> BTreeMap<String, Value> {
    let body = json!({"size": 10000});
    let answer: Value = http
        .post(format!("{url}/_search"))
        .json(&body)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let hits = answer["hits"]["hits"].as_array().unwrap();
    hits.iter()
        .map(|hit| (hit["_id"].as_str().unwrap().to_owned(), hit["_source"].clone()))
        .collect()
}
