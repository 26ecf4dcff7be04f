//! What `punt check` says about transforms.

use std::process::Command;

fn check(config: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("punt.toml");
    let text = format!(
        "data = \"/nonexistent\"\n[sources.s]\ntype = \"syslog\"\nudp = \"127.0.0.1:0\"\n{config}\n\
         [sinks.l]\ntype = \"elasticsearch\"\nurl = \"http://127.0.0.1:1\"\n"
    );
    std::fs::write(&path, text).expect("the configuration is written");
    let output = Command::new(env!("CARGO_BIN_EXE_punt"))
        .args(["check", "--config"])
        .arg(&path)
        .output()
        .expect("punt check runs");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn every_fault_of_a_transform_is_said() {
    for (config, part) in [
        ("transforms = [\"x\"]", "there is no transform \"x\""),
        ("[transforms.p]\ntype = \"prase\"", "prase"),
        (
            "[transforms.p]\ntype = \"parse\"\nformat = \"json\"\nfeild = \"x\"",
            "feild",
        ),
        (
            "[transforms.p]\ntype = \"parse\"\nformat = \"regex\"",
            "needs a pattern",
        ),
        (
            "[transforms.p]\ntype = \"parse\"\nformat = \"regex\"\npattern = \"(\"",
            "pattern",
        ),
        (
            "[transforms.p]\ntype = \"parse\"\nformat = \"regex\"\npattern = \"a\"",
            "no named group",
        ),
        (
            "[transforms.p]\ntype = \"drop\"\nwhen = 'a AND'",
            "cannot read the condition",
        ),
        (
            "[transforms.p]\ntype = \"date\"\nfield = \"a\"\nformats = [\"soon\"]",
            "soon",
        ),
        (
            "[transforms.p]\ntype = \"date\"\nfield = \"a\"\ntime_zone = \"Mars/Base\"",
            "Mars/Base",
        ),
        ("[transforms.p]\ntype = \"set\"\nfields = { a = \"{b\" }", "brace"),
        ("[transforms.p]\ntype = \"sample\"\nrate = 2", "from 0 to 1"),
        (
            "[transforms.p]\ntype = \"throttle\"\nevents_per_second = 0",
            "above 0",
        ),
        (
            "[transforms.p]\ntype = \"redact\"\npatterns = [\"(\"]",
            "no regular expression",
        ),
        (
            "[routes.r]\ntransforms = [\"x\"]\nsinks = [\"l\"]",
            "there is no transform \"x\"",
        ),
    ] {
        let said = check(config);
        assert!(said.contains(part), "{config}: {said}");
    }
    assert_eq!(check("transforms = []\n[transforms.p]\ntype = \"direct\""), "");
}

#[cfg(not(feature = "vrl"))]
#[test]
fn a_punt_without_vrl_says_how_to_get_one() {
    let said = check("[transforms.p]\ntype = \"vrl\"\nsource = \".a = 1\"");
    assert!(said.contains("--features vrl"), "{said}");
}
