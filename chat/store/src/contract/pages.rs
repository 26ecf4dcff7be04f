//! Pages of messages against a sorted list.

use chat_proto::service::data::Page;
use chat_proto::{ChannelId, MessageId};

use super::sample::{append, appended, claimed_guild, one, posted};
use crate::Store;

/// A day as a snowflake counts it.
const DAY: u64 = (24 * 60 * 60 * 1000) << 22;

/// Messages of the days given, in the order given; returns the guild.
fn post(store: &dyn Store, ids: &[u64]) -> u64 {
    let guild = claimed_guild(store);
    let events: Vec<_> = (1..)
        .zip(ids)
        .map(|(number, id)| posted(guild, number, 1, *id))
        .collect();
    assert_eq!(one(store, append(guild, 1, events)), appended(ids.len() as u64));
    guild
}

fn page(store: &dyn Store, guild: u64, page: Page, limit: usize) -> Vec<u64> {
    let found = store
        .messages(ChannelId(guild), page, limit)
        .expect("the store works");
    found.iter().map(|message| message.id.0).collect()
}

pub(super) fn walk(store: &dyn Store) {
    // Four buckets with messages, with years of nothing between them.
    let ids = [1, 2, 3 * DAY, 400 * DAY, 400 * DAY + 1, 4000 * DAY, 9000 * DAY];
    let guild = post(store, &ids);
    let newest_first: Vec<u64> = ids.iter().rev().copied().collect();
    assert_eq!(page(store, guild, Page::Latest, 100), newest_first);
    assert_eq!(page(store, guild, Page::Latest, 2), newest_first[..2]);
    let before = Page::Before(MessageId(400 * DAY));
    assert_eq!(page(store, guild, before, 2), [3 * DAY, 2]);
    let after = Page::After(MessageId(2));
    assert_eq!(page(store, guild, after, 2), [400 * DAY, 3 * DAY]);
    let around = Page::Around(MessageId(400 * DAY));
    assert_eq!(
        page(store, guild, around, 4),
        [4000 * DAY, 400 * DAY + 1, 400 * DAY, 3 * DAY]
    );
    assert!(
        page(store, guild + 1, Page::Latest, 100).is_empty(),
        "another channel"
    );
}

pub(super) fn agree_with_a_list(store: &dyn Store) {
    // Spread over two hundred days, several of them on the same one, not in order.
    let mut ids: Vec<u64> = (0..60).map(|n: u64| (n * 7919 % 61) * 3 * DAY + n).collect();
    let guild = post(store, &ids);
    ids.sort_unstable();
    let pivots = ids.iter().flat_map(|id| [*id, id + 1]).chain([0, u64::MAX]);
    for pivot in pivots {
        for limit in [1, 7, 100] {
            let older: Vec<u64> = ids
                .iter()
                .rev()
                .copied()
                .filter(|id| *id < pivot)
                .take(limit)
                .collect();
            assert_eq!(page(store, guild, Page::Before(MessageId(pivot)), limit), older);
            let mut newer: Vec<u64> = ids.iter().copied().filter(|id| *id > pivot).take(limit).collect();
            newer.reverse();
            assert_eq!(page(store, guild, Page::After(MessageId(pivot)), limit), newer);
        }
    }
}
