//! One user's gateway session: connect, identify, stay, come back, and hand every message to the books.
//!
//! [`frame`] reads and writes payloads, [`machine`] knows the protocol and does no IO, [`session`] owns the socket,
//! [`history`] reads what a session missed that could not be resumed.

mod frame;
mod history;
mod machine;
mod session;

pub(crate) use frame::Message;
pub(crate) use session::{Member, Venue, attend};
