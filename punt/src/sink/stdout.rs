//! The `stdout` sink: a line an event on the standard output. punt's own log goes to standard error or a spool.

use std::io::Write as _;

use punt_elastic::Verdict;

use super::failure::Failure;
use super::file::encode;
use super::target::all_stored;
use crate::buffer::Payloads;
use crate::config::Encoding;

/// The standard output.
#[derive(Debug)]
pub(crate) struct StdoutTarget {
    encoding: Encoding,
}

// === impl StdoutTarget ===

impl StdoutTarget {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self { encoding }
    }

    pub(super) fn send(&self, items: &Payloads) -> Result<Vec<Verdict>, Failure> {
        let mut lines = Vec::with_capacity(items.bytes());
        items
            .iter()
            .for_each(|payload| encode(&mut lines, payload, self.encoding));
        let written = tokio::task::block_in_place(|| {
            let mut out = std::io::stdout().lock();
            out.write_all(&lines).and_then(|()| out.flush())
        });
        match written {
            Ok(()) => Ok(all_stored(items)),
            Err(error) => Err(Failure::here(format!(
                "cannot write the standard output: {error}"
            ))),
        }
    }
}
