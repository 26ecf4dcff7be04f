//! Programs of Debian packages, unpacked into the cache rather than installed: rsyslog beside syslog-ng, an nginx that no service starts.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::install::{into_cache, run};

/// A program and the packages that it is in, with the libraries that a small system may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// nginx 1.22.
    Nginx,
    /// rsyslog 8.2302 with its Elasticsearch output.
    Rsyslog,
}

// === impl Program ===

impl Program {
    fn packages(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Nginx => ("nginx", &["nginx", "libpcre2-8-0"]),
            Self::Rsyslog => (
                "rsyslog",
                &[
                    "rsyslog",
                    "rsyslog-elasticsearch",
                    "libestr0",
                    "libfastjson4",
                    "liblognorm5",
                ],
            ),
        }
    }

    /// The folder that it is unpacked into, fetched when it is not there.
    pub fn folder(self) -> anyhow::Result<PathBuf> {
        let (name, packages) = self.packages();
        into_cache(name, &mut |_| {}, |folder| unpack(folder, packages))
    }

    /// The command that runs one of its files, such as `usr/sbin/nginx`, with its own libraries.
    pub fn command(self, file: &str) -> anyhow::Result<Command> {
        let folder = self.folder()?;
        let libraries = folder.join("usr/lib/x86_64-linux-gnu");
        let mut command = Command::new(folder.join(file));
        command.env(
            "LD_LIBRARY_PATH",
            format!("{}:{}/syslog-ng", libraries.display(), libraries.display()),
        );
        Ok(command)
    }
}

fn unpack(folder: &Path, packages: &[&str]) -> anyhow::Result<()> {
    let download: Vec<&str> = [&["download"], packages].concat();
    // The lists may be missing, or older than what the archive still has.
    if run(folder, "apt-get", &download).is_err() {
        run(folder, "apt-get", &["update", "-q"])?;
        run(folder, "apt-get", &download)?;
    }
    for entry in std::fs::read_dir(folder).context("reading the packages")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            let package = path.display().to_string();
            run(folder, "dpkg", &["-x", &package, "."])?;
            std::fs::remove_file(&path).with_context(|| format!("removing {package}"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpacked_programs_run() {
        for (program, file, says) in [
            (Program::Nginx, "usr/sbin/nginx", "nginx/1."),
            (Program::Rsyslog, "usr/sbin/rsyslogd", "rsyslogd "),
        ] {
            let output = program.command(file).unwrap().arg("-v").output().unwrap();
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert!(said.contains(says), "{file}: {said}");
        }
    }
}
