//! Fields that are edited, and conditions that say when.

use serde_json::json;

use crate::engine::{Engine, Fault};
use crate::pipe::ship;
use crate::process::Site;

#[test]
fn fields_are_edited_in_the_order_of_the_list() {
    let config = r#"transforms = ["parse", "rename", "set", "lower", "remove", "hide"]
[transforms.parse]
type = "parse"
format = "json"
[transforms.rename]
type = "rename"
fields = { "user.login" = "user.name", "gone" = "nowhere" }
[transforms.set]
type = "set"
fields = { "event.kind" = "event", "labels.who" = "{user.name}@{host.name}", "copy" = "{n}", "deep.x" = 1, "flag" = true }
[transforms.lower]
type = "lowercase"
fields = ["user.*", "labels.who"]
[transforms.remove]
type = "remove"
fields = ["secret*", "deep.y"]
[transforms.hide]
type = "redact"
"#;
    let line = r#"{"user":{"login":"ANN"},"host":{"name":"H"},"n":[1,2],"secret_a":1,"secret":2,"deep":{"x":0,"y":1,"z":2},"note":"card 4111111111111111, a@b.example"}"#;
    let document = ship(&[line], config, 1).only();
    let mut expected = json!({
        "user.name": "ann", "host": {"name": "H"}, "n": [1, 2], "event.kind": "event", "labels.who": "ann@h",
        "copy": [1, 2], "deep.x": 1, "deep.z": 2, "flag": true, "note": "card [redacted], [redacted]",
    });
    let mut found = document.clone();
    for own in [
        "@timestamp",
        "ecs.version",
        "event.dataset",
        "log.file.path",
        "log.offset",
    ] {
        found.as_object_mut().expect("an object").remove(own);
    }
    if let Some(kind) = found.get("user") {
        expected["user"] = kind.clone();
    }
    for (key, value) in expected.as_object().expect("an object") {
        assert_eq!(&found[key], value, "{key} in {document}");
    }
    for gone in ["secret", "secret_a", "message", "user.login"] {
        assert_eq!(document[gone], json!(null), "{gone} in {document}");
    }
    assert_eq!(document["deep"], json!(null));
}

#[test]
fn keep_keeps_what_it_names_and_the_time() {
    let config = "transforms = [\"k\"]\n[transforms.k]\ntype = \"keep\"\nfields = [\"message\"]";
    let document = ship(&["x"], config, 1).only();
    let keys: Vec<&String> = document.as_object().expect("an object").keys().collect();
    assert_eq!(keys.len(), 2, "{document}");
    assert!(document["@timestamp"].is_string() && document["message"] == "x");
}

#[test]
fn a_condition_says_which_events_a_transform_is_for() {
    let config = "transforms = [\"d\", \"s\"]\n[transforms.d]\ntype = \"drop\"\nwhen = 'message:/^debug/ AND NOT message:important'\n\
                  [transforms.s]\ntype = \"set\"\nwhen = { message = \"warn*\" }\nfields = { \"log.level\" = \"warn\" }";
    let shipped = ship(&["debug one", "debug important", "warning", "other"], config, 3);
    assert_eq!(shipped.engine.messages(), ["debug important", "other", "warning"]);
    assert_eq!(
        shipped.document(|document| document["message"] == "warning")["log.level"],
        "warn"
    );
}

#[test]
fn a_route_transforms_for_its_own_sinks_only() {
    let (all, some) = (Engine::start(Fault::None), Engine::start(Fault::None));
    let source = format!(
        "[sources.file]\ntype = \"file\"\npaths = [\"ROOT/in.log\"]\n\
         [transforms.mark]\ntype = \"set\"\nfields = {{ \"labels.marked\" = \"yes\" }}\n\
         [routes.some]\nwhen = 'message:error'\ntransforms = [\"mark\"]\nsinks = [\"marked\"]\n\
         [routes.all]\nsinks = [\"logs\", \"marked\"]\n\
         [sinks.marked]\ntype = \"elasticsearch\"\nurl = \"{}\"\nbatch_timeout_ms = 20\n",
        some.url()
    );
    let site = Site::new(&source, &all.url(), "");
    std::fs::write(site.path("in.log"), "an error\nall good\n").expect("the file is written");
    let _punt = site.start();
    all.wait_for(2);
    some.wait_for(2);
    let marked = |engine: &Engine| {
        let stored = engine.stored();
        stored
            .documents
            .values()
            .filter(|document| document["labels.marked"] == "yes")
            .count()
    };
    assert_eq!((marked(&all), marked(&some)), (0, 1));
}
