//! The `elasticsearch` sink: bulk requests from the buffer, a verdict per item, and nothing forgotten.
//!
//! | verdict | what becomes of the event |
//! |---|---|
//! | 2xx, or 409 on `create` | acknowledged |
//! | 429, 5xx | sent again, alone, with back-off, for as long as it takes |
//! | other 4xx, failure store | dead-letter file, then acknowledged |
//! | whole request 413 or 400 | halved until it passes or one event is left, which is rejected |
//! | whole request anything else, or no answer | sent again with back-off; the buffer keeps the rest |

mod backoff;
mod dead_letter;
mod delivery;
mod sender;
mod template;

pub(crate) use dead_letter::DeadLetter;
pub(crate) use delivery::Delivery;
pub(crate) use sender::{Baton, Begun, Sender};
