//! What every listening source shares: accepting, TLS, and the limits on connections.

mod accept;
mod tls;

pub(super) use accept::{Acceptor, Connection, Listener};
pub(super) use tls::acceptor;
