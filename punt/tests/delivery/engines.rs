//! Engines of every version: what each is sent, and what is deleted in it.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::law::assert_law;
use crate::process::Site;
use crate::server::{Reply, serve};
use crate::store::{Store, modern, refused, stored};
use crate::wait::until;
use crate::{MESSAGES, SYSLOG};

fn ship(version: Value, keys: &str) -> (Store, Site) {
    let store = Store::default();
    let serving = store.clone();
    let address = serve(move |request| serving.answer(request, &version, stored));
    let site = Site::new(SYSLOG, &format!("http://{address}"), keys);
    let punt = site.start();
    punt.send(0, MESSAGES);
    store.wait_for(MESSAGES);
    store.assert_each_once(0..MESSAGES);
    assert_law(&punt);
    (store, site)
}

#[test]
fn each_version_gets_its_own_actions_and_template() {
    for (version, kind, template) in [
        (
            json!({ "number": "5.6.16" }),
            Some("doc"),
            "/_template/guildwatch",
        ),
        (
            json!({ "number": "6.8.23" }),
            Some("_doc"),
            "/_template/guildwatch",
        ),
        (json!({ "number": "7.2.1" }), None, "/_template/guildwatch"),
        (json!({ "number": "7.10.2" }), None, "/_index_template/guildwatch"),
        (json!({ "number": "9.1.0" }), None, "/_index_template/guildwatch"),
        (
            json!({ "number": "1.3.0", "distribution": "opensearch" }),
            None,
            "/_index_template/guildwatch",
        ),
        (
            json!({ "number": "3.0.0", "distribution": "opensearch" }),
            None,
            "/_index_template/guildwatch",
        ),
    ] {
        let (store, _site) = ship(version.clone(), "");
        let inner = store.lock();
        assert!(
            inner.bodies.contains_key(template),
            "{version}: {:?}",
            inner.bodies.keys()
        );
        let kinds: Vec<_> = inner
            .actions
            .iter()
            .map(|action| action["create"]["_type"].as_str())
            .collect();
        assert!(
            kinds.iter().all(|found| *found == kind),
            "{version}: {:?}",
            kinds[0]
        );
    }
}

#[test]
fn an_engine_that_was_replaced_while_it_was_away_is_spoken_to_in_its_own_way() {
    let store = Store::default();
    let (old, away) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (serving, is_old, is_away) = (store.clone(), Arc::clone(&old), Arc::clone(&away));
    let address = serve(move |request| {
        if is_away.load(SeqCst) {
            return Reply::Close;
        }
        let version = if is_old.load(SeqCst) {
            json!({ "number": "5.6.16" })
        } else {
            modern()
        };
        serving.answer(request, &version, stored)
    });
    let site = Site::new(SYSLOG, &format!("http://{address}"), "");
    let punt = site.start();
    punt.send(0, 100);
    store.wait_for(100);
    away.store(true, SeqCst);
    old.store(true, SeqCst);
    punt.send(100, 100);
    punt.wait_for_log("nothing is taken");
    away.store(false, SeqCst);
    store.wait_for(200);
    let inner = store.lock();
    assert!(inner.bodies.contains_key("/_template/guildwatch"));
    assert_eq!(inner.actions.last().expect("an action")["create"]["_type"], "doc");
}

#[test]
fn a_data_stream_and_a_pipeline_are_used_as_configured() {
    let keys = "data_stream = \"logs-guildwatch-default\"\npipeline = \"enrich\"";
    let (store, _site) = ship(modern(), keys);
    let inner = store.lock();
    let template = &inner.bodies["/_index_template/logs-guildwatch-default"];
    assert_eq!(template["data_stream"], json!({}));
    assert!(
        inner
            .actions
            .iter()
            .all(|action| action["create"]["_index"] == "logs-guildwatch-default")
    );
    assert!(inner.requests.contains(&"POST /_bulk?pipeline=enrich".to_owned()));
}

#[test]
fn an_engine_that_lets_us_do_nothing_but_bulk_is_served() {
    let store = Store::default();
    let serving = store.clone();
    let address = serve(move |request| match request.path.as_str() {
        "/_bulk" => serving.answer(request, &modern(), stored),
        _ => Reply::Json(
            403,
            json!({ "error": { "type": "security_exception", "reason": "no" }, "status": 403 }),
        ),
    });
    let site = Site::new(SYSLOG, &format!("http://{address}"), "");
    let punt = site.start();
    punt.send(0, MESSAGES);
    store.wait_for(MESSAGES);
    punt.wait_for_log("refused the index template");
}

