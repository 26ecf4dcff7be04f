//! Where events go: each sink reads its own buffer.
//!
//! One machinery for all of them: a [`Sender`] takes batches from the buffer and a [`Delivery`] brings each of them
//! through, whatever happens. What differs is the [`Target`], which takes one request and judges each of its items:
//!
//! | verdict | what becomes of the event |
//! |---|---|
//! | stored, or there already | acknowledged |
//! | not now (429, 5xx) | sent again, alone, with back-off, for as long as it takes |
//! | never (other 4xx, failure store) | dead-letter file, then acknowledged |
//! | the whole request is too much (413, 400) | halved until it passes or one event is left, which is dead |
//! | the whole request fails, or is not answered | sent again with back-off; the buffer keeps the rest |

mod backoff;
mod dead_letter;
mod delivery;
mod elasticsearch;
mod endpoints;
mod failure;
mod file;
mod http;
mod item;
mod letter;
mod loki;
mod pace;
mod replay;
mod sender;
mod stdout;
mod target;

pub(crate) use dead_letter::DeadLetter;
pub(crate) use delivery::Delivery;
pub(crate) use pace::Pace;
pub(crate) use replay::{Replay, Replayed};
pub(crate) use sender::{Baton, Begun, Sender};
pub(crate) use target::Target;
