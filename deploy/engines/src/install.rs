//! Resolves an engine from its registry into the cache: `~/.cache/guildwatch/engines/NAME-VERSION`, or under
//! `GUILDWATCH_ENGINES`.
//!
//! It is built in a folder beside and renamed when it is whole, under a lock, so that an interrupted or a second
//! installation does no harm.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::{Kind, cassandra, ferretdb, kibana, search};

/// Installs an engine unless it is there, and gives its folder. Blocks for up to minutes; `say` is told what happens.
pub fn install(kind: Kind, say: &mut dyn FnMut(&str)) -> anyhow::Result<PathBuf> {
    into_cache(kind.folder(), say, |building| match kind {
        Kind::OpenSearch3 | Kind::Elasticsearch7 | Kind::Elasticsearch5 => {
            maven(building, search::artifact(kind))
        }
        Kind::Cassandra5 => maven(building, cassandra::ARTIFACT),
        Kind::FerretDb1 => ferretdb::build(building),
        Kind::Kibana5 => kibana::build(building),
    })
}

/// Fetches a Maven artifact (`group:name:version`) with what it needs unless it is there, and gives the folder of its jars.
pub fn artifact(folder: &str, artifact: &str) -> anyhow::Result<PathBuf> {
    Ok(into_cache(folder, &mut |_| {}, |building| maven(building, artifact))?.join("lib"))
}

pub(crate) fn into_cache(
    name: &str,
    say: &mut dyn FnMut(&str),
    build: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let cache = cache()?;
    let folder = cache.join(name);
    if folder.is_dir() {
        return Ok(folder);
    }
    fs::create_dir_all(&cache).with_context(|| format!("creating {}", cache.display()))?;
    let lock = cache.join(format!("{name}.lock"));
    let lock = File::create(&lock).with_context(|| format!("creating {}", lock.display()))?;
    lock.lock().context("waiting for another installation")?;
    if folder.is_dir() {
        return Ok(folder);
    }
    say(&format!("installing {name} into {}", folder.display()));
    let building = cache.join(format!("{name}.part"));
    if building.exists() {
        fs::remove_dir_all(&building).with_context(|| format!("clearing {}", building.display()))?;
    }
    fs::create_dir(&building).with_context(|| format!("creating {}", building.display()))?;
    build(&building).with_context(|| format!("installing {name}"))?;
    fs::rename(&building, &folder).with_context(|| format!("moving {} into place", building.display()))?;
    Ok(folder)
}

fn cache() -> anyhow::Result<PathBuf> {
    if let Some(folder) = std::env::var_os("GUILDWATCH_ENGINES") {
        return Ok(PathBuf::from(folder));
    }
    let home = std::env::var_os("HOME")
        .context("neither HOME nor GUILDWATCH_ENGINES is set: no place for engines")?;
    Ok(Path::new(&home).join(".cache/guildwatch/engines"))
}

/// Copies a Maven artifact (`group:name:version`) with all it needs into `FOLDER/lib`.
fn maven(folder: &Path, artifact: &str) -> anyhow::Result<()> {
    let mut parts = artifact.split(':');
    let (Some(group), Some(name), Some(version)) = (parts.next(), parts.next(), parts.next()) else {
        bail!("{artifact:?} is no Maven artifact");
    };
    let pom = format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>guildwatch</groupId><artifactId>engine</artifactId>\
         <version>1</version><packaging>pom</packaging><dependencies><dependency><groupId>{group}</groupId>\
         <artifactId>{name}</artifactId><version>{version}</version></dependency></dependencies></project>\n"
    );
    fs::write(folder.join("pom.xml"), pom).context("writing pom.xml")?;
    run(
        folder,
        "mvn",
        &[
            "-q",
            "-B",
            "dependency:copy-dependencies",
            "-DoutputDirectory=lib",
        ],
    )
}

/// Runs a tool to its end in a folder; its output is in the error.
pub(crate) fn run(folder: &Path, program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {program}; is it installed?"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let tail: Vec<&str> = said.lines().rev().take(15).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        bail!(
            "{program} {} ended with {}:\n{}",
            arguments.join(" "),
            output.status,
            tail.join("\n")
        );
    }
    Ok(())
}
