//! Tests of the ledger: a property over crashes, repeats and other owners, with the embedded store as data.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use chat_proto::service::Refusal;
use chat_proto::service::data::{ChannelRecord, GuildRecord, User};
use chat_proto::{DISCORD_EPOCH_MS, NodeName, UserId};
use chat_store::{Embedded, Store, Write, Written};
use proptest::prelude::*;

use super::*;

const T: u64 = 1_700_000_000_000;
const PLENTY: usize = 64 << 20;

/// Messages of a run.
const MESSAGES: usize = 12;

/// What happens next.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A message is sent, for the first time or again.
    Send(usize),
    /// The owner begins a batch and data writes it; the answer comes back.
    Write,
    /// The same, but the answer is lost and the batch is appended again.
    WriteTwice,
    /// Data writes the batch, and the owner dies before it hears of it.
    DieAfterWrite,
    /// The owner dies with a batch that data never saw.
    DieBeforeWrite,
    /// Another owner claims; the old one goes on until it is fenced.
    TakeOver,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (0..MESSAGES).prop_map(Step::Send),
        4 => Just(Step::Write),
        2 => Just(Step::WriteTwice),
        1 => Just(Step::DieAfterWrite),
        1 => Just(Step::DieBeforeWrite),
        1 => Just(Step::TakeOver),
    ]
}

/// A guild with its owner, and what was acknowledged.
struct Run {
    store: &'static Embedded,
    guild: GuildId,
    epoch: Epoch,
    recent: usize,
    messages: Vec<NewMessage>,
    ledger: Ledger<usize>,
    acknowledged: BTreeMap<usize, (MessageId, EventNumber)>,
}

impl Run {
    fn new(recent: usize, nonces: bool) -> Self {
        static GUILDS: AtomicU64 = AtomicU64::new(1);
        static STORE: OnceLock<(tempfile::TempDir, Embedded)> = OnceLock::new();
        let (_, store) = STORE.get_or_init(|| {
            // Where an fsync costs nothing, if there is such a place: no machine fails in this test.
            let folder = tempfile::tempdir_in("/dev/shm")
                .or_else(|_| tempfile::tempdir())
                .unwrap();
            let store = Embedded::open(folder.path()).unwrap();
            (folder, store)
        });
        let guild = GuildId(GUILDS.fetch_add(1, Ordering::Relaxed));
        let channel = ChannelId(guild.0);
        let author = User {
            id: UserId(1),
            name: "author".into(),
            bot: false,
        };
        let messages = (0..MESSAGES as u64)
            .map(|n| NewMessage {
                id: MessageId((T + n - DISCORD_EPOCH_MS) << 22),
                channel,
                author: author.clone(),
                content: format!("message {n}"),
                // The second half says the same as the first half.
                nonce: nonces.then(|| (n % (MESSAGES as u64 / 2)).to_string()),
                enforce_nonce: true,
                tts: false,
                reply_to: None,
            })
            .collect();
        let record = GuildRecord {
            id: guild,
            name: "a guild".into(),
            owner: author.id,
            channels: vec![ChannelRecord {
                id: channel,
                name: "general".into(),
                position: 0,
                topic: None,
            }],
            members: vec![author],
        };
        assert_eq!(
            store.write(&[Write::CreateGuild(record)]).unwrap(),
            [Ok(Written::Done)]
        );
        let mut run = Self {
            store,
            guild,
            epoch: Epoch(0),
            recent,
            messages,
            ledger: Ledger::load(guild, Epoch(0), EventNumber(0), Vec::new(), T),
            acknowledged: BTreeMap::new(),
        };
        run.ledger = run.claim();
        run
    }

    /// The ledger of a new owner.
    fn claim(&mut self) -> Ledger<usize> {
        self.epoch = Epoch(self.epoch.0 + 1);
        let claim = Write::Claim {
            guild: self.guild,
            epoch: self.epoch,
            node: NodeName::from(format!("guilds-{}", self.epoch)),
            recent: self.recent,
            max_bytes: PLENTY,
        };
        let answer = self.store.write(&[claim]).unwrap().remove(0);
        let Ok(Written::Claimed { last, recent, .. }) = answer else {
            unreachable!("a higher epoch wins: {answer:?}");
        };
        Ledger::load(self.guild, self.epoch, last, recent, T + MESSAGES as u64)
    }

    fn append(&self, epoch: Epoch, events: Vec<StoredEvent>) -> Result<Written, Refusal> {
        let append = Write::Append {
            guild: self.guild,
            epoch,
            events,
        };
        self.store.write(&[append]).unwrap().remove(0)
    }

    fn send(&mut self, which: usize) {
        self.offer(which, false);
    }

