//! `punt replay`: dead letters are sent again, through the sink that they belong to.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::{complain, failed, say, terminal::BAD_CONFIG};
use crate::config::{self, Config};
use crate::sink::{Replay, Replayed, Target};

/// Sends dead letters again. Those that are accepted leave the file; those that are refused again stay, with the new
/// reason. punt may run meanwhile.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The sink to send through. Without it, each file's own, by the file's name.
    #[arg(long, value_name = "NAME")]
    sink: Option<String>,
    /// Only count what would be sent, by the reason why it was refused.
    #[arg(long)]
    dry_run: bool,
    /// How long the other side may take nothing before the replay gives up. What is left stays in the file.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
    /// Dead-letter files. Without any, all of the sinks'.
    #[arg(value_name = "DEAD_LETTER_FILE")]
    files: Vec<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let config = match config::load(&arguments.config) {
        Ok(config) => config,
        Err(faults) => {
            complain(&format!("punt: {faults}"));
            return ExitCode::from(BAD_CONFIG);
        }
    };
    match replay(arguments, &config) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => failed(&error),
    }
}

/// False: something is left.
fn replay(arguments: &Arguments, config: &Config) -> anyhow::Result<bool> {
    let work = files(arguments, config)?;
    if work.is_empty() {
        say("there are no dead letters");
        return Ok(true);
    }
    if arguments.dry_run {
        for (_, path) in &work {
            let (counted, kinds) = Replay::survey(path)?;
            let (path, letters) = (path.display(), counted.read - counted.unreadable);
            say(&format!(
                "{path}: {letters} events would be sent, {} lines cannot be read",
                counted.unreadable
            ));
            for (kind, count) in kinds {
                say(&format!("  {count:>9}  {kind}"));
            }
        }
        return Ok(true);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let mut all = Replayed::default();
    for (name, path) in &work {
        let Some((_, sink)) = config.sinks.iter().find(|(known, _)| known == name) else {
            bail!(
                "{}: there is no sink {name:?}; name one with --sink",
                path.display()
            );
        };
        let patience = Duration::from_secs(arguments.patience);
        let replay = Replay::new(name, Target::new(name, sink)?, &sink.delivery, patience);
        let done = runtime
            .block_on(replay.run(path))
            .with_context(|| format!("replaying {}", path.display()))?;
        say(&format!(
            "{}: {} read, {} accepted ({} were there already), {} refused again, {} repeated, {} unreadable",
            path.display(),
            done.read,
            done.accepted,
            done.duplicates,
            done.left,
            done.repeated,
            done.unreadable
        ));
        all.add(done);
    }
    Ok(all.left == 0 && all.unreadable == 0)
}

/// The files, each with its sink.
fn files(arguments: &Arguments, config: &Config) -> anyhow::Result<BTreeSet<(String, PathBuf)>> {
    let mut found = BTreeSet::new();
    if arguments.files.is_empty() {
        let folder = config.process.data.join("dead-letter");
        for (name, _) in &config.sinks {
            if arguments.sink.as_ref().is_none_or(|sink| sink == name) {
                let files =
                    Replay::files(&folder, name).with_context(|| format!("listing {}", folder.display()))?;
                found.extend(files.into_iter().map(|path| (name.clone(), path)));
            }
        }
    }
    for path in &arguments.files {
        let only = match config.sinks.as_slice() {
            [(only, _)] => Some(only.clone()),
            _ => None,
        };
        let sink = arguments.sink.clone().or_else(|| Replay::sink_of(path)).or(only);
        let Some(sink) = sink else {
            bail!(
                "{}: its name does not say of which sink it is; name one with --sink",
                path.display()
            );
        };
        if !path.exists() && !path.with_extension("ndjson.replaying").exists() {
            bail!("{}: there is no such file", path.display());
        }
        found.insert((sink, path.clone()));
    }
    Ok(found)
}
