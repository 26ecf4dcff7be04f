//! Optional security: who asks, and what they may do.
//!
//! - [`registry`]: users, roles and API keys, in one file of the data folder; secrets are kept as salted hashes.
//! - [`secret`]: hashing and constant-time comparison.
//! - [`privilege`]: what a request needs, by its method and path, and what a role grants.
//! - [`scope`]: carries who asks to where names become indices, so that no endpoint can forget to ask.
//!
//! Off unless `--security` says otherwise; then every request needs credentials.

pub mod privilege;
pub mod registry;
pub mod scope;
pub mod secret;

pub use privilege::{Grants, Privilege};
pub use registry::Registry;
pub use scope::Scope;
