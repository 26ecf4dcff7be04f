//! The task that owns one loaded guild: its life from the claim to the parting.
//!
//! Here is the loop; [`asks`] answers and queues what is asked, [`work`] is the one thing at a time that waits for
//! data. Everything that changes the guild goes through the ledger; a change of the roster, an edit or a delete is
//! a batch of its own, so that what is checked is always checked against what is durable.

mod asks;
mod work;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use chat_proto::service::Refusal;
use chat_proto::service::guilds::{Ask, Guilds, NewMessage, Request};
use chat_proto::{Epoch, EventNumber, Generation, GuildId, UserId};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::debug;

use crate::fanout::Fanout;
use crate::journal::{Claimed, Journal, PAGE};
use crate::ledger::Ledger;
use crate::mail::{Mail, Parting, Waiter};
use crate::registry::{Place, Registry};
use crate::roster::Roster;
use asks::LookedUp;
use work::Work;

/// A guild that nobody subscribes to and nobody asks for anything is unloaded after this.
const IDLE: Duration = Duration::from_secs(10 * 60);

/// How often a guild looks whether it is idle, and forgets what is too old to be repeated.
const SWEEP: Duration = Duration::from_secs(60);

/// How long the write in flight may still take when the guild is let go. If that is not enough, its outcome is what
/// the next owner finds.
const LAST_WRITE: Duration = Duration::from_secs(2);

/// How long a peer is asked to take the guild over. It would load it anyway when it is first asked for something.
const ADOPT: Duration = Duration::from_secs(5);

/// A loaded guild.
struct Guild {
    registry: Registry,
    id: GuildId,
    key: String,
    journal: Journal,
    roster: Roster,
    ledger: Ledger<Waiter>,
    fanout: Fanout,
    /// Members that are not offline.
    presences: HashMap<UserId, String>,
    /// What must wait until everything before it is durable; a full queue refuses.
    jobs: VecDeque<Job>,
    /// A change of the roster or of a message is not durable yet: sends wait behind it.
    changing: bool,
    /// Reads that hold up nobody else; one more than a few is refused.
    lookups: JoinSet<LookedUp>,
    /// The newest generation this guild has looked at.
    seen: Generation,
    quiet_since: Instant,
}

/// Something that is done when all that came before it is durable.
#[derive(Debug)]
enum Job {
    /// A message that was sent behind another job.
    Send(NewMessage, Waiter),
    /// An edit, a delete, or a change of the roster.
    Change(Ask, Waiter),
    /// A generation went by unseen, in which there may have been another owner: claim again.
    Confirm,
}

/// Lives until the guild is let go.
pub(crate) async fn live(registry: Registry, id: GuildId, mut mail: mpsc::Receiver<Mail>, place: Place) {
    let journal = registry.journal(id);
    let claiming = journal.claim(PAGE);
    let claimed = match registry.stop().run_until_cancelled(claiming).await {
        Some(Ok(claimed)) => claimed,
        Some(Err(refusal)) => {
            if matches!(refusal, Refusal::Fenced { .. }) {
                registry.count_fenced();
            }
            drop(place);
            return refuse(&mut mail, &refusal).await;
        }
        None => return refuse(&mut mail, &Parting::Stopping.refusal()).await,
    };
    registry.count_loaded();
    let mut guild = Guild::new(registry, id, journal, claimed);
    guild.read_presences();
    let (parting, work) = guild.run(&mut mail).await;
    guild.part(parting, work, mail, place).await;
}

impl Guild {
    fn new(registry: Registry, id: GuildId, journal: Journal, claimed: Claimed) -> Self {
        let Claimed {
            epoch,
            record,
            last,
            recent,
        } = claimed;
        Self {
            registry,
            id,
            key: id.to_string(),
            journal,
            roster: Roster::new(record),
            ledger: Ledger::load(id, epoch, last, recent, unix_ms()),
            fanout: Fanout::default(),
            presences: HashMap::new(),
            jobs: VecDeque::new(),
            changing: false,
            lookups: JoinSet::new(),
            seen: Generation(epoch.0),
            quiet_since: Instant::now(),
        }
    }

