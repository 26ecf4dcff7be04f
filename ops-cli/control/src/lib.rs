//! The control plane and the supervisor of a stack.
//!
//! [`supervisor`] owns processes and sockets and knows nothing else. The control plane is one of its children.

pub mod folder;
mod operation;
pub mod supervisor;
pub mod topology;
