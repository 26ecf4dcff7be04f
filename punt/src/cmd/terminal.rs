//! Standard output and standard error: the one place that prints.

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

/// The exit code of a faulty configuration (`EX_CONFIG`).
pub(super) const BAD_CONFIG: u8 = 78;

/// Prints a line. False when nobody reads any more (`punt tail | head`), which is a reason to end, not an error.
pub(crate) fn say(line: &str) -> bool {
    let mut out = std::io::stdout().lock();
    let written = writeln!(out, "{line}").and_then(|()| out.flush());
    !matches!(written, Err(error) if error.kind() == ErrorKind::BrokenPipe)
}

/// Prints a line of complaint.
pub(crate) fn complain(line: &str) {
    // When standard error is gone as well, there is nobody left to tell.
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}

/// Says why a command failed.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    complain(&format!("punt: {error:#}"));
    ExitCode::FAILURE
}
