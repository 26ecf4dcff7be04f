//! The books of a run, shared by all its tasks: a [`Checker`] a guild, counts, and how long things took.
//!
//! Everything here is counted, nothing is judged: verdicts come from the checkers at the end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use chat_proto::MessageId;
use hdrhistogram::Histogram;

use crate::checker::{Arrival, Checker, Seat, Standing};
use crate::gateway::{Member, Message};
use crate::stamp::Stamp;

/// The longest time that is told apart from a longer one.
const LONGEST_MICROS: u64 = 10 * 60 * 1_000_000;

/// Causes of failures that are counted apart; any further one is counted as `other`.
const CAUSES: usize = 32;

/// The books of a run.
#[derive(Debug)]
pub(crate) struct Books {
    /// The run's random name.
    pub(crate) run: u32,
    started: Instant,
    guilds: Vec<Mutex<Checker>>,
    /// What happened how often.
    pub(crate) counts: Counts,
    delivery: Mutex<Histogram<u64>>,
    acknowledgement: Mutex<Histogram<u64>>,
    causes: Mutex<BTreeMap<String, u64>>,
}

/// What happened how often.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Users whose guild arrived for the first time.
    pub(crate) joined: Count,
    /// Messages sent at least once.
    pub(crate) sent: Count,
    /// Messages that were due but not sent, as too many were in flight.
    pub(crate) withheld: Count,
    /// Repeated sends.
    pub(crate) retried: Count,
    /// Messages whose sender gave up: never acknowledged.
    pub(crate) failed: Count,
    /// Messages that arrived at a member of another guild, or were never sent.
    pub(crate) misrouted: Count,
    /// Connections that ended though neither side had announced it.
    pub(crate) dropped: Count,
    /// Connections that the gateway asked to be made anew (op 7).
    pub(crate) reconnects: Count,
    /// Connections that could not be made, or never became live.
    pub(crate) unconnected: Count,
    /// Sessions resumed.
    pub(crate) resumes: Count,
    /// Sessions that could not be resumed, and began anew.
    pub(crate) identifies: Count,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

/// The way a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// As a dispatch of the gateway.
    Dispatch,
    /// From the history.
    History,
}

// === impl Count ===

impl Count {
    /// One more.
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

// === impl Books ===

impl Books {
    /// Empty books of a run with guilds of these sizes.
    pub(crate) fn new(run: u32, sizes: &[usize]) -> Self {
        let histogram = || {
            Histogram::new_with_max(LONGEST_MICROS, 3)
                .expect("three digits below ten minutes are valid bounds")
        };
        Self {
            run,
            started: Instant::now(),
            guilds: sizes
                .iter()
                .map(|&seats| Mutex::new(Checker::new(seats)))
                .collect(),
            counts: Counts::default(),
            delivery: Mutex::new(histogram()),
            acknowledgement: Mutex::new(histogram()),
            causes: Mutex::default(),
        }
    }

    /// How many guilds there are.
    pub(crate) fn guilds(&self) -> usize {
        self.guilds.len()
    }

    /// The checker of a guild.
    pub(crate) fn guild(&self, guild: usize) -> MutexGuard<'_, Checker> {
        lock(&self.guilds[guild])
    }

    /// A member has its guild for the first time.
    pub(crate) fn joined(&self, guild: usize, seat: Seat) {
        self.guild(guild).join(seat);
        self.counts.joined.add();
    }

    /// A message is about to be sent.
    pub(crate) fn send(&self, guild: usize) -> Stamp {
        self.counts.sent.add();
        let sequence = self.guild(guild).send();
        Stamp {
            run: self.run,
            guild,
            sequence,
            sent: self.started.elapsed(),
        }
    }

    /// A message was acknowledged.
    pub(crate) fn acknowledge(&self, stamp: &Stamp, id: MessageId) {
        self.guild(stamp.guild).acknowledge(stamp.sequence, id);
        self.record(&self.acknowledgement, stamp.sent);
    }

    /// A message came to a member.
    pub(crate) fn received(&self, member: &Member, message: &Message<'_>, way: Way) {
        let stamp = Stamp::parse(&message.content).filter(|stamp| stamp.run == self.run);
        let Some(stamp) = stamp else {
            return; // Not ours: somebody else writes here, or the stack itself does.
        };
        if stamp.guild != member.guild_index || message.channel_id != member.channel {
            self.counts.misrouted.add();
            return;
        }
        let mut guild = self.guild(stamp.guild);
        let arrival = match way {
            Way::Dispatch => guild.dispatch(member.seat, stamp.sequence, message.id),
            Way::History => guild.read(member.seat, stamp.sequence, message.id),
        };
        drop(guild);
        match arrival {
            Arrival::First => self.record(&self.delivery, stamp.sent),
            Arrival::Again => {}
            Arrival::Unknown => self.counts.misrouted.add(),
        }
    }

    /// An attempt failed for this reason.
    pub(crate) fn failure(&self, cause: &str) {
        let mut causes = lock(&self.causes);
        let known = causes.contains_key(cause) || causes.len() < CAUSES;
        *causes
            .entry(if known { cause } else { "other" }.to_owned())
            .or_default() += 1;
    }

    /// Why attempts failed, and how often.
    pub(crate) fn causes(&self) -> BTreeMap<String, u64> {
        lock(&self.causes).clone()
    }

    /// How all guilds stand together.
    pub(crate) fn standing(&self) -> Standing {
        let mut all = Standing::default();
        for guild in &self.guilds {
            let one = lock(guild).standing();
            all.acknowledged += one.acknowledged;
            all.expected += one.expected;
            all.made += one.made;
            all.duplicated += one.duplicated;
        }
        all
    }

    /// From sending to receiving.
    pub(crate) fn delivery(&self) -> MutexGuard<'_, Histogram<u64>> {
        lock(&self.delivery)
    }

    /// From sending to the acknowledgement.
    pub(crate) fn acknowledgement(&self) -> MutexGuard<'_, Histogram<u64>> {
        lock(&self.acknowledgement)
    }

    fn record(&self, histogram: &Mutex<Histogram<u64>>, since: Duration) {
        let took = self.started.elapsed().saturating_sub(since);
        lock(histogram).saturating_record(u64::try_from(took.as_micros()).unwrap_or(LONGEST_MICROS));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing that holds this lock panics")
}
