//! Durable events and the rows that change with them.

use chat_proto::service::Refusal;
use chat_proto::service::data::Change;
use chat_proto::{ChannelId, EventNumber, GuildId, MessageId, UserId};

use super::sample::{
    PLENTY, append, appended, channel, claimed_guild, event, fresh_id, guild, message, numbers, one, posted,
    user,
};
use crate::{EventPage, Store, Write, Written, bucket};

fn stored(store: &dyn Store, guild: u64, after: u64) -> EventPage {
    store
        .events(GuildId(guild), EventNumber(after), 10_000, PLENTY)
        .expect("the store works")
        .expect("the guild is there")
}

pub(super) fn round_trip(store: &dyn Store) {
    let id = claimed_guild(store);
    let batch = vec![posted(id, 1, 1, 10), posted(id, 2, 1, 11)];
    assert_eq!(one(store, append(id, 1, batch.clone())), appended(2));
    let page = stored(store, id, 0);
    assert_eq!((page.events, page.last), (batch, EventNumber(2)));
    let found = store
        .message(ChannelId(id), MessageId(11))
        .expect("the store works");
    assert_eq!(found, Some(message(id, 11, 2)));
    let delete = event(
        id,
        3,
        1,
        Change::DeleteMessage {
            channel: ChannelId(id),
            message: MessageId(11),
        },
    );
    assert_eq!(one(store, append(id, 1, vec![delete])), appended(3));
    assert_eq!(
        store
            .message(ChannelId(id), MessageId(11))
            .expect("the store works"),
        None
    );
    let unknown = store.events(GuildId(fresh_id()), EventNumber(0), 1, PLENTY);
    assert_eq!(unknown.expect("the store works"), None);
}

pub(super) fn repeat(store: &dyn Store) {
    let id = claimed_guild(store);
    let batch = vec![posted(id, 1, 1, 10), posted(id, 2, 1, 11)];
    for _ in 0..2 {
        assert_eq!(one(store, append(id, 1, batch.clone())), appended(2));
    }
    let longer = vec![posted(id, 2, 1, 11), posted(id, 3, 1, 12)];
    assert_eq!(one(store, append(id, 1, longer)), appended(3));
    // A repeat that comes late must not undo what followed it.
    assert_eq!(one(store, append(id, 1, batch)), appended(3));
    assert_eq!(numbers(&stored(store, id, 0).events), [1, 2, 3]);
    assert_eq!(one(store, append(id, 1, Vec::new())), appended(3));
}

pub(super) fn refusals(store: &dyn Store) {
    let id = claimed_guild(store);
    assert_eq!(one(store, append(id, 1, vec![posted(id, 1, 1, 10)])), appended(1));
    let mut unnumbered = posted(id, 2, 1, 11);
    unnumbered.event.number = None;
    let bad = [
        ("a hole", vec![posted(id, 3, 1, 12)]),
        ("a gap inside", vec![posted(id, 2, 1, 11), posted(id, 4, 1, 13)]),
        ("other content", vec![posted(id, 1, 1, 99)]),
        (
            "other content, then more",
            vec![posted(id, 1, 1, 99), posted(id, 2, 1, 11)],
        ),
        (
            "the same number twice",
            vec![posted(id, 2, 1, 11), posted(id, 2, 1, 12)],
        ),
        ("another guild's", vec![posted(id + 1, 2, 1, 11)]),
        ("no number", vec![unnumbered]),
        ("number 0", vec![posted(id, 0, 1, 11)]),
    ];
    for (what, events) in bad {
        let answer = one(store, append(id, 1, events));
        assert!(
            matches!(answer, Err(Refusal::Invalid { .. })),
            "{what}: {answer:?}"
        );
    }
    assert_eq!(stored(store, id, 0).events, [posted(id, 1, 1, 10)]);
    assert_eq!(
        store
            .message(ChannelId(id), MessageId(11))
            .expect("the store works"),
        None
    );
}

