//! How a process of ours begins and ends: inherited sockets, stop signals, the watch on the parent.
//!
//! Not here: what a process does between. Every binary (`punt`, `logstored`, `chatd`, `ops`) uses this one
//! crate, so that all of them stop the same way:
//!
//! 1. SIGTERM or SIGINT, or the end of the parent's pipe, cancels the [`CancellationToken`] of [`stop_token`].
//! 2. Only sources listen to it; later stages end because their input ended.
//! 3. A second signal, or [`ORPHAN_GRACE`] after the parent died, ends the process at once.

mod sockets;
mod stop;

pub use sockets::Sockets;
pub use stop::{ORPHAN_GRACE, PARENT_ENV, stop_token};
pub use tokio_util::sync::CancellationToken;