/// An engine with these indices, each of 100 bytes; gives what was deleted.
fn retain(
    retention: &str,
    version: Value,
    indices: &[&str],
    policies: bool,
) -> (Store, Arc<Mutex<Vec<String>>>) {
    let (store, deleted) = (Store::default(), Arc::new(Mutex::new(Vec::new())));
    let (serving, gone) = (store.clone(), Arc::clone(&deleted));
    let rows: Vec<(String, Value)> = indices
        .iter()
        .map(|name| ((*name).to_owned(), json!({ "index": name, "store.size": "100" })))
        .collect();
    let address = serve(move |request| {
        let is_policy = request.path.starts_with("/_ilm") || request.path.starts_with("/_plugins/_ism");
        if is_policy && (!policies || request.method == "GET") {
            return Reply::Json(if policies { 404 } else { 400 }, json!({ "error": "no handler" }));
        }
        if request.path.starts_with("/_cat/indices/") {
            let gone = gone.lock().unwrap_or_else(PoisonError::into_inner);
            let left: Vec<&Value> = rows
                .iter()
                .filter(|(name, _)| !gone.contains(name))
                .map(|(_, row)| row)
                .collect();
            return Reply::Json(200, json!(left));
        }
        if request.method == "DELETE" {
            gone.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(request.path[1..].to_owned());
        }
        serving.answer(request, &version, stored)
    });
    let keys = format!("retention = {{ {retention}, check_every = \"50ms\" }}");
    let site = Site::new(SYSLOG, &format!("http://{address}"), &keys);
    let punt = site.start();
    punt.send(0, 10);
    store.wait_for(10);
    let looks = |store: &Store| {
        store
            .lock()
            .bodies
            .keys()
            .any(|path| path.contains("_ilm") || path.contains("_ism"))
    };
    until("old indices were seen to", || {
        let some = !deleted.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        (some || looks(&store)).then_some(())
    });
    punt.terminate();
    (store, deleted)
}

const INDICES: &[&str] = &[
    "guildwatch-2020.01.01",
    "guildwatch-2020.01.02",
    "guildwatch-2020.01.03",
    "guildwatch-audit-2020.01.01",
    "guildwatch-2020.01.01-copy",
    "guildwatch-2020.01",
    "guildwatches-2020.01.01",
];

#[test]
fn old_indices_are_deleted_by_age_and_no_other_prefix_is_touched() {
    let (_, deleted) = retain("max_age = \"30d\"", modern(), INDICES, true);
    let deleted = deleted.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(
        *deleted,
        ["guildwatch-2020.01.01", "guildwatch-2020.01.02"],
        "the newest stays"
    );
}

#[test]
fn the_oldest_indices_are_deleted_by_size() {
    let (_, deleted) = retain("max_bytes = 250", json!({ "number": "5.6.16" }), INDICES, false);
    let deleted = deleted.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(*deleted, ["guildwatch-2020.01.01"]);
}

#[test]
fn the_engines_own_policy_is_installed_where_it_has_one() {
    let by = "max_age = \"30d\", by = \"engine\"";
    let (store, deleted) = retain(by, modern(), INDICES, true);
    assert!(store.lock().bodies.contains_key("/_ilm/policy/punt-guildwatch"));
    assert!(deleted.lock().unwrap_or_else(PoisonError::into_inner).is_empty());
    let template = store.lock().bodies["/_index_template/guildwatch"].clone();
    assert_eq!(
        template["template"]["settings"]["index"]["lifecycle"]["name"],
        "punt-guildwatch"
    );

    let open = json!({ "number": "3.0.0", "distribution": "opensearch" });
    let (store, deleted) = retain(by, open, INDICES, true);
    assert!(
        store
            .lock()
            .bodies
            .contains_key("/_plugins/_ism/policies/punt-guildwatch")
    );
    assert!(deleted.lock().unwrap_or_else(PoisonError::into_inner).is_empty());

    let (_, deleted) = retain(by, modern(), INDICES, false);
    let deleted = deleted.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(deleted.len(), 2, "without policies punt does it");
}

#[test]
fn a_template_that_is_refused_does_not_hold_the_events() {
    let store = Store::default();
    let serving = store.clone();
    let address = serve(
        move |request| match request.path.starts_with("/_index_template") {
            true => Reply::Json(400, refused(400, "illegal_argument_exception")),
            false => serving.answer(request, &modern(), stored),
        },
    );
    let site = Site::new(SYSLOG, &format!("http://{address}"), "");
    let punt = site.start();
    punt.send(0, MESSAGES);
    store.wait_for(MESSAGES);
    assert_law(&punt);
}
