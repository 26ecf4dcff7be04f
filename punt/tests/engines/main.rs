//! Real senders into punt, and out of it into every engine that there is: counts and fields are equal in all of them.
//!
//! rsyslog, syslog-ng's `loggen` and nginx send; the embedded store, Elasticsearch 7.10 and 5.6 and OpenSearch 3 take in. What cannot
//! start fails the test. `GUILDWATCH_ENGINES_TESTS=off` leaves this group out.

#![allow(clippy::panic, reason = "helpers of tests, which fail by panicking")]

mod fleet;
mod punt;
mod senders;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::fleet::Fleet;
use crate::punt::Punt;

#[tokio::test]
async fn every_engine_stores_the_same_of_every_sender() {
    if std::env::var("GUILDWATCH_ENGINES_TESTS").as_deref() == Ok("off") {
        return;
    }
    let fleet = Fleet::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let access = folder.path().join("access.log");
    let punt = Punt::start(folder.path(), &access, &fleet.urls());

    senders::loggen(punt.address("tcp"), 2000, &["-P"]);
    senders::loggen(punt.address("tcp"), 1500, &[]);
    let rsyslog = senders::rsyslog(folder.path(), punt.address("tcp"), 1000).expect("rsyslog sends");
    let nginx = senders::nginx(folder.path(), &access, punt.address("udp"), 60)
        .await
        .expect("nginx serves");
    // Each request of nginx is a line of its file and a message of its own.
    let expected = 2000 + 1500 + 1000 + 60 + 60;
    punt.wait_until_stored(expected).await;
    drop((rsyslog, nginx));

    let mut first: Option<(String, BTreeMap<String, Value>)> = None;
    for engine in fleet.engines() {
        engine.refresh().await;
        let documents = engine.documents().await;
        assert_eq!(documents.len(), expected, "{}", engine.name);
        match &first {
            None => first = Some((engine.name.to_owned(), documents)),
            Some((name, reference)) => {
                for (id, document) in reference {
                    assert_eq!(
                        documents.get(id),
                        Some(document),
                        "{id} in {} and {name}",
                        engine.name
                    );
                }
            }
        }
    }

    // The fields have the same types: what groups and what ranges answers the same.
    let mut answers = Vec::new();
    for engine in fleet.engines() {
        let services = engine.groups("service.name").await;
        let levels = engine.groups("log.level").await;
        let recent = engine
            .count(&json!({"range": {"@timestamp": {"gte": "2020-01-01", "lt": "2200-01-01"}}}))
            .await;
        let word = engine.count(&json!({"match": {"message": "rsyslog"}})).await;
        let exact = engine.count(&json!({"term": {"event.dataset": "syslog"}})).await;
        answers.push((engine.name, json!([services, levels, recent, word, exact])));
    }
    for (name, answer) in &answers[1..] {
        assert_eq!(answer, &answers[0].1, "{name} and {}", answers[0].0);
    }
    assert_eq!(answers[0].1[2], expected, "{answers:?}");
    punt.assert_balance(expected);
}
