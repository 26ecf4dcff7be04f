//! Rules of the tree that a machine can check: see CONTRIBUTING.md.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
        .to_owned()
}

/// Every file below `folder` with the extension, build output left out.
fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the tree is readable").flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() {
            if name != "target" && !name.to_string_lossy().starts_with('.') {
                files(&path, extension, found);
            }
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
}

fn all(extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&root(), extension, &mut found);
    assert!(!found.is_empty());
    found
}

#[test]
fn every_source_file_says_what_it_is() {
    for path in all("rs") {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("//!"),
            "{} does not begin with //!",
            path.display()
        );
    }
}

#[test]
fn no_file_is_called_after_nothing() {
    for path in all("rs") {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let empty = ["utils", "util", "common", "helpers", "types", "misc", "manager"];
        assert!(
            !empty.contains(&name.as_str()),
            "{}: name it by what it is",
            path.display()
        );
    }
}

#[test]
fn punt_and_the_store_know_nothing_of_chat_and_services_nothing_of_each_other() {
    for manifest in all("toml")
        .into_iter()
        .filter(|path| path.ends_with("Cargo.toml"))
    {
        let text = std::fs::read_to_string(&manifest).unwrap();
        let inside = manifest
            .strip_prefix(root())
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let names: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split(['.', ' ', '=']).next())
            .collect();
        if inside.starts_with("punt") || inside.starts_with("logstore") {
            assert!(
                !names
                    .iter()
                    .any(|name| name.starts_with("chat") || *name == "loqui"),
                "{inside} names chat"
            );
        }
        let services = ["data", "guilds", "presence", "sessions", "gateway", "api", "edge"];
        if let Some(own) = services
            .iter()
            .find(|service| inside == format!("chat/{service}/Cargo.toml"))
        {
            // Tests may start the real neighbours; the service itself may not know them.
            let dependencies = text
                .split("[dependencies]")
                .nth(1)
                .and_then(|rest| rest.split("\n[").next());
            for other in services.iter().filter(|other| *other != own) {
                let line = format!("chat-{other}.workspace");
                assert!(
                    !dependencies.unwrap_or("").contains(&line),
                    "{inside} depends on chat-{other}"
                );
            }
        }
    }
}

#[test]
fn architecture_names_only_paths_that_exist() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut checked = 0;
    for quoted in text.split('`').skip(1).step_by(2) {
        let looks_like_a_path = quoted.contains('/')
            && quoted
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
            && [
                "punt/",
                "logstore/",
                "chat/",
                "ops-cli/",
                "tui/",
                "deploy/",
                "bench/",
                "drills/",
                "dashboards/",
            ]
            .iter()
            .any(|room| quoted.starts_with(room));
        if looks_like_a_path {
            checked += 1;
            assert!(
                root().join(quoted).exists(),
                "ARCHITECTURE.md names {quoted}, which does not exist"
            );
        }
    }
    assert!(checked > 20, "only {checked} paths were found");
}

#[test]
fn every_punt_configuration_that_we_ship_is_accepted() {
    let punt = Path::new(env!("CARGO_BIN_EXE_ops")).with_file_name("punt");
    let output = std::process::Command::new(&punt)
        .args(["check", "--config"])
        .arg(root().join("deploy/punt.toml"))
        .output()
        .expect("punt is built: `cargo build --release --workspace` comes first");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
