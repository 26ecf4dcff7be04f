//! Searches.
//!
//! What a body asks is [`request`]; [`execute`] runs it over the [`view`]s of some indices, within the bounds of a
//! [`gate`]. The best hits by the keys of [`sort`] are collected in [`top`] and read in [`hit`], with [`fetch`],
//! [`source`] and [`highlight`]. Searches that go on, scrolls and points in time, are in [`held`].

pub mod collapse;
pub mod execute;
pub mod fetch;
pub mod gate;
pub mod held;
pub mod highlight;
pub mod hit;
pub mod request;
pub mod slice;
pub mod sort;
pub mod source;
pub mod top;
pub mod view;

pub use execute::{Outcome, Total, execute};
pub use hit::Hit;
pub use request::SearchRequest;
pub use view::{View, views};
