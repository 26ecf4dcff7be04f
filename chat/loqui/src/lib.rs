//! Loqui, version 1: Discord's protocol between nodes, client and server.
//!
//! A connection is an HTTP/1.1 upgrade followed by binary frames: requests and their responses in any order,
//! pushes either way in order, pings from both sides, and GOAWAY to say why it ends. Payloads are opaque here;
//! what they mean is the caller's business, and so are reconnecting and retrying.
//!
//! * A [`Client`] is one connection. Once it is closed it stays closed.
//! * [`serve`] runs a [`Handler`] for every connection of a listener until it is told to stop.
//! * Every queue is bounded. A full outgoing queue makes a request wait and a [`Peer::push`] fail; a full queue
//!   of received pushes stops reading the socket.
//!
//! It interoperates with the published Rust, Go and Elixir peers: no compression is offered or accepted, and the
//! server takes the first encoding of the client's list that it knows.

mod client;
mod code;
mod connection;
mod frame;
mod handshake;
mod in_flight;
mod link;
mod options;
mod peer;
mod reader;
mod server;
mod upgrade;
mod writer;

pub use client::{Client, ConnectError, Pushes, RequestError};
pub use code::Code;
pub use frame::{COMPRESSED, Frame, FrameError, Kind, VERSION};
pub use options::Options;
pub use peer::{Peer, PushError};
pub use server::{Handler, OVERLOADED, Rejection, serve};
pub use tokio_util::sync::CancellationToken;
