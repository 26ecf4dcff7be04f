//! The checker against a model of a stack that keeps the laws, and the same stack breaking each of them.

use chat_proto::MessageId;
use proptest::prelude::*;

use super::{Arrival, Checker, Sequence, Verdict};

const SEATS: usize = 3;

/// What the model does next; indices are taken modulo what is there.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A message is sent.
    Send,
    /// The guild gives one of the messages on the way its place in the order.
    Commit(usize),
    /// The sender of one of the committed messages hears of it.
    Acknowledge(usize),
    /// A seat is dispatched the next message.
    Deliver(usize),
    /// A seat's session is lost; it identifies anew and reads the history.
    Renew(usize),
}

/// A stack that keeps the laws, and its checker.
struct Model {
    checker: Checker,
    travelling: Vec<Sequence>,
    unacknowledged: Vec<Sequence>,
    log: Vec<Sequence>,
    /// How much of the log each seat has passed.
    passed: [usize; SEATS],
    /// What each seat was dispatched, as it happened: this is what faults are put into.
    dispatches: Vec<(usize, Sequence)>,
    events: Vec<Event>,
}

/// What the checker is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Send,
    Acknowledge(Sequence),
    Dispatch(usize, Sequence),
    Read(usize, Sequence),
}

fn id(sequence: Sequence) -> MessageId {
    MessageId(1_000 + u64::from(sequence))
}

fn checker() -> Checker {
    let mut checker = Checker::new(SEATS);
    for seat in 0..SEATS {
        checker.join(seat);
    }
    checker
}

fn deliveries(checker: &Checker) -> (u64, u64) {
    let standing = checker.standing();
    (standing.expected, standing.made)
}

fn tell(checker: &mut Checker, event: Event) {
    match event {
        Event::Send => {
            checker.send();
        }
        Event::Acknowledge(sequence) => checker.acknowledge(sequence, id(sequence)),
        Event::Dispatch(seat, sequence) => {
            checker.dispatch(seat, sequence, id(sequence));
        }
        Event::Read(seat, sequence) => {
            checker.read(seat, sequence, id(sequence));
        }
    }
}

fn judge(events: &[Event]) -> Verdict {
    let mut checker = checker();
    for &event in events {
        tell(&mut checker, event);
    }
    checker.verdict()
}

impl Model {
    fn new() -> Self {
        Self {
            checker: checker(),
            travelling: Vec::new(),
            unacknowledged: Vec::new(),
            log: Vec::new(),
            passed: [0; SEATS],
            dispatches: Vec::new(),
            events: Vec::new(),
        }
    }

    fn tell(&mut self, event: Event) {
        tell(&mut self.checker, event);
        self.events.push(event);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Send => {
                self.travelling.push(self.checker.next());
                self.tell(Event::Send);
            }
            Step::Commit(which) if !self.travelling.is_empty() => {
                let sequence = self.travelling.remove(which % self.travelling.len());
                self.log.push(sequence);
                self.unacknowledged.push(sequence);
            }
            Step::Acknowledge(which) if !self.unacknowledged.is_empty() => {
                let sequence = self.unacknowledged.remove(which % self.unacknowledged.len());
                self.tell(Event::Acknowledge(sequence));
            }
            Step::Deliver(seat) => {
                let seat = seat % SEATS;
                if let Some(&sequence) = self.log.get(self.passed[seat]) {
                    self.passed[seat] += 1;
                    self.dispatches.push((seat, sequence));
                    self.tell(Event::Dispatch(seat, sequence));
                }
            }
            Step::Renew(seat) => {
                let seat = seat % SEATS;
                // The history also holds what was seen before.
                let from = self.passed[seat].saturating_sub(2);
                let history: Vec<_> = self.log[from..].into();
                for sequence in history {
                    self.tell(Event::Read(seat, sequence));
                }
                self.passed[seat] = self.log.len();
            }
            Step::Commit(_) | Step::Acknowledge(_) => {}
        }
    }

    /// Everything on the way arrives; every other unacknowledged message stays so.
    fn settle(&mut self) {
        while !self.travelling.is_empty() {
            self.step(Step::Commit(0));
        }
        let leave = self.unacknowledged.len() / 2;
        while self.unacknowledged.len() > leave {
            self.step(Step::Acknowledge(0));
        }
        for seat in 0..SEATS {
            while self.passed[seat] < self.log.len() {
                self.step(Step::Deliver(seat));
            }
        }
    }
}

