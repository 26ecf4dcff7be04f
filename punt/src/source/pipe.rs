//! Reading what may be silent for long (standard input, a command's output) without being deaf to the stop signal.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use tokio_util::sync::CancellationToken;

/// How often a silent pipe looks whether it should stop, in milliseconds.
const WAKE_MS: u16 = 100;

/// The reading end.
pub(super) struct Pipe(File);

/// What a read gave.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bytes {
    Some(usize),
    /// Nothing for now.
    Silence,
    /// The writer has closed it.
    End,
}

// === impl Pipe ===

impl Pipe {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self(File::from(fd))
    }

    /// Reads what there is, and waits a moment for it. At a stop, reads what is there and waits for nothing.
    pub(super) fn read(&mut self, chunk: &mut [u8], stop: &CancellationToken) -> io::Result<Bytes> {
        let wait = if stop.is_cancelled() { 0 } else { WAKE_MS };
        let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, wait) {
            Ok(0) | Err(Errno::EINTR) => return Ok(Bytes::Silence),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        match self.0.read(chunk) {
            Ok(0) => Ok(Bytes::End),
            Ok(length) => Ok(Bytes::Some(length)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Bytes::Silence),
            Err(error) => Err(error),
        }
    }
}
