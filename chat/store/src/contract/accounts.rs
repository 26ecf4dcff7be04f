//! Guilds, accounts and tokens.

use chat_proto::service::Refusal;
use chat_proto::service::data::NewAccount;
use chat_proto::{ChannelId, GuildId, UserId};

use super::sample::{channel, fresh_id, guild, one, user};
use crate::{Store, Write, Written};

fn hash(id: u64) -> [u8; 32] {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&id.to_be_bytes());
    hash
}

fn account(id: u64) -> NewAccount {
    NewAccount {
        user: user(id),
        token_sha256: hash(id),
    }
}

pub(super) fn guild_round_trip(store: &dyn Store) {
    let id = fresh_id();
    let mut record = guild(id);
    record.channels.push(channel(id + 1));
    record.members.push(user(id + 1));
    assert_eq!(store.guild(GuildId(id)).expect("the store works"), None);
    assert_eq!(one(store, Write::CreateGuild(record.clone())), Ok(Written::Done));
    let mut renamed = record.clone();
    renamed.name = "another name".into();
    assert_eq!(one(store, Write::CreateGuild(renamed)), Ok(Written::Done));
    assert_eq!(store.guild(GuildId(id)).expect("the store works"), Some(record));
    assert_eq!(
        store.guild_of(ChannelId(id + 1)).expect("the store works"),
        Some(GuildId(id))
    );
    assert_eq!(
        store.guilds_of(UserId(id + 1)).expect("the store works"),
        [GuildId(id)]
    );

    let mut thief = guild(id + 2);
    thief.channels = vec![channel(id)];
    assert!(
        matches!(
            one(store, Write::CreateGuild(thief)),
            Err(Refusal::Invalid { .. })
        ),
        "a channel belongs to one guild"
    );
    assert_eq!(store.guild(GuildId(id + 2)).expect("the store works"), None);
}

pub(super) fn all_or_none(store: &dyn Store) {
    let id = fresh_id();
    let good = vec![account(id), account(id + 1)];
    assert_eq!(one(store, Write::CreateAccounts(good.clone())), Ok(Written::Done));
    assert_eq!(
        one(store, Write::CreateAccounts(good)),
        Ok(Written::Done),
        "repeating it is a no-op"
    );
    let mut taken = account(id + 3);
    taken.token_sha256 = hash(id);
    let answer = one(store, Write::CreateAccounts(vec![account(id + 2), taken]));
    assert!(matches!(answer, Err(Refusal::Invalid { .. })));
    assert_eq!(
        store.user(UserId(id + 1)).expect("the store works"),
        Some(user(id + 1))
    );
    assert_eq!(store.user(UserId(id + 2)).expect("the store works"), None);
}

pub(super) fn tokens(store: &dyn Store) {
    let id = fresh_id();
    one(store, Write::CreateAccounts(vec![account(id)])).expect("a new account");
    let add = |user: u64, token: u64| Write::AddToken {
        user: UserId(user),
        token_sha256: hash(token),
    };
    assert_eq!(one(store, add(id, id + 1)), Ok(Written::Done));
    assert_eq!(one(store, add(id + 9, id + 2)), Err(Refusal::not_found("User")));
    for token in [id, id + 1] {
        assert_eq!(
            store.user_of_token(&hash(token)).expect("the store works"),
            Some(user(id))
        );
    }
    assert_eq!(store.user_of_token(&hash(id + 2)).expect("the store works"), None);
}

pub(super) fn listing(store: &dyn Store) {
    let id = fresh_id();
    let accounts = (0..5).map(|n| account(id + n)).collect();
    one(store, Write::CreateAccounts(accounts)).expect("new accounts");
    let first = store.users(UserId(id - 1), 2).expect("the store works");
    assert_eq!(first, [user(id), user(id + 1)]);
    let rest = store.users(UserId(id + 1), 3).expect("the store works");
    assert_eq!(rest, [user(id + 2), user(id + 3), user(id + 4)]);
    assert!(
        store
            .users(UserId(u64::MAX), 3)
            .expect("the store works")
            .is_empty()
    );
}
