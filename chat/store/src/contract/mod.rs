//! What every backend must do, as a suite that is generic over the trait: a backend's test calls [`check`].
//!
//! Each case uses ids of its own, so that one store serves all of them, and a store on a network need not be
//! emptied in between.

mod accounts;
mod claims;
mod events;
mod pages;
mod sample;

use crate::Store;

/// A case: its name and what it does.
type Case = (&'static str, fn(&dyn Store));

/// Every case, by name.
pub const CASES: &[Case] = &[
    (
        "a created guild is read back, and creating it again changes nothing",
        accounts::guild_round_trip,
    ),
    ("accounts are made all or none", accounts::all_or_none),
    ("a token leads to its user, also a second one", accounts::tokens),
    ("users are listed by id", accounts::listing),
    (
        "a higher epoch takes the guild and fences the lower one",
        claims::higher_epoch_wins,
    ),
    ("an equal epoch is only for the same node", claims::equal_epoch),
    (
        "an epoch that nobody claimed may not write",
        claims::unclaimed_epoch,
    ),
    ("a claim returns the newest events, bounded", claims::recent),
    ("an append is read back with its rows", events::round_trip),
    (
        "an append repeated with the same content is accepted, also when it goes on",
        events::repeat,
    ),
    (
        "a hole, a gap inside, or other content is refused and changes nothing",
        events::refusals,
    ),
    ("a refusal leaves the rest of the batch alone", events::batch),
    ("members and channels follow their events", events::roster),
    ("a page of events is bounded by number and bytes", events::paging),
    (
        "old events are pruned, newer ones and messages stay",
        events::pruning,
    ),
    ("pages walk over buckets that are empty", pages::walk),
    (
        "a page agrees with a sorted list, wherever it begins",
        pages::agree_with_a_list,
    ),
];

/// Runs every case against `store`.
pub fn check(store: &dyn Store) {
    for (name, case) in CASES {
        // Shown only when a test fails: it says which case it was.
        let running = Running(name);
        case(store);
        drop(running);
    }
}

struct Running(&'static str);

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the store breaks its contract: {}", self.0);
        }
    }
}
