//! A config.json of the original Punt, read as it is.

use std::path::Path;

use super::read;

const SAMPLE: &str = r#"{
  "clusters": {
    "main": {
      "url": "http://localhost:9200", "num_workers": 4, "bulk_size": 5000, "commit_interval": 2,
      "reliability": {"insert_retries": 3, "retry_delay": 100},
      "servers": [
        {"type": "tcp", "bind": ":5140", "octet_counted": true, "buffer_size": 4096},
        {"type": "udp", "bind": "localhost:5140"}
      ]
    }
  },
  "types": {
    "*": {"prefix": "other-", "date_format": "2006.01.02", "transformer": {"name": "direct"}},
    "my app": {"prefix": "app-", "mapping_type": "log", "date_format": "2006.01.02.15",
               "transformer": {"name": "unpack-merge"},
               "mutators": [{"name": "geoip", "config": {"path": "/city.mmdb", "input_field": "ip"}}]}
  },
  "templates": {"x": 1},
  "gc": {"app-": {"keep": 30}},
  "control_socket": {"enabled": true, "bind": "localhost:1234"}
}"#;

fn converted(text: &str) -> toml::Table {
    let (converted, report) = read(text, Path::new("/etc/punt"));
    let converted = converted.unwrap_or_else(|| panic!("{report:?}"));
    converted.parse().expect("TOML")
}

#[test]
fn each_part_of_the_original_has_its_place() {
    let table = converted(SAMPLE);
    assert_eq!(table["tail"]["address"].as_str(), Some("127.0.0.1:1234"));
    assert_eq!(table["sources"]["main-1"]["tcp"].as_str(), Some("0.0.0.0:5140"));
    assert_eq!(table["sources"]["main-2"]["udp"].as_str(), Some("127.0.0.1:5140"));
    let sink = &table["sinks"]["main-my_app"];
    assert_eq!(sink["index"].as_str(), Some("app-%Y.%m.%d.%H"));
    assert_eq!(sink["batch_timeout_ms"].as_integer(), Some(2000));
    assert_eq!(sink["concurrency"].as_integer(), Some(4));
    let routes = &table["routes"];
    assert_eq!(
        routes["main-my_app"]["when"].as_str(),
        Some("log.syslog.appname:\"my app\"")
    );
    assert_eq!(
        routes["main-other"]["when"].as_str(),
        Some("NOT log.syslog.appname:(\"my app\")")
    );
    let transforms = routes["main-my_app"]["transforms"].as_array().expect("a list");
    assert_eq!(transforms.len(), 2);
    assert_eq!(
        table["transforms"]["my_app-unpack"]["type"].as_str(),
        Some("unpack_merge")
    );
}

#[test]
fn keys_without_effect_and_what_is_done_otherwise_are_reported() {
    let (text, report) = read(SAMPLE, Path::new("/etc/punt"));
    assert_eq!(
        report.unused,
        ["clusters.main.servers[0].buffer_size", "templates"]
    );
    for path in ["reliability", "octet_counted", "mapping_type", "gc.app-.keep"] {
        assert!(report.different.iter().any(|line| line.contains(path)), "{path}");
    }
    assert!(text.expect("no faults").contains("# keys without effect"));
}

#[test]
fn what_the_original_died_of_or_passed_over_is_a_fault() {
    for (text, expected) in [
        ("{", "not JSON"),
        ("{}", "clusters: there is none"),
        (
            &SAMPLE.replace("unpack-merge", "unpack"),
            "there is no transformer \"unpack\"",
        ),
        (
            &SAMPLE.replace("\"geoip\"", "\"geo\""),
            "there is no mutator \"geo\"",
        ),
        (&SAMPLE.replace("\"tcp\"", "\"tls\""), "servers[0].type"),
        (&SAMPLE.replace("2006.01.02.15", "Jan 2006"), "\"Jan\""),
        (&SAMPLE.replace("5000", "\"many\""), "bulk_size: is a text"),
    ] {
        let (converted, report) = read(text, Path::new("/etc/punt"));
        assert!(converted.is_none(), "{text}");
        assert!(
            report.faults.iter().any(|fault| fault.contains(expected)),
            "{expected}: {report:?}"
        );
    }
}

#[test]
fn events_of_one_cluster_do_not_go_to_another() {
    let two = SAMPLE.replace(
        "\"clusters\": {",
        "\"clusters\": {\"second\": {\"url\": \"http://e:9200\", \"servers\": [{\"type\": \"tcp\", \"bind\": \":1\"}]},",
    );
    let table = converted(&two);
    let when = table["routes"]["second-my_app"]["when"]
        .as_str()
        .expect("a condition");
    assert_eq!(
        when,
        "labels.cluster:\"second\" AND log.syslog.appname:\"my app\""
    );
    assert_eq!(
        table["sources"]["second-1"]["transforms"][0].as_str(),
        Some("second-cluster")
    );
}
