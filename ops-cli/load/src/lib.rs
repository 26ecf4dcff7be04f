//! The load generator of the chat stack, and the judge of what it delivers.
//!
//! It is a crowd of simulated users: each has an account, sits in a guild, keeps a gateway session and now and then
//! sends a message, through the public API alone. It knows what it sent and what was acknowledged, and it holds the
//! stack to its promise: an acknowledged message reaches every member once and in order, whatever restarts meanwhile.
//!
//! It is no client library, starts no stack and injects no faults: run it beside `ops restart` or a drill.
//!
//! | file | what |
//! |---|---|
//! | `run` | the phases of a run: set up, connect, send, settle, judge |
//! | `setup` | accounts, guilds, members |
//! | `gateway` | one user's session: the protocol (pure) and its socket |
//! | `sender` | messages at a steady rate |
//! | `checker` | what each member should have received, against what it did (pure) |
//! | `books` | a checker a guild, counts, latencies: shared by all tasks |
//! | `report` | the result |

mod backoff;
mod books;
mod checker;
mod gateway;
mod open_files;
mod progress;
mod report;
mod rest;
mod run;
mod sender;
mod setup;
mod stamp;

pub use report::{Latency, Report};
pub use run::{Options, run};
