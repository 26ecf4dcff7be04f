//! Every bound of this crate, by name. What a full one does stands beside it.

use std::time::Duration;

/// How long a user's changes are collected before guilds are told.
pub(crate) const DEBOUNCE: Duration = Duration::from_millis(100);

/// Changes of one user in one guild that wait to be told; further ones are dropped and counted.
pub(crate) const TELL_QUEUE: usize = 65_536;

/// Guilds that are being told something at once; the others wait.
pub(crate) const TELL_GUILDS: usize = 32;

/// Calls that are under way to one guild at once.
pub(crate) const TELL_CALLS: usize = 16;

/// One call to a guild's owner, with its retries; then the change is dropped and counted.
pub(crate) const TELL_LIMIT: Duration = Duration::from_secs(2);

/// How long the sessions of a lost sessions node are kept for it or its successor to register them again.
pub(crate) const LOST_GRACE: Duration = Duration::from_secs(10);

/// How long after a new membership sessions may still be registering: until then an unknown user is no proof.
pub(crate) const SETTLE: Duration = Duration::from_secs(2);

/// How long a request waits for the membership that its caller has seen.
pub(crate) const VIEW_WAIT: Duration = Duration::from_secs(1);

/// How often housekeeping runs.
pub(crate) const TICK: Duration = Duration::from_secs(1);

/// Sessions in one hand-over message.
pub(crate) const HAND_OFF_BATCH: usize = 512;
