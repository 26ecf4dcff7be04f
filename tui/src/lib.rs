//! The console: the eyes of the platform. It draws what the control plane says and what the log store holds, and
//! computes no verdict of its own.
//!
//! Three rooms. `conn` knows the network and nothing of the screen; [`state`] is what is known and one pure
//! function that changes it ([`state::update`]); [`view`] draws it. [`keymap`] is the one table of keys. The
//! loop in `app` joins them: keys, messages and time go in, wishes and frames come out.

use std::path::PathBuf;

mod app;
pub mod conn;
pub mod key;
pub mod keymap;
mod memory;
pub mod state;
mod terminal;
pub mod view;

/// How the console is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// The control plane.
    pub control: ops_api::ControlClient,
    /// The Elasticsearch API of the log store: `http://127.0.0.1:9200`.
    pub store: String,
    /// The indices of the log: `guildwatch-*`.
    pub index: String,
    /// Only ASCII shapes and borders.
    pub ascii: bool,
    /// Which colours; in mono not one is set.
    pub theme: state::Theme,
    /// Who acts, for the audit log.
    pub by: String,
    /// Where one run leaves to the next how things were looked at; nowhere when there is no such place.
    pub session: Option<PathBuf>,
}

/// Opens the console; returns when the user leaves it.
///
/// Fails without a terminal: see [`is_no_tty`].
pub async fn run(options: Options) -> anyhow::Result<()> {
    app::run(options).await
}

/// Whether [`run`] failed since there is no terminal: the caller exits with 2 then.
pub fn is_no_tty(error: &anyhow::Error) -> bool {
    error.is::<terminal::NoTerminal>()
}
