//! Makes sure that the process may have a socket for each user: the usual soft limit is 1,024 files.

use anyhow::{Context as _, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::sender::IN_FLIGHT;

/// Files beside the sockets.
const OTHERS: usize = 64;

/// Raises the soft limit as far as `users` sessions and the sends in flight need.
pub(crate) fn allow(users: usize) -> anyhow::Result<()> {
    let needed = u64::try_from(users + IN_FLIGHT + OTHERS)?;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("read the limit of open files")?;
    if soft >= needed {
        return Ok(());
    }
    ensure!(
        hard >= needed,
        "{users} users need {needed} open files, and this process may have {hard}: raise `ulimit -Hn`, or use fewer users"
    );
    setrlimit(Resource::RLIMIT_NOFILE, needed, hard).context("raise the limit of open files")
}