fn step(renew: u32) -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Send),
        4 => any::<usize>().prop_map(Step::Commit),
        4 => any::<usize>().prop_map(Step::Acknowledge),
        8 => any::<usize>().prop_map(Step::Deliver),
        renew => any::<usize>().prop_map(Step::Renew),
    ]
}

/// What a run of the model told the checker.
fn run(renew: u32) -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(step(renew), 1..150).prop_map(|steps| {
        let mut model = Model::new();
        steps.into_iter().for_each(|step| model.step(step));
        model.settle();
        model.events
    })
}

fn positions(events: &[Event], wanted: impl Fn(&Event) -> bool) -> Vec<usize> {
    (0..events.len()).filter(|&at| wanted(&events[at])).collect()
}

proptest! {
    #[test]
    fn a_stack_that_keeps_the_laws_is_never_accused(events in run(1)) {
        let verdict = judge(&events);
        prop_assert_eq!(verdict.lost, 0);
        prop_assert_eq!(verdict.duplicated, 0);
        prop_assert_eq!(verdict.reordered, 0, "late: {:?}", verdict.reordered_at);
        prop_assert_eq!(verdict.made, verdict.expected);
        prop_assert_eq!(verdict.expected, verdict.acknowledged * SEATS as u64);
    }

    #[test]
    fn losses_alone_are_never_taken_for_disorder(events in run(1), keep in prop::collection::vec(any::<bool>(), 1..50)) {
        let mut at = 0;
        let kept: Vec<_> = events.into_iter().filter(|event| {
            at += 1;
            !matches!(event, Event::Dispatch(..)) || keep[at % keep.len()]
        }).collect();
        let verdict = judge(&kept);
        prop_assert_eq!((verdict.duplicated, verdict.reordered), (0, 0));
    }

    #[test]
    fn every_lost_delivery_is_found(events in run(0), which in prop::collection::hash_set(any::<usize>(), 1..5)) {
        let acknowledged = |event: &Event| matches!(event, Event::Dispatch(_, s) if events.contains(&Event::Acknowledge(*s)));
        let mut candidates = positions(&events, acknowledged);
        let mut dropped = Vec::new();
        for which in which {
            if !candidates.is_empty() {
                dropped.push(candidates.remove(which % candidates.len()));
            }
        }
        let kept: Vec<_> = (0..events.len()).filter(|at| !dropped.contains(at)).map(|at| events[at]).collect();
        let verdict = judge(&kept);
        prop_assert_eq!(verdict.lost, dropped.len() as u64);
        prop_assert_eq!(verdict.lost_at.len(), dropped.len().min(super::NAMED));
        prop_assert_eq!((verdict.duplicated, verdict.reordered), (0, 0));
    }

    #[test]
    fn every_repeated_dispatch_is_found(mut events in run(1), which: usize, later: usize) {
        let candidates = positions(&events, |event| matches!(event, Event::Dispatch(..)));
        prop_assume!(!candidates.is_empty());
        let at = candidates[which % candidates.len()];
        let later = at + 1 + later % (events.len() - at);
        events.insert(later, events[at]);
        let verdict = judge(&events);
        prop_assert_eq!((verdict.lost, verdict.duplicated, verdict.reordered), (0, 1, 0));
    }

    #[test]
    fn every_swap_at_one_seat_is_found(mut events in run(0), which: usize, distance in 1_usize..6) {
        let seat = which % SEATS;
        let own = positions(&events, |event| matches!(event, Event::Dispatch(at, _) if *at == seat));
        prop_assume!(own.len() > distance);
        let first = which / SEATS % (own.len() - distance);
        let Event::Dispatch(_, early) = events[own[first + distance]] else { unreachable!() };
        let sent = positions(&events[..own[first]], |event| *event == Event::Send).len();
        prop_assume!(sent > early as usize); // Nothing arrives before it is sent.
        events.swap(own[first], own[first + distance]);
        let verdict = judge(&events);
        prop_assert_eq!((verdict.lost, verdict.duplicated), (0, 0));
        prop_assert!(verdict.reordered >= 1);
    }

    #[test]
    fn a_message_before_one_acknowledged_earlier_is_found_even_if_all_seats_agree(count in 2_u32..40, late: prop::sample::Index) {
        let late = late.index(count as usize - 1) as u32;
        let mut events = Vec::new();
        for sequence in 0..count {
            events.extend([Event::Send, Event::Acknowledge(sequence)]);
        }
        for seat in 0..SEATS {
            let mut order: Vec<_> = (0..count).collect();
            order.swap(late as usize, late as usize + 1);
            events.extend(order.into_iter().map(|sequence| Event::Dispatch(seat, sequence)));
        }
        let verdict = judge(&events);
        prop_assert_eq!((verdict.lost, verdict.duplicated), (0, 0));
        prop_assert_eq!(verdict.reordered, SEATS as u64);
    }
}

