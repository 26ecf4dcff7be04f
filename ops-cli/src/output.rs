//! Standard output of the verbs: tables for people, JSON for scripts. Messages go to standard error.

use std::io::{self, IsTerminal as _, Write as _};

use clap::ValueEnum;
use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::{Failure, Outcome};

/// How a verb prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// For scripts; fields are only ever added.
    Json,
}

/// Prints text as it is. A reader that has gone away is no error.
pub(crate) fn print(text: &str) -> Outcome {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::plain(format!(
            "cannot write to standard output: {error}"
        ))),
        _ => Ok(()),
    }
}

/// Prints one object, with `apiVersion` and `kind`.
pub(crate) fn object<T: Serialize>(kind: &str, value: &T) -> Outcome {
    json_text(&tagged(kind, value)?)
}

/// Prints a list: `{apiVersion, kind, items, next}`.
pub(crate) fn list<T: Serialize>(kind: &str, items: &[T]) -> Outcome {
    json_text(&json!({"apiVersion": "ops/v1", "kind": kind, "items": items, "next": null}))
}

fn tagged<T: Serialize>(kind: &str, value: &T) -> Result<Value, Failure> {
    let mut tagged = json!({"apiVersion": "ops/v1", "kind": kind});
    let value = serde_json::to_value(value).map_err(|error| Failure::plain(error.to_string()))?;
    if let (Value::Object(tagged), Value::Object(value)) = (&mut tagged, value) {
        tagged.extend(value);
    }
    Ok(tagged)
}

fn json_text(value: &Value) -> Outcome {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::plain(error.to_string()))?;
    print(&(text + "\n"))
}

/// Says something to the user on standard error.
pub(crate) fn say(message: &str) {
    // Nothing can be done when standard error is closed.
    drop(writeln!(io::stderr(), "{message}"));
}

/// Whether standard output may be coloured: a terminal, and `NO_COLOR` is not set.
pub(crate) fn color() -> bool {
    io::stdout().is_terminal() && no_color_is_unset()
}

fn no_color_is_unset() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Whether standard input and output are a terminal.
pub(crate) fn is_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}
