//! Finds a Java of a version.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The `java` of the lowest version in `least..=most` under `/usr/lib/jvm`; the `JAVA_HOME_<version>` variable goes before it.
pub(crate) fn find(least: u32, most: u32) -> anyhow::Result<PathBuf> {
    for version in least..=most {
        if let Some(home) = std::env::var_os(format!("JAVA_HOME_{version}")) {
            return Ok(Path::new(&home).join("bin/java"));
        }
    }
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten() {
        let java = entry.path().join("bin/java");
        let Some(version) = version(&entry.path()).filter(|_| java.is_file()) else {
            continue;
        };
        if (least..=most).contains(&version) {
            found.push((version, java));
        }
    }
    found.sort();
    let java = found.into_iter().next().map(|(_, java)| java);
    java.with_context(|| {
        format!("no Java {least} to {most} under /usr/lib/jvm; install one, or set JAVA_HOME_{least} to its folder")
    })
}

/// From the `release` file that every JDK has: `JAVA_VERSION="17.0.13"`.
fn version(home: &Path) -> Option<u32> {
    let release = std::fs::read_to_string(home.join("release")).ok()?;
    let line = release.lines().find(|line| line.starts_with("JAVA_VERSION="))?;
    let digits = line.split('"').nth(1)?.split('.').next()?;
    digits.parse().ok()
}