#[test]
fn a_swap_at_one_seat_counts_once_whichever_seat_reports_first() {
    for odd in 0..SEATS {
        let mut events = vec![Event::Send; 4];
        for seat in 0..SEATS {
            let order = if seat == odd { [0, 2, 1, 3] } else { [0, 1, 2, 3] };
            events.extend(order.map(|sequence| Event::Dispatch(seat, sequence)));
        }
        let verdict = judge(&events);
        assert_eq!(
            (verdict.reordered, verdict.reordered_at),
            (1, vec![1]),
            "odd seat {odd}"
        );
    }
}

#[test]
fn a_message_read_from_the_history_counts_as_delivered() {
    let mut checker = checker();
    let sequence = checker.send();
    checker.acknowledge(sequence, id(sequence));
    assert_eq!(checker.dispatch(0, sequence, id(sequence)), Arrival::First);
    assert_eq!(checker.read(0, sequence, id(sequence)), Arrival::Again);
    assert_eq!(checker.read(1, sequence, id(sequence)), Arrival::First);
    // Published to the new session after its history was read: one dispatch, no duplicate.
    assert_eq!(checker.dispatch(1, sequence, id(sequence)), Arrival::Again);
    let verdict = checker.verdict();
    assert_eq!(
        (verdict.made, verdict.recovered, verdict.lost, verdict.duplicated),
        (2, 1, 1, 0)
    );
    assert_eq!(verdict.lost_at, [(2, sequence)]);
}

#[test]
fn an_unacknowledged_message_may_be_delivered_or_not_but_not_twice() {
    let mut checker = checker();
    let (partly, never) = (checker.send(), checker.send());
    checker.dispatch(0, partly, id(partly));
    let verdict = checker.verdict();
    assert_eq!(
        (verdict.lost, verdict.duplicated, verdict.unknown_delivered),
        (0, 0, 1)
    );
    checker.dispatch(0, partly, id(partly));
    assert_eq!(checker.verdict().duplicated, 1);
    assert_eq!(checker.dispatch(0, never + 1, id(never)), Arrival::Unknown);
}

#[test]
fn one_send_that_became_two_messages_is_a_duplicate() {
    let mut checker = checker();
    let sequence = checker.send();
    checker.dispatch(0, sequence, MessageId(1));
    checker.acknowledge(sequence, MessageId(2));
    assert_eq!(checker.verdict().duplicated, 1);
}

#[test]
fn a_seat_is_owed_only_what_is_sent_after_it_joined() {
    let mut checker = Checker::new(2);
    checker.join(0);
    let before = checker.send();
    checker.join(1);
    checker.acknowledge(before, id(before));
    let after = checker.send();
    checker.acknowledge(after, id(after));
    assert_eq!(deliveries(&checker), (3, 0));
    checker.dispatch(1, before, id(before));
    assert_eq!(deliveries(&checker), (3, 0));
    checker.dispatch(1, after, id(after));
    checker.join(1);
    assert_eq!(deliveries(&checker), (3, 1));
    assert_eq!(checker.verdict().lost, 2);
}
