//! Every bound of this crate, by name. What a full one does stands beside it.

use std::time::Duration;

/// Frames that a session keeps for a resume; the oldest is dropped, and a resume from before it is refused.
pub(crate) const OUTBOX_FRAMES: usize = 1_000;

/// The text of those frames together; the oldest is dropped.
pub(crate) const OUTBOX_BYTES: usize = 4 << 20;

/// How long a session without a socket waits to be resumed; then it is over.
pub(crate) const DETACHED_LIFE: Duration = Duration::from_secs(120);

/// How long a gateway may leave frames of a session untaken; then the session is detached, and counted.
pub(crate) const LAG_LIFE: Duration = Duration::from_secs(10);

/// Frames that are pushed for one lagging session before the next one has its turn.
pub(crate) const FLUSH_FRAMES: usize = 64;

/// Cursors in one push; more take several.
pub(crate) const CURSORS_BATCH: usize = 1_024;

/// How long the pump waits before it tries gateways again whose queues were full.
pub(crate) const PUMP_PAUSE: Duration = Duration::from_millis(5);

/// Events that a feed keeps for sessions that join with an older cursor; older ones are read from the owner.
pub(crate) const WINDOW_EVENTS: usize = 512;

/// The payloads of those events together; the oldest is dropped.
pub(crate) const WINDOW_BYTES: usize = 2 << 20;

/// Events that a feed keeps because one before them is missing; the furthest is dropped and read again later.
pub(crate) const EARLY_EVENTS: usize = 1_024;

/// What may wait for a feed: pushes beyond it are dropped and read again, joins wait.
pub(crate) const FEED_MAILBOX: usize = 1_024;

/// Events of one page of catching up.
pub(crate) const PAGE_EVENTS: u32 = 256;

/// The first pause after a failed call to a guild's owner, doubled each time up to [`RETRY_LONGEST`].
pub(crate) const RETRY_FIRST: Duration = Duration::from_millis(10);

/// The longest pause between two attempts to reach a guild's owner.
pub(crate) const RETRY_LONGEST: Duration = Duration::from_millis(500);

/// A feed that heard nothing for this long subscribes again, so that nothing can stay lost unnoticed.
pub(crate) const FEED_CHECK: Duration = Duration::from_secs(30);

/// How long a feed without sessions stays subscribed: clients that reconnect find it warm.
pub(crate) const FEED_LINGER: Duration = Duration::from_secs(10);

/// Calls to guilds that all feeds together may have under way; the others wait.
pub(crate) const FEED_CALLS: usize = 256;

/// One call to a guild's owner, with its retries.
pub(crate) const OWNER_CALL: Duration = Duration::from_secs(3);

/// Members that a GUILD_CREATE lists; the others are only counted.
pub(crate) const MEMBER_LIMIT: usize = 250;

/// How long a request waits for the membership that its caller has seen.
pub(crate) const VIEW_WAIT: Duration = Duration::from_secs(1);

/// How long a Start or Rebuild may take to read the user's guilds.
pub(crate) const GUILDS_CALL: Duration = Duration::from_millis(2_500);

/// Sessions in one hand-over message.
pub(crate) const HAND_OFF_SESSIONS: usize = 64;

/// Outbox text in one hand-over message: well below what Loqui carries in one payload.
pub(crate) const HAND_OFF_BYTES: usize = 6 << 20;

/// Hand-over messages that are under way at once.
pub(crate) const HAND_OFF_CALLS: usize = 4;

/// How long a Resume waits for a session that a peer may be handing over right now.
pub(crate) const ARRIVAL_WAIT: Duration = Duration::from_millis(1_500);

/// How long after a new membership sessions may still be arriving from a peer.
pub(crate) const ARRIVAL_WINDOW: Duration = Duration::from_secs(10);

/// Sessions whose guilds are being read again after a hand-over, at once; the others wait.
pub(crate) const RECONCILE_CALLS: usize = 32;

/// How often housekeeping runs: ends detached sessions, hands over what is left, registers at presence.
pub(crate) const TICK: Duration = Duration::from_secs(1);

/// Registrations in one message to presence.
pub(crate) const REGISTER_BATCH: usize = 256;

/// How long registrations are collected before they are sent.
pub(crate) const REGISTER_DEBOUNCE: Duration = Duration::from_millis(50);

/// Ended sessions that wait to be unregistered; further ones are dropped and counted.
pub(crate) const UNREGISTER_QUEUE: usize = 8_192;

/// Unregistrations that are under way at once.
pub(crate) const UNREGISTER_CALLS: usize = 32;

/// Locks that the table of sessions is divided over.
pub(crate) const REGISTRY_SHARDS: usize = 16;

/// Links to presence whose loss is remembered, for answers that are seen after it.
pub(crate) const LOST_LINKS: usize = 64;

/// How often an arriving session is looked for.
pub(crate) const ARRIVAL_POLL: Duration = Duration::from_millis(20);

/// Sessions that left a guild by its events and wait for their guilds to be read again; further ones are dropped
/// and counted.
pub(crate) const LEFT_QUEUE: usize = 4_096;

/// The pause before a user's guilds are read again after a failure.
pub(crate) const RECONCILE_PAUSE: Duration = Duration::from_millis(500);

/// How long a registration is good for before it is repeated.
pub(crate) const REGISTER_AGAIN: Duration = Duration::from_secs(30);
