//! guilds: the owner of a guild orders and numbers what happens in it, has data write it, and fans it out.
//!
//! One task owns one loaded guild ([`guild`]); everything about it is decided there, one thing after another. Pure
//! and tested without a socket: [`ledger`] (numbers, repeats, what is being written), [`window`] (the newest
//! events), [`roster`] (channels, members, who may do what), [`compose`] (the events' JSON).
//!
//! **The order of things**: number, write, (durable) publish, reply. What arrives while a write is in flight is the
//! next write. A write whose outcome is unknown is sent again as it was until it is known; it is never given up
//! for another with the same numbers.
//!
//! **Two owners are harmless**: the epoch fences the older one at data. An owner that is fenced, or that its own
//! view no longer names, lets the guild go: its subscribers hear `Moved` and subscribe again with the last number
//! they have.
//!
//! Not here: what a session may see (`chat/sessions`), what a client may send (`chat/api`), rows (`chat/data`).

mod compose;
mod fanout;
mod guild;
mod journal;
mod ledger;
mod mail;
mod notices;
mod registry;
mod repeats;
mod roster;
mod service;
mod window;

pub use service::run;
