//! The original Punt's `config.json`, read as it is: its words become those of our configuration.
//!
//! | original | ours |
//! |---|---|
//! | `clusters.C.servers[]` | one `syslog` source each, `C-1`, `C-2`, ... |
//! | `types.T` | in each cluster a sink `C-T`, and a route by syslog tag that leads to it |
//! | `types.*` | a route for the tags that no other type names |
//! | `prefix`, `date_format` | the sink's `index`, the Go layout as `%Y`, `%m`, `%d`, `%H` |
//! | `transformer`, `mutators` | transforms of the route |
//! | `num_workers`, `bulk_size`, `commit_interval` | `concurrency`, `batch_events`, `batch_timeout_ms` |
//! | `gc.PREFIX.keep` | the sink's retention |
//! | `alerts`, `actions` | alerts and actions |
//! | `control_socket` | `tail`, where its `punt-cli` connects |
//!
//! Not here: running any of it. [`read`] gives the text of a configuration like every other, and what an operator
//! should know about the difference.

mod convert;
mod keys;
mod layout;
mod report;
#[cfg(test)]
mod tests;

pub(crate) use convert::read;
pub(crate) use report::Report;
