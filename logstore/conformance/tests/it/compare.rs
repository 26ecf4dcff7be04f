//! The same requests to the store and to a real engine, with the same answers.

use std::path::Path;

use conformance::{Client, Requests};
use engines::{Kind, Settings};

use crate::enabled;
use crate::store::Store;

async fn agrees_with(kind: Kind, present: &str) {
    if !enabled() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let engine = engines::start(kind, Settings::new(folder.path())).await.unwrap();
    let store = Store::start(present);
    let (ours, theirs) = (
        Client::new(&store.url).unwrap(),
        Client::new(&engine.url()).unwrap(),
    );
    let mut differences = Vec::new();
    for file in Requests::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("requests")).unwrap() {
        for difference in file.compare(&ours, &theirs, kind.name()).await.unwrap() {
            differences.push(format!(
                "{}/{}\n    {}",
                file.name,
                difference.request,
                difference.places.join("\n    ")
            ));
        }
    }
    assert!(
        differences.is_empty(),
        "{} answers differ:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

#[tokio::test]
async fn answers_are_those_of_elasticsearch_7_10() {
    agrees_with(Kind::Elasticsearch7, "7.10").await;
}

#[tokio::test]
async fn answers_are_those_of_opensearch_3() {
    agrees_with(Kind::OpenSearch3, "opensearch-3").await;
}