pub(super) fn batch(store: &dyn Store) {
    let (one, two) = (claimed_guild(store), claimed_guild(store));
    let answers = store
        .write(&[
            append(one, 1, vec![posted(one, 1, 1, 10)]),
            append(two, 1, vec![posted(two, 5, 1, 10)]),
            append(one, 1, vec![posted(one, 2, 1, 11)]),
            append(two, 1, vec![posted(two, 1, 1, 10)]),
        ])
        .expect("the store works");
    assert_eq!(answers[0], appended(1));
    assert!(matches!(answers[1], Err(Refusal::Invalid { .. })));
    assert_eq!(answers[2], appended(2), "a write sees the ones before it");
    assert_eq!(answers[3], appended(1));
}

pub(super) fn roster(store: &dyn Store) {
    let id = claimed_guild(store);
    let changes = vec![
        event(id, 1, 1, Change::PutChannel(channel(id + 1))),
        event(id, 2, 1, Change::PutMember { user: user(id + 1) }),
        event(id, 3, 1, Change::PutMember { user: user(id + 2) }),
        event(id, 4, 1, Change::DeleteMember { user: UserId(id + 1) }),
        event(id, 5, 1, Change::None),
    ];
    assert_eq!(one(store, append(id, 1, changes)), appended(5));
    let mut expected = guild(id);
    expected.channels.push(channel(id + 1));
    expected.members.push(user(id + 2));
    assert_eq!(store.guild(GuildId(id)).expect("the store works"), Some(expected));
    assert_eq!(
        store.guild_of(ChannelId(id + 1)).expect("the store works"),
        Some(GuildId(id))
    );
    assert!(
        store
            .guilds_of(UserId(id + 1))
            .expect("the store works")
            .is_empty()
    );
    assert_eq!(
        store.guilds_of(UserId(id + 2)).expect("the store works"),
        [GuildId(id)]
    );

    let other = claimed_guild(store);
    let theft = event(other, 1, 1, Change::PutChannel(channel(id + 1)));
    let answer = one(store, append(other, 1, vec![theft]));
    assert!(matches!(answer, Err(Refusal::Invalid { .. })));
}

pub(super) fn paging(store: &dyn Store) {
    let id = claimed_guild(store);
    let events = (1..=10).map(|n| posted(id, n, 1, n)).collect();
    one(store, append(id, 1, events)).expect("a good append");
    let page = |after, limit, max_bytes| {
        let page = store.events(GuildId(id), EventNumber(after), limit, max_bytes);
        let page = page.expect("the store works").expect("the guild is there");
        assert_eq!(page.last, EventNumber(10));
        numbers(&page.events)
    };
    assert_eq!(page(3, 4, PLENTY), [4, 5, 6, 7]);
    assert_eq!(page(3, 4, 1), [4], "at least one");
    assert!(page(10, 4, PLENTY).is_empty());
    assert!(page(99, 4, PLENTY).is_empty());
}

pub(super) fn pruning(store: &dyn Store) {
    let id = claimed_guild(store);
    let total = bucket::EVENTS_PER_BUCKET * (bucket::KEPT_EVENT_BUCKETS + 1) + 10;
    for first in (1..=total).step_by(1000) {
        let last = (first + 999).min(total);
        let events = (first..=last).map(|n| posted(id, n, 1, n)).collect();
        assert_eq!(one(store, append(id, 1, events)), appended(last));
    }
    let page = store
        .events(GuildId(id), EventNumber(0), 2, PLENTY)
        .expect("the store works")
        .expect("the guild is there");
    let oldest = bucket::EVENTS_PER_BUCKET;
    assert_eq!(
        (numbers(&page.events), page.last.0),
        (vec![oldest, oldest + 1], total)
    );
    let first = store
        .message(ChannelId(id), MessageId(1))
        .expect("the store works");
    assert_eq!(first, Some(message(id, 1, 1)));
    let stale = Write::Append {
        guild: GuildId(id),
        epoch: chat_proto::Epoch(1),
        events: vec![posted(id, 1, 1, 1)],
    };
    let answer: Result<Written, Refusal> = one(store, stale);
    assert!(
        matches!(answer, Err(Refusal::Invalid { .. })),
        "nothing to compare it with"
    );
}
