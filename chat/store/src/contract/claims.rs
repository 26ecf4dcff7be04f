//! Epochs: who may write.

use chat_proto::service::Refusal;
use chat_proto::{Epoch, EventNumber, GuildId, NodeName};

use super::sample::{append, appended, claim, claimed_guild, fresh_id, guild, numbers, one, posted};
use crate::{Store, Write, Written};

const fn fenced(highest: u64) -> Result<Written, Refusal> {
    Err(Refusal::Fenced {
        highest: Epoch(highest),
    })
}

pub(super) fn higher_epoch_wins(store: &dyn Store) {
    let id = claimed_guild(store);
    assert_eq!(one(store, append(id, 1, vec![posted(id, 1, 1, 10)])), appended(1));
    let Ok(Written::Claimed { last, recent, .. }) = claim(store, id, 5, "guilds-1") else {
        unreachable!("a higher epoch wins");
    };
    assert_eq!((last, numbers(&recent)), (EventNumber(1), vec![1]));
    assert_eq!(one(store, append(id, 1, vec![posted(id, 2, 1, 11)])), fenced(5));
    // Not even what is there already: the one who asks must learn that it is no longer the owner.
    assert_eq!(one(store, append(id, 1, vec![posted(id, 1, 1, 10)])), fenced(5));
    assert_eq!(claim(store, id, 4, "guilds-0"), fenced(5));
    assert_eq!(one(store, append(id, 5, vec![posted(id, 2, 5, 11)])), appended(2));
}

pub(super) fn equal_epoch(store: &dyn Store) {
    let id = claimed_guild(store);
    assert!(claim(store, id, 1, "guilds-0").is_ok());
    assert_eq!(claim(store, id, 1, "guilds-1"), fenced(1));
}

pub(super) fn unclaimed_epoch(store: &dyn Store) {
    let id = claimed_guild(store);
    let answer = one(store, append(id, 2, vec![posted(id, 1, 2, 10)]));
    assert!(matches!(answer, Err(Refusal::Invalid { .. })));
    let nobody = fresh_id();
    assert_eq!(
        claim(store, nobody, 1, "guilds-0"),
        Err(Refusal::not_found("Guild"))
    );
    let answer = one(store, append(nobody, 1, vec![posted(nobody, 1, 1, 10)]));
    assert_eq!(answer, Err(Refusal::not_found("Guild")));
}

pub(super) fn recent(store: &dyn Store) {
    let id = claimed_guild(store);
    let events = (1..=20).map(|n| posted(id, n, 1, n)).collect();
    assert_eq!(one(store, append(id, 1, events)), appended(20));
    let newest = |recent, max_bytes| {
        let claim = Write::Claim {
            guild: GuildId(id),
            epoch: Epoch(1),
            node: NodeName::from("guilds-0"),
            recent,
            max_bytes,
        };
        let Ok(Written::Claimed {
            guild: record,
            last,
            recent,
        }) = one(store, claim)
        else {
            unreachable!("the same node, the same epoch");
        };
        assert_eq!((record, last), (guild(id), EventNumber(20)));
        numbers(&recent)
    };
    assert_eq!(newest(3, usize::MAX), [18, 19, 20]);
    assert_eq!(newest(100, usize::MAX), (1..=20).collect::<Vec<_>>());
    assert_eq!(newest(100, 1), [20], "at least one");
    assert!(newest(0, usize::MAX).is_empty());
}