    /// The loop. Returns why it ended, with the work that was going on.
    async fn run(&mut self, mail: &mut mpsc::Receiver<Mail>) -> (Parting, Option<Work>) {
        let mut changes = self.registry.node().changes();
        // The view may have changed since the claim.
        changes.mark_changed();
        let stop = self.registry.stop().clone();
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut work: Option<Work> = None;
        loop {
            if work.is_none() {
                work = self.next_work();
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return (Parting::Stopping, work),
                _ = changes.changed() => {
                    if let Some(parting) = self.look_around() {
                        return (parting, work);
                    }
                }
                done = async { work.as_mut().expect("it is polled only when there is one").await },
                    if work.is_some() =>
                {
                    work = None;
                    if let Err(parting) = self.work_done(done) {
                        return (parting, None);
                    }
                }
                Some(looked_up) = self.lookups.join_next() => match looked_up {
                    Ok(looked_up) => self.looked_up(looked_up),
                    // Its waiter hears of it from the dropped channel.
                    Err(error) => tracing::error!(%error, "a look-up failed"),
                },
                letter = mail.recv() => match letter {
                    Some(letter) => {
                        self.quiet_since = Instant::now();
                        self.open(letter);
                    }
                    // The registry holds a sender as long as this task lives.
                    None => return (Parting::Stopping, work),
                },
                _ = sweep.tick() => {
                    self.ledger.sweep(unix_ms());
                    let wanted = work.is_some() || !self.lookups.is_empty() || !self.fanout.is_empty();
                    if !wanted && self.quiet_since.elapsed() > IDLE {
                        return (Parting::Idle, None);
                    }
                }
            }
        }
    }

    /// A new generation: still the owner, and without a gap?
    fn look_around(&mut self) -> Option<Parting> {
        let node = self.registry.node();
        let generation = node.view().generation();
        if !node.owns(&self.key) {
            return Some(Parting::Moved(generation));
        }
        if generation.0 > self.seen.0 + 1 {
            self.jobs.push_back(Job::Confirm);
        }
        self.seen = self.seen.max(generation);
        None
    }

    /// Lets the guild go: the write in flight is finished, everybody hears where they stand, the next owner loads.
    async fn part(
        mut self,
        parting: Parting,
        work: Option<Work>,
        mut mail: mpsc::Receiver<Mail>,
        place: Place,
    ) {
        mail.close();
        if let Some(work) = work
            && let Ok(done) = tokio::time::timeout(LAST_WRITE, work).await
        {
            // Another reason to part changes nothing any more.
            let _: Result<(), Parting> = self.work_done(done);
        }
        debug!(labels.guild = %self.id, ?parting, "guild let go");
        self.fanout.moved(self.id);
        if let Parting::Moved(_) = parting {
            self.registry.count_handed_over();
            self.hand_over();
        }
        // From here on this node may load the guild again: nothing more is written by this task.
        drop(place);
        let refusal = parting.refusal();
        for waiter in self.ledger.abandon() {
            waiter.refuse(refusal.clone());
        }
        for job in self.jobs {
            if let Job::Send(_, waiter) | Job::Change(_, waiter) = job {
                waiter.refuse(refusal.clone());
            }
        }
        refuse(&mut mail, &refusal).await;
    }

    /// Asks the new owner to load the guild now. Best effort.
    fn hand_over(&self) {
        let registry = self.registry.clone();
        let (guild, key) = (self.id, self.key.clone());
        let (epoch, last): (Epoch, EventNumber) = (self.ledger.epoch(), self.ledger.durable());
        self.registry.tasks().spawn(async move {
            let node = registry.node();
            let request = |view: &chat_node::View| Request {
                guild,
                generation: view.generation(),
                ask: Ask::Adopt { epoch, last },
            };
            let adopting = async {
                let _permit = registry.hand_overs().acquire().await;
                node.call_owner::<Guilds>(&key, ADOPT, request).await
            };
            match registry
                .stop()
                .run_until_cancelled(tokio::time::timeout(ADOPT, adopting))
                .await
            {
                Some(Ok(Ok(_))) | None => {}
                Some(Ok(Err(error))) => {
                    debug!(%error, labels.guild = %guild, "nobody took the guild over yet")
                }
                Some(Err(_)) => debug!(labels.guild = %guild, "nobody took the guild over in time"),
            }
        });
    }
}

async fn refuse(mail: &mut mpsc::Receiver<Mail>, refusal: &Refusal) {
    mail.close();
    while let Some(letter) = mail.recv().await {
        if let Mail::Ask { waiter, .. } = letter {
            waiter.refuse(refusal.clone());
        }
    }
}

/// Now, in Unix milliseconds.
fn unix_ms() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
