//! What each member of one guild should have received, against what it did receive. Pure: no clock, no IO.
//!
//! The caller reports events in the order in which they happen to it: a send *before* the request goes out, an
//! acknowledgement *after* its answer is read, a delivery when its frame is read. That order is the only clock,
//! and it errs to the stack's side: whatever it calls "sent after the acknowledgement" truly was.
//!
//! The laws, for each acknowledged message and each seat (a member's session, over all its connections) that
//! had joined before the message was sent:
//!
//! - it is delivered: dispatched, or read from the history after the session could not be resumed ([`Checker::read`]);
//! - it is dispatched once, and one send has one message id;
//! - there is one order of the guild's messages that every seat's dispatches follow, and in which a message that
//!   was sent after another one's acknowledgement comes after it ([`order`]).
//!
//! A message that was never acknowledged may be delivered or not; twice, or out of order, it may not.

mod bits;
mod order;
#[cfg(test)]
mod tests;

use bits::Bits;
use chat_proto::MessageId;
use order::Order;

/// How many findings of each kind are kept by name; all are counted.
const NAMED: usize = 5;

/// The place of a session in its guild.
pub(crate) type Seat = usize;

/// The place of a message in its guild, in the order of sending.
pub(crate) type Sequence = u32;

/// The books of one guild.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    seats: Vec<Receiver>,
    joined: u32,
    messages: Vec<Sent>,
    order: Order,
    acknowledged: u64,
    expected: u64,
    made: u64,
    recovered: u64,
    repeated: Vec<(Seat, Sequence)>,
    duplicated: u64,
}

/// One seat.
#[derive(Debug, Default)]
struct Receiver {
    /// The first message that it is owed.
    from: Option<Sequence>,
    /// The last message that was dispatched to it.
    last: Option<Sequence>,
    dispatched: Bits,
    /// Dispatched, or read from the history.
    has: Bits,
}

/// One message.
#[derive(Debug)]
struct Sent {
    id: Option<MessageId>,
    acknowledged: bool,
    /// Seats that are owed it, if it is acknowledged.
    owed: u32,
    /// Those of them that have it.
    had: u32,
    /// Whether any seat has it.
    seen: bool,
}

/// Whether a delivery was the first one to its seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It was.
    First,
    /// The seat had the message before.
    Again,
    /// No such message was sent to this guild.
    Unknown,
}

/// What is known at any moment, at no cost: losses and disorder are known only at the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Messages that were acknowledged.
    pub(crate) acknowledged: u64,
    /// Deliveries that acknowledged messages are owed so far.
    pub(crate) expected: u64,
    /// Those that were made.
    pub(crate) made: u64,
    /// Duplicates so far.
    pub(crate) duplicated: u64,
}

/// What the books say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Messages that were acknowledged.
    pub(crate) acknowledged: u64,
    /// Deliveries that acknowledged messages are owed.
    pub(crate) expected: u64,
    /// Those that were made.
    pub(crate) made: u64,
    /// Those of them that came from the history.
    pub(crate) recovered: u64,
    /// Those that were not made.
    pub(crate) lost: u64,
    /// Dispatches of a message that the seat had been dispatched before, and sends that became two messages.
    pub(crate) duplicated: u64,
    /// The fewest dispatches whose removal leaves one order, or nearly the fewest; 0 exactly if there is one order.
    pub(crate) reordered: u64,
    /// Messages that were never acknowledged and yet delivered.
    pub(crate) unknown_delivered: u64,
    /// Some of the lost ones.
    pub(crate) lost_at: Vec<(Seat, Sequence)>,
    /// Some of the duplicated ones.
    pub(crate) duplicated_at: Vec<(Seat, Sequence)>,
    /// Some messages that came after one that they should have preceded.
    pub(crate) reordered_at: Vec<Sequence>,
}

// === impl Checker ===

impl Checker {
    /// The books of a guild of `seats` members, none of which has joined.
    pub(crate) fn new(seats: usize) -> Self {
        Self {
            seats: std::iter::repeat_with(Receiver::default).take(seats).collect(),
            ..Self::default()
        }
    }

    /// A seat has the guild for the first time: it is owed whatever is sent from now on.
    pub(crate) fn join(&mut self, seat: Seat) {
        let next = self.next();
        let from = &mut self.seats[seat].from;
        if from.is_none() {
            *from = Some(next);
            self.joined += 1;
        }
    }

