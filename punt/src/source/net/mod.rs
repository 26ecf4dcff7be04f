//! What every listening source shares: accepting, the PROXY protocol, TLS, and the limits on connections.

mod accept;
mod proxy;
mod tls;

pub(super) use accept::{Acceptor, Connection, Listener};
pub(super) use tls::acceptor;
