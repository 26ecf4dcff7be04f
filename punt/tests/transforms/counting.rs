//! Fewer events, each one that is missing counted.

use crate::law::{component, count};
use crate::pipe::ship;

#[test]
fn a_sample_of_a_key_is_all_or_nothing() {
    let lines: Vec<String> = (0..400).map(|n| format!("id={} n={n}", n % 8)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let config = "transforms = [\"p\", \"s\"]\n[transforms.p]\ntype = \"parse\"\nformat = \"logfmt\"\n\
                  [transforms.s]\ntype = \"sample\"\nrate = 0.5\nkey = \"id\"";
    // By the hashes of 0 to 7, which are the same everywhere.
    let shipped = ship_any(&lines, config);
    let stats = shipped.punt.stats();
    let sample = component(&stats, "transform", "s");
    let passed = count(sample, "emitted");
    assert_eq!(passed % 50, 0, "each id came 50 times");
    assert!(passed > 0 && passed < 400);
    assert_eq!(sample["dropped"]["sampled"], 400 - passed);
}

#[test]
fn a_throttle_counts_what_it_drops() {
    let lines: Vec<String> = (0..100).map(|n| format!("line {n}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let config =
        "transforms = [\"t\"]\n[transforms.t]\ntype = \"throttle\"\nevents_per_second = 0.001\nburst = 10";
    let shipped = ship(&lines, config, 10);
    assert_eq!(
        component(&shipped.punt.stats(), "transform", "t")["dropped"]["throttled"],
        90
    );
}

#[test]
fn equal_events_are_one() {
    let config = "transforms = [\"d\"]\n[transforms.d]\ntype = \"dedupe\"\nwindow = \"1h\"";
    let shipped = ship(&["a", "b", "a", "a", "c", "b"], config, 3);
    assert_eq!(shipped.engine.messages(), ["a", "b", "c"]);
    assert_eq!(
        component(&shipped.punt.stats(), "transform", "d")["dropped"]["duplicate"],
        3
    );
}

/// Ships lines of which nobody knows how many arrive, until the law holds.
fn ship_any(lines: &[&str], config: &str) -> crate::pipe::Shipped {
    let shipped = ship(&[], config, 0);
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(shipped.site.path("in.log"), text).expect("the file is written");
    shipped
        .punt
        .wait_for_counter("source", "received", lines.len() as u64);
    crate::law::assert_law(&shipped.punt);
    shipped
}
