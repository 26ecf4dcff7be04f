//! JSON as bytes: objects are walked, checked and written without a tree.
//!
//! Not here: values as Rust types, and numbers as numbers; a number stays the text that it was, however large.
//! Nothing in this crate recurses over its input, so that depth costs no stack.
//!
//! - [`Members`] walks the members of one object, and checks every byte of it.
//! - [`value_end`] finds the end of any value.
//! - [`text`] gives the text of a string, [`write_text`] writes one.

mod members;
mod scan;
mod text;

pub use members::{Elements, Member, Members};
pub use scan::{MAX_DEPTH, Malformed, skip_space, value_end};
pub use text::{text, unescape, unescape_into, write_text};
