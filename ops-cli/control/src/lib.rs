//! The control plane and the supervisor of a stack.
//!
//! - [`supervisor`]: parent of all processes and owner of their sockets. It knows nothing else, and is never
//!   restarted.
//! - [`control`]: the control plane, one of its children. Leases and membership (`membership`), the health of
//!   everything (`health`), restarts (`operation`), accounts and the audit log, behind one HTTP API (`server`).
//!   All that it must remember is in one journal (`journal`), written before it is answered or done.
//!
//! Verdicts are computed here and nowhere else; the CLI and the console only draw them.

mod accounts;
mod audit;
pub mod control;
pub mod direct;
pub mod folder;
mod health;
mod journal;
mod membership;
mod operation;
mod server;
pub mod supervisor;
pub mod topology;

pub use journal::JournalError;
