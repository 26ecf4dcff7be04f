//! nginx's logs, into ECS fields. Times are given as `@timestamp`, RFC 3339 in UTC.

mod access;
mod error;
mod request;

pub use access::access;
pub use error::error;
