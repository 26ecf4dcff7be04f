//! The guilds cluster over real sockets, with data behind it and a lease server beside it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod asks;
mod ownership;
mod stack;
