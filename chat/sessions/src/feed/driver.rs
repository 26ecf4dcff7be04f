//! The task of one feed: does what [`Feed::wants`], and tells it what came of it.
//!
//! It makes at most one call of each kind at a time, pauses after a failure, and goes on for as long as it takes.
//! It never waits for a session.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chat_node::Caller;
use chat_proto::service::sessions::Sessions;
use chat_proto::{Cluster, GuildEvent, GuildId};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::debug;

use super::calls::{Done, read, snapshot, subscribe, unsubscribe};
use super::feeds::Feeds;
use super::state::{Feed, LinkId};
use crate::cell::Cell;
use crate::limits::{FEED_CHECK, FEED_LINGER, RETRY_FIRST, RETRY_LONGEST};

/// What a feed is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// A session follows the guild, or may be behind.
    Join(Arc<Cell<Caller<Sessions>>>),
    /// A session does not follow any more.
    Leave(Arc<Cell<Caller<Sessions>>>),
    /// An event was pushed.
    Event(GuildEvent),
    /// A link died, or its node said that the guild moved.
    Broken(LinkId),
}

/// The task of a feed.
pub(super) struct Driver {
    guild: GuildId,
    feed: Feed<Caller<Sessions>>,
    feeds: Arc<Feeds>,
    mailbox: mpsc::Receiver<Command>,
    doubt: Arc<AtomicBool>,
    calls: JoinSet<Done>,
    picturing: bool,
    reading: bool,
    pause: Duration,
    /// After a failure: no call before then.
    rest: Option<Instant>,
    quiet_since: Instant,
    empty_since: Option<Instant>,
}

// === impl Driver ===

impl Driver {
    pub(super) fn new(
        guild: GuildId,
        feeds: Arc<Feeds>,
        mailbox: mpsc::Receiver<Command>,
        doubt: Arc<AtomicBool>,
    ) -> Self {
        Self {
            guild,
            feed: Feed::new(guild),
            feeds,
            mailbox,
            doubt,
            calls: JoinSet::new(),
            picturing: false,
            reading: false,
            pause: RETRY_FIRST,
            rest: None,
            quiet_since: Instant::now(),
            empty_since: Some(Instant::now()),
        }
    }

    /// Runs until the feed has been without sessions for a while, or the node ends.
    pub(super) async fn run(mut self) {
        let stop = self.feeds.stop().clone();
        let mut changes = self.feeds.node().changes();
        loop {
            self.start_calls();
            let wake = self.next_wake();
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(done) = self.calls.join_next(), if !self.calls.is_empty() => {
                    // A call that panicked is asked again: the state still wants it.
                    match done {
                        Ok(done) => self.done(done),
                        Err(error) => self.failed(&error),
                    }
                }
                Ok(()) = changes.changed() => {
                    let view = self.feeds.node().view();
                    let owner = view.owner(Cluster::Guilds, &self.guild.to_string());
                    self.feed.owner(owner.map(|member| &member.node));
                    // A new view may be what was waited for.
                    self.rest = None;
                }
                command = self.mailbox.recv() => match command {
                    Some(command) => self.obey(command),
                    None => return,
                },
                () = tokio::time::sleep_until(wake) => {
                    if self.tick() && self.end().await {
                        return;
                    }
                }
            }
            for cell in self.feed.take_left() {
                self.feeds.left(cell);
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Join(cell) => self.feed.join(cell),
            Command::Leave(cell) => self.feed.leave(&cell),
            Command::Event(event) => {
                self.quiet_since = Instant::now();
                self.feed.heard(event);
            }
            Command::Broken(link) => self.feed.broken(link),
        }
        self.empty_since = match self.empty_since {
            _ if !self.feed.is_empty() => None,
            since => since.or_else(|| Some(Instant::now())),
        };
    }

