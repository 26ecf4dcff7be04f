//! OpenSearch's own REST suite.

use std::path::Path;

use conformance::{Client, Exclusions, Outcome, Suite, run};

use crate::not_disabled;
use crate::store::Store;

/// What share of the tests that concern what the store is for must pass.
const BAR: f64 = 0.95;

#[tokio::test]
async fn the_suite_of_opensearch_passes() {
    if !not_disabled() {
        return;
    }
    let store = Store::start("opensearch-3");
    let client = Client::new(&store.url).unwrap();
    let suite = Suite::fetch(&client.version().await.unwrap()).unwrap();
    let exclusions =
        Exclusions::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("opensearch.toml")).unwrap();
    let (mut passed, mut failed) = (0, Vec::new());
    for test in suite
        .tests
        .iter()
        .filter(|test| exclusions.reason(&test.name).is_none())
    {
        match run(test, &suite.specification, &client).await.unwrap() {
            Outcome::Passed => passed += 1,
            Outcome::Failed(how) => failed.push(format!("{}: {how}", test.name)),
            Outcome::Skipped(_) => {}
        }
    }
    let share = f64::from(passed) / (f64::from(passed) + failed.len() as f64);
    assert!(
        share >= BAR,
        "{passed} passed, {} failed:\n{}",
        failed.len(),
        failed.join("\n")
    );
}
