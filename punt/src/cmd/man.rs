//! `punt man`: the manual page, or one a command in a folder.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Command, CommandFactory};

use super::{failed, say};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A folder for `punt.1` and one page for each command; without it, `punt.1` goes to standard output.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run<A: CommandFactory>(arguments: &Arguments) -> ExitCode {
    let mut command = A::command();
    command.build();
    let written = match &arguments.out {
        Some(folder) => write(&command, folder),
        None => page(&command).map(|page| {
            say(String::from_utf8_lossy(&page).trim_end());
        }),
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn write(command: &Command, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    let all = std::iter::once(("punt.1".to_owned(), command.clone())).chain(
        command
            .get_subcommands()
            .filter(|verb| verb.get_name() != "help")
            .map(|verb| (format!("punt-{}.1", verb.get_name()), verb.clone())),
    );
    for (file, command) in all {
        let path = folder.join(file);
        std::fs::write(&path, page(&command)?).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

fn page(command: &Command) -> anyhow::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone())
        .render(&mut page)
        .context("writing the page")?;
    Ok(page)
}
