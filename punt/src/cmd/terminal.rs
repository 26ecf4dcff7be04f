//! Standard output and standard error: the one place that prints.

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

/// The exit code of a faulty configuration (`EX_CONFIG`).
pub(super) const BAD_CONFIG: u8 = 78;

/// The exit code of a wrong use: a terminal is needed and there is none.
pub(super) const WRONG_USAGE: u8 = 2;

/// Whether the user wants no colours (`NO_COLOR`).
pub(super) fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

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