    /// A message is about to be sent.
    pub(crate) fn send(&mut self) -> Sequence {
        let sequence = self.next();
        self.messages.push(Sent {
            id: None,
            acknowledged: false,
            owed: self.joined,
            had: 0,
            seen: false,
        });
        self.order.sent();
        sequence
    }

    /// A message was acknowledged.
    pub(crate) fn acknowledge(&mut self, sequence: Sequence, id: MessageId) {
        let message = &mut self.messages[sequence as usize];
        debug_assert!(
            !message.acknowledged,
            "a sender stops at the first acknowledgement"
        );
        message.acknowledged = true;
        self.acknowledged += 1;
        self.expected += u64::from(message.owed);
        self.made += u64::from(message.had);
        self.order.acknowledged(sequence);
        self.identify(0, sequence, id);
    }

    /// A message was dispatched to a seat.
    pub(crate) fn dispatch(&mut self, seat: Seat, sequence: Sequence, id: MessageId) -> Arrival {
        if sequence >= self.next() {
            return Arrival::Unknown;
        }
        self.identify(seat, sequence, id);
        let receiver = &mut self.seats[seat];
        if !receiver.dispatched.insert(sequence) {
            self.duplicate(seat, sequence);
            return Arrival::Again;
        }
        if let Some(last) = receiver.last.replace(sequence) {
            self.order.followed(last, sequence);
        }
        self.have(seat, sequence)
    }

    /// A message was read from the history by a session that could not be resumed.
    pub(crate) fn read(&mut self, seat: Seat, sequence: Sequence, id: MessageId) -> Arrival {
        if sequence >= self.next() {
            return Arrival::Unknown;
        }
        self.identify(seat, sequence, id);
        let arrival = self.have(seat, sequence);
        if arrival == Arrival::First {
            self.recovered += 1;
        }
        arrival
    }

    /// How it stands.
    pub(crate) fn standing(&self) -> Standing {
        Standing {
            acknowledged: self.acknowledged,
            expected: self.expected,
            made: self.made,
            duplicated: self.duplicated,
        }
    }

    /// The verdict, were no further delivery to come.
    pub(crate) fn verdict(&self) -> Verdict {
        let disorder = self.order.disorder(NAMED);
        Verdict {
            acknowledged: self.acknowledged,
            expected: self.expected,
            made: self.made,
            recovered: self.recovered,
            lost: self.expected - self.made,
            duplicated: self.duplicated,
            reordered: disorder.dispatches,
            unknown_delivered: self.messages.iter().filter(|m| m.seen && !m.acknowledged).count() as u64,
            lost_at: self.lost().take(NAMED).collect(),
            duplicated_at: self.repeated.clone(),
            reordered_at: disorder.late,
        }
    }

    /// Which deliveries are missing.
    fn lost(&self) -> impl Iterator<Item = (Seat, Sequence)> {
        let short = (0..)
            .zip(&self.messages)
            .filter(|(_, m)| m.acknowledged && m.had < m.owed);
        short.flat_map(|(sequence, _)| {
            let owed = self.seats.iter().enumerate();
            owed.filter(move |(_, r)| {
                r.from.is_some_and(|from| from <= sequence) && !r.has.contains(sequence)
            })
            .map(move |(seat, _)| (seat, sequence))
        })
    }

    /// Notes under which id a message was met: one send must have one.
    fn identify(&mut self, seat: Seat, sequence: Sequence, id: MessageId) {
        let known = &mut self.messages[sequence as usize].id;
        match *known {
            None => *known = Some(id),
            Some(known) if known == id => {}
            Some(_) => self.duplicate(seat, sequence),
        }
    }

    fn duplicate(&mut self, seat: Seat, sequence: Sequence) {
        self.duplicated += 1;
        if self.repeated.len() < NAMED {
            self.repeated.push((seat, sequence));
        }
    }

    fn have(&mut self, seat: Seat, sequence: Sequence) -> Arrival {
        let receiver = &mut self.seats[seat];
        if !receiver.has.insert(sequence) {
            return Arrival::Again;
        }
        let message = &mut self.messages[sequence as usize];
        message.seen = true;
        if receiver.from.is_some_and(|from| from <= sequence) {
            message.had += 1;
            self.made += u64::from(message.acknowledged);
        }
        Arrival::First
    }

    fn next(&self) -> Sequence {
        u32::try_from(self.messages.len()).expect("four billion messages do not fit into memory")
    }
}
