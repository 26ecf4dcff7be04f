//! The node shell: what every service of the chat stack runs in.
//!
//! It gives a service its place in the stack and takes care of everything that is not its own business:
//! - [`Shell::start`] inherits the sockets, serves the admin port ([`admin`]), writes the run file and keeps the
//!   lease ([`lease`]); [`Shell::finish`] gives all of that back.
//! - [`Node`] is the handle that a service holds: who it is, the current [`View`] (membership and rings), whether
//!   it drains or must stop, its [`Red`] figures, and its [`Peers`].
//! - [`Peers`] calls other nodes over Loqui: one connection to each, made when needed; pushes go to a [`Receive`].
//! - [`serve`] answers other nodes: a service implements [`Serve`].
//!
//! A service crate exposes `pub async fn run(shell: Shell) -> anyhow::Result<()>`:
//!
//! ```ignore
//! pub async fn run(mut shell: Shell) -> anyhow::Result<()> {
//!     let node = shell.node.clone();
//!     let listener = shell.take_listener();
//!     let owner = Arc::new(Owner::new(node.clone()));
//!     node.peers().receive::<Presence, _>(owner.clone());     // before the first call to that cluster
//!     node.set_ready();                                        // now it enters its ring
//!     chat_node::serve::<Guilds, _>(&node, listener, owner.clone()).await?; // until node.stop() is cancelled
//!     owner.finish().await;
//!     shell.finish().await;
//!     Ok(())
//! }
//! ```
//!
//! **Draining is nothing but a change of the ring.** When the control plane drains a node, the next membership no
//! longer has it in its ring. A service therefore watches [`Node::changes`] and hands over whatever the current
//! view gives to another node; the same code serves a drain, a node that joins and a node that was lost. What is
//! left to hand over is what [`Node::set_holds`] says.

mod admin;
mod error;
mod lease;
mod node;
mod options;
mod peers;
mod red;
mod serve;
mod shell;
mod view;

pub use error::CallError;
pub use node::Node;
pub use options::NodeOptions;
pub use peers::{Link, Peers, Receive};
pub use red::Red;
pub use serve::{Caller, PushFailed, Serve, serve};
pub use shell::Shell;
pub use view::View;

/// The header of a Loqui upgrade request that names the calling node.
pub const NODE_HEADER: &str = "x-guildwatch-node";
