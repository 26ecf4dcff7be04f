//! Official clients, unchanged, work against the store.

use serde_json::{Value, json};

use crate::store::Store;
use crate::{enabled, install};

#[track_caller]
fn python_sees(package: &str, module: &str, present: &str) {
    if !enabled() {
        return;
    }
    let store = Store::start(present);
    let packages = install::python(package);
    let seen = install::run(
        std::process::Command::new("python3")
            .arg(install::script("client.py"))
            .args([module, &store.url])
            .env("PYTHONPATH", packages),
    );
    let expected = json!({
        "ping": true, "exists": true, "absent": false, "bulk": 2500, "partial": [1, [400, 409]], "count": 2501, "scan": 250,
        "total": 10, "first": [19, 18, 17], "levels": {"info": 9, "error": 1}, "mean": 14.5, "updated": "warn", "deleted": 404,
        "refused": true, "mget": [true, false], "msearch": [1, 404], "alias": true, "deleted_by_query": 250, "cat": ["client-logs"],
        "left": false,
    });
    agrees(&seen, &expected);
}

#[track_caller]
fn javascript_sees(package: &str, module: &str, present: &str) {
    if !enabled() {
        return;
    }
    let store = Store::start(present);
    let packages = install::javascript(package);
    let seen = install::run(
        std::process::Command::new("node")
            .arg(install::script("client.js"))
            .args([module, &store.url])
            .env("NODE_PATH", packages.join("node_modules")),
    );
    let expected = json!({
        "ping": true, "bulk": [1200, 0, 1200], "dropped": 1, "count": 1202, "scan": 120, "total": 1200, "first": [1199, 1198],
        "levels": {"info": 1080, "error": 120}, "missing": 404, "updated": "warn", "left": false,
    });
    agrees(&seen, &expected);
}

#[track_caller]
fn agrees(seen: &Value, expected: &Value) {
    for (key, expected) in expected.as_object().unwrap() {
        assert_eq!(&seen[key], expected, "{key} of {seen}");
    }
}

#[test]
fn elasticsearch_py_7_works() {
    python_sees("elasticsearch==7.17.12", "elasticsearch", "7.17");
}

#[test]
fn elasticsearch_py_8_works() {
    python_sees("elasticsearch==8.19.3", "elasticsearch", "7.17");
    python_sees("elasticsearch==8.19.3", "elasticsearch", "8");
}

#[test]
fn elasticsearch_py_9_works() {
    python_sees("elasticsearch==9.5.1", "elasticsearch", "8");
}

#[test]
fn opensearch_py_works() {
    python_sees("opensearch-py==3.2.0", "opensearchpy", "opensearch-3");
    python_sees("opensearch-py==3.2.0", "opensearchpy", "7.17");
}

#[test]
fn elasticsearch_js_7_works() {
    javascript_sees("@elastic/elasticsearch@7.17.14", "@elastic/elasticsearch", "7.17");
}

#[test]
fn elasticsearch_js_8_works() {
    javascript_sees("@elastic/elasticsearch@8.19.1", "@elastic/elasticsearch", "8");
}

#[test]
fn elasticsearch_js_9_works() {
    javascript_sees("@elastic/elasticsearch@9.5.1", "@elastic/elasticsearch", "8");
}

#[test]
fn opensearch_js_works() {
    javascript_sees(
        "@opensearch-project/opensearch@3.6.0",
        "@opensearch-project/opensearch",
        "opensearch-3",
    );
}
