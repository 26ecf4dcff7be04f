//! The feeds of this node: at most one for each guild, made when a session follows the guild.
//!
//! It also takes the pushes of guilds' owners and passes each to its feed. A feed whose mailbox is full loses the
//! push, is told to doubt, and subscribes again: one slow feed never holds up another.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use chat_node::{Caller, Link, Node, Receive};
use chat_proto::GuildId;
use chat_proto::service::guilds::{Guilds, Push};
use chat_proto::service::sessions::Sessions;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::driver::{Command, Driver};
use crate::cell::Cell;
use crate::limits::{FEED_CALLS, FEED_MAILBOX};

type Session = Arc<Cell<Caller<Sessions>>>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Feeds {
    node: Node,
    itself: Weak<Self>,
    feeds: Mutex<HashMap<GuildId, Handle>>,
    calls: Semaphore,
    left: mpsc::Sender<Session>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[derive(Debug, Clone)]
struct Handle {
    mailbox: mpsc::Sender<Command>,
    doubt: Arc<AtomicBool>,
}

// === impl Feeds ===

impl Feeds {
    /// No feeds yet. Sessions that leave a guild by one of its events go to `left`; when it is full they are
    /// dropped and counted (news from presence say the same).
    pub(crate) fn new(node: Node, left: mpsc::Sender<Session>) -> Arc<Self> {
        Arc::new_cyclic(|itself| Self {
            node,
            itself: itself.clone(),
            feeds: Mutex::new(HashMap::new()),
            calls: Semaphore::new(FEED_CALLS),
            left,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        })
    }

    /// The session follows `guild`, or may be behind in it.
    pub(crate) async fn join(&self, guild: GuildId, cell: Session) {
        while !self.stop.is_cancelled() {
            let mailbox = self.handle(guild).mailbox;
            // It fails when the feed ended a moment ago; the next one is a new feed.
            if mailbox.send(Command::Join(cell.clone())).await.is_ok() {
                return;
            }
        }
    }

    /// The session does not follow `guild` any more.
    pub(crate) async fn leave(&self, guild: GuildId, cell: Session) {
        let mailbox = self.lock().get(&guild).map(|handle| handle.mailbox.clone());
        if let Some(mailbox) = mailbox {
            // A feed that ended has no sessions to forget.
            drop(mailbox.send(Command::Leave(cell)).await);
        }
    }

    /// How many feeds there are.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// The messages that wait in the fullest mailbox.
    pub(crate) fn deepest(&self) -> usize {
        let feeds = self.lock();
        let depths = feeds
            .values()
            .map(|handle| FEED_MAILBOX - handle.mailbox.capacity());
        depths.max().unwrap_or(0)
    }

    /// Ends all feeds and waits for them.
    pub(crate) async fn finish(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    pub(super) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Waits for a place among the calls under way.
    pub(super) async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        self.calls.acquire().await.ok()
    }

    pub(super) fn left(&self, cell: Session) {
        if self.left.try_send(cell).is_err() {
            metrics::counter!("sessions_reconcile_dropped_total").increment(1);
        }
    }

    /// Removes a feed that ends, unless something waits in its mailbox. Returns whether it is removed.
    pub(super) fn forget(&self, guild: GuildId, mailbox: &mpsc::Receiver<Command>) -> bool {
        let mut feeds = self.lock();
        if !mailbox.is_empty() {
            return false;
        }
        feeds.remove(&guild);
        true
    }

    fn handle(&self, guild: GuildId) -> Handle {
        let mut feeds = self.lock();
        if let Some(handle) = feeds.get(&guild)
            && !handle.mailbox.is_closed()
        {
            return handle.clone();
        }
        let (mailbox, receiver) = mpsc::channel(FEED_MAILBOX);
        let doubt = Arc::new(AtomicBool::new(false));
        let handle = Handle {
            mailbox,
            doubt: doubt.clone(),
        };
        feeds.insert(guild, handle.clone());
        if let Some(itself) = self.itself.upgrade() {
            self.tasks
                .spawn(Driver::new(guild, itself, receiver, doubt).run());
        }
        handle
    }

    fn tell(handle: &Handle, command: Command) {
        if handle.mailbox.try_send(command).is_err() {
            handle.doubt.store(true, Ordering::Release);
            metrics::counter!("feed_pushes_dropped_total").increment(1);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<GuildId, Handle>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Receive<Guilds> for Feeds {
    async fn push(&self, link: &Link, push: Push) {
        let (guild, command) = match push {
            Push::Event(event) => (event.guild, Command::Event(event)),
            Push::Moved { guild } => (guild, Command::Broken(link.id)),
        };
        let handle = self.lock().get(&guild).cloned();
        if let Some(handle) = handle {
            Self::tell(&handle, command);
        }
    }

    async fn lost(&self, link: &Link) {
        let handles: Vec<Handle> = self.lock().values().cloned().collect();
        for handle in handles {
            Self::tell(&handle, Command::Broken(link.id));
        }
    }
}