    /// Returns whether the feed should end.
    fn tick(&mut self) -> bool {
        let now = Instant::now();
        self.rest = self.rest.filter(|rest| *rest > now);
        if self.quiet_since + FEED_CHECK <= now {
            self.quiet_since = now;
            self.feed.doubt();
        }
        self.empty_since.is_some_and(|since| since + FEED_LINGER <= now)
    }

    fn next_wake(&self) -> Instant {
        let wake = self.quiet_since + FEED_CHECK;
        let wake = self.rest.map_or(wake, |rest| wake.min(rest));
        self.empty_since
            .map_or(wake, |since| wake.min(since + FEED_LINGER))
    }

    fn start_calls(&mut self) {
        if self.doubt.swap(false, Ordering::AcqRel) {
            self.feed.doubt();
        }
        if self.rest.is_some_and(|rest| rest > Instant::now()) {
            return;
        }
        let wants = self.feed.wants();
        let (guild, feeds) = (self.guild, self.feeds.clone());
        if let Some(since) = wants.subscribe {
            self.feed.subscribing();
            let feeds = feeds.clone();
            self.calls
                .spawn(async move { subscribe(&feeds, guild, since).await });
        }
        if wants.snapshot && !self.picturing {
            self.picturing = true;
            self.feed.picturing();
            let feeds = feeds.clone();
            self.calls.spawn(async move { snapshot(&feeds, guild).await });
        }
        if let Some(after) = wants.read
            && !self.reading
        {
            self.reading = true;
            self.calls.spawn(async move { read(&feeds, guild, after).await });
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Subscribed {
                link,
                node,
                since,
                events,
                last,
            } => {
                metrics::counter!("feed_subscriptions_total").increment(1);
                self.quiet_since = Instant::now();
                self.feed.subscribed(link, node, since, events, last);
                self.succeeded();
            }
            Done::NotSubscribed(error) => {
                self.feed.not_subscribed();
                self.failed(&error);
            }
            Done::Pictured {
                guild,
                presences,
                last,
            } => {
                self.picturing = false;
                self.feed.pictured(guild, presences, last);
                self.succeeded();
            }
            Done::NotPictured(error) => {
                self.picturing = false;
                self.feed.not_pictured();
                self.failed(&error);
            }
            Done::Read { after, events, last } => {
                self.reading = false;
                self.feed.exists(last);
                self.feed.page(after, events);
                // A page that brought nothing on would be asked for again at once, and again.
                if self.feed.wants().read == Some(after) {
                    self.failed(&"the page did not bring the feed on");
                } else {
                    self.succeeded();
                }
            }
            Done::NotRead(error) => {
                self.reading = false;
                self.failed(&error);
            }
        }
    }

    fn succeeded(&mut self) {
        self.pause = RETRY_FIRST;
    }

    fn failed(&mut self, error: &dyn std::fmt::Display) {
        metrics::counter!("feed_call_failures_total").increment(1);
        debug!(%error, guild = %self.guild, pause_ms = self.pause.as_millis(), "call to the guild's owner failed, trying again");
        let jitter = 0.5 + rand::random::<f64>() / 2.0;
        self.rest = Some(Instant::now() + self.pause.mul_f64(jitter));
        self.pause = (self.pause * 2).min(RETRY_LONGEST);
    }

    /// Takes the feed down, unless a session joins meanwhile. Returns whether it is down.
    async fn end(&mut self) -> bool {
        // The owner must have let go before another feed of this guild can subscribe on the same link.
        unsubscribe(&self.feeds, self.guild).await;
        self.feed.doubt();
        if !self.mailbox.is_empty() || !self.feeds.forget(self.guild, &self.mailbox) {
            self.empty_since = Some(Instant::now());
            return false;
        }
        // Whoever had the sender already finds it closed and asks for a new feed; who was faster is sent there.
        self.mailbox.close();
        while let Some(command) = self.mailbox.recv().await {
            if let Command::Join(cell) = command {
                self.feeds.join(self.guild, cell).await;
            }
        }
        true
    }
}