    fn offer(&mut self, which: usize, looked_up: bool) {
        let new = self.messages[which].clone();
        match self
            .ledger
            .offer(new.clone(), which, looked_up, T + MESSAGES as u64)
        {
            Offer::Queued => {}
            Offer::Repeated { message, number, .. } => self.acknowledge(which, message, number),
            Offer::LookUp(..) => match self.store.message(new.channel, new.id).unwrap() {
                Some(found) => self.acknowledge(which, found.id, found.number),
                None => self.offer(which, true),
            },
            Offer::Full(_) => unreachable!("there are not that many messages"),
        }
    }

    fn acknowledge(&mut self, which: usize, message: MessageId, number: EventNumber) {
        let first = self.acknowledged.insert(which, (message, number));
        if let Some(first) = first {
            assert_eq!(first, (message, number), "acknowledged twice, differently");
        }
    }

    fn write(&mut self, times: usize) {
        let Some(batch) = self.ledger.begin() else { return };
        let last = batch.last().and_then(|stored| stored.event.number).unwrap();
        for _ in 0..times {
            assert_eq!(
                self.append(self.epoch, batch.clone()),
                Ok(Written::Appended { last })
            );
        }
        for entry in self.ledger.settle() {
            let Change::PutMessage(message) = &entry.stored.change else {
                unreachable!("only messages are sent");
            };
            for (which, _) in entry.waiters {
                self.acknowledge(which, message.id, message.number);
            }
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Send(which) => self.send(which),
            Step::Write => self.write(1),
            Step::WriteTwice => self.write(2),
            Step::DieAfterWrite => {
                if let Some(batch) = self.ledger.begin() {
                    assert!(self.append(self.epoch, batch).is_ok());
                }
                self.ledger = self.claim();
            }
            Step::DieBeforeWrite => self.ledger = self.claim(),
            Step::TakeOver => {
                let (old_epoch, next) = (self.epoch, self.claim());
                let mut old = std::mem::replace(&mut self.ledger, next);
                if let Some(batch) = old.begin() {
                    let highest = self.epoch;
                    assert_eq!(self.append(old_epoch, batch), Err(Refusal::Fenced { highest }));
                }
                // Whoever waited is told to try again.
                for which in old.abandon().collect::<Vec<_>>() {
                    self.send(which);
                }
            }
        }
    }

    /// Everybody sends until it is acknowledged; then data has each message once.
    fn finish(mut self, distinct: usize) {
        for which in 0..MESSAGES {
            self.send(which);
        }
        self.write(1);
        assert_eq!(self.acknowledged.len(), MESSAGES);
        let page = self
            .store
            .events(self.guild, EventNumber(0), usize::MAX, PLENTY)
            .unwrap()
            .unwrap();
        let stored: HashMap<MessageId, EventNumber> = page
            .events
            .iter()
            .filter_map(|stored| Some((created(stored)?.id, stored.event.number?)))
            .collect();
        assert_eq!(page.events.len(), distinct, "nothing is lost or stored twice");
        assert_eq!(stored.len(), distinct, "no message has two numbers");
        let numbers = page.events.iter().filter_map(|stored| stored.event.number);
        assert!(numbers.eq((1..=page.last.0).map(EventNumber)), "no hole");
        for (message, number) in self.acknowledged.values() {
            assert_eq!(stored.get(message), Some(number));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_or_repeated_whatever_happens_to_its_owners(
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let mut run = Run::new(1000, true);
        steps.into_iter().for_each(|step| run.step(step));
        run.finish(MESSAGES / 2);
    }

    #[test]
    fn what_an_owner_does_not_remember_it_looks_up(
        steps in prop::collection::vec(step(), 0..60),
        recent in 0_usize..4,
    ) {
        let mut run = Run::new(recent, false);
        steps.into_iter().for_each(|step| run.step(step));
        run.finish(MESSAGES);
    }
}

#[test]
fn what_arrives_during_a_write_is_the_next_batch() {
    let mut run = Run::new(0, false);
    run.send(0);
    let first = run.ledger.begin().unwrap();
    run.send(1);
    run.send(2);
    run.send(0);
    assert_eq!(run.ledger.begin(), None, "one batch at a time");
    assert!(run.append(run.epoch, first).is_ok());
    let settled = run.ledger.settle();
    assert_eq!(
        settled[0].waiters,
        [(0, false), (0, true)],
        "the repeat waits for the first"
    );
    let second = run.ledger.begin().unwrap();
    assert_eq!(second.len(), 2);
    assert_eq!(second[0].event.number, Some(EventNumber(2)));
}

#[test]
fn a_batch_is_bounded_and_so_is_what_waits() {
    let mut run = Run::new(0, false);
    let mut refused = 0;
    for n in 0..PENDING as u64 + 10 {
        let mut new = run.messages[0].clone();
        new.id = MessageId((T + 100 + n - DISCORD_EPOCH_MS) << 22);
        if let Offer::Full(_) = run.ledger.offer(new, 0, false, T) {
            refused += 1;
        }
    }
    assert_eq!(refused, 10);
    assert_eq!(run.ledger.begin().map(|batch| batch.len()), Some(BATCH));
}
