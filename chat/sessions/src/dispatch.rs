//! The bodies of the dispatches that a session makes itself: READY, RESUMED, GUILD_CREATE, GUILD_DELETE.
//!
//! Everything else is encoded once by the guild's owner and passed through.

use bytes::Bytes;
use chat_proto::discord::{guild_create_json, user_json};
use chat_proto::service::data::GuildRecord;
use chat_proto::service::sessions::Start;
use chat_proto::{GuildId, Intents, UserId};
use serde_json::{Value, json};

use crate::limits::MEMBER_LIMIT;

/// The `d` of READY. `guilds`: those of the session's shard.
pub(crate) fn ready(start: &Start, guilds: &[GuildId]) -> Bytes {
    let mut user = user_json(&start.user);
    user["verified"] = json!(true);
    user["mfa_enabled"] = json!(false);
    user["email"] = Value::Null;
    user["flags"] = json!(0);
    let unavailable: Vec<Value> = guilds
        .iter()
        .map(|guild| json!({"id": guild, "unavailable": true}))
        .collect();
    let mut body = json!({
        "v": 10,
        "user": user,
        "guilds": unavailable,
        "session_id": start.session,
        "resume_gateway_url": start.resume_gateway_url,
        "private_channels": [],
        "presences": [],
        "relationships": [],
        "user_settings": {},
    });
    if start.shard.1 > 1 || start.user.bot {
        body["shard"] = json!([start.shard.0, start.shard.1.max(1)]);
    }
    if start.user.bot {
        body["application"] = json!({"id": start.user.id, "flags": 0});
    }
    text(&body)
}

/// The `d` of RESUMED.
pub(crate) fn resumed() -> Bytes {
    Bytes::from_static(b"{\"_trace\":[]}")
}

/// The `d` of GUILD_DELETE for a guild that the user is no longer in.
pub(crate) fn guild_delete(guild: GuildId) -> Bytes {
    text(&json!({"id": guild}))
}

/// A guild as its owner described it at one number, with the GUILD_CREATE bodies that are the same for many.
#[derive(Debug)]
pub(crate) struct Portrait {
    guild: GuildRecord,
    presences: Vec<(UserId, String)>,
    /// Without and with presences, where no member has to be left out.
    shared: [Option<Bytes>; 2],
}

impl Portrait {
    /// From what the owner answered.
    pub(crate) fn new(guild: GuildRecord, presences: Vec<(UserId, String)>) -> Self {
        Self {
            guild,
            presences,
            shared: [None, None],
        }
    }

    /// Whether `user` was a member.
    pub(crate) fn has_member(&self, user: UserId) -> bool {
        self.guild.members.iter().any(|member| member.id == user)
    }

    /// The `d` of GUILD_CREATE for a viewer.
    pub(crate) fn guild_create(&mut self, viewer: UserId, intents: Intents) -> Bytes {
        let with_presences = intents.contains(Intents::GUILD_PRESENCES);
        let presences = if with_presences {
            self.presences.as_slice()
        } else {
            &[]
        };
        // The list of members depends on the viewer only when somebody is left out.
        if self.guild.members.len() >= MEMBER_LIMIT {
            return text(&guild_create_json(&self.guild, presences, viewer, MEMBER_LIMIT));
        }
        self.shared[usize::from(with_presences)]
            .get_or_insert_with(|| {
                text(&guild_create_json(
                    &self.guild,
                    presences,
                    UserId(0),
                    MEMBER_LIMIT,
                ))
            })
            .clone()
    }
}

/// Whether a guild belongs to a shard.
pub(crate) fn in_shard(guild: GuildId, shard: (u32, u32)) -> bool {
    let (id, shards) = shard;
    shards <= 1 || (guild.0 >> 22) % u64::from(shards) == u64::from(id)
}

/// The user that a GUILD_MEMBER_REMOVE is about.
pub(crate) fn removed_user(body: &[u8]) -> Option<UserId> {
    #[derive(serde::Deserialize)]
    struct Removed {
        user: Who,
    }
    #[derive(serde::Deserialize)]
    struct Who {
        id: UserId,
    }
    serde_json::from_slice::<Removed>(body)
        .ok()
        .map(|removed| removed.user.id)
}

fn text(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}

#[cfg(test)]
mod tests {
    use chat_proto::service::data::User;

    use super::*;

    fn user(id: u64) -> User {
        User {
            id: UserId(id),
            name: format!("user-{id}"),
            bot: false,
        }
    }

    #[test]
    fn the_viewer_is_listed_whether_or_not_the_body_is_shared() {
        for members in [3, 1_000] {
            let guild = GuildRecord {
                id: GuildId(1),
                name: "guild".into(),
                owner: UserId(1),
                channels: Vec::new(),
                members: (1..=members).map(user).collect(),
            };
            let mut portrait = Portrait::new(guild, Vec::new());
            let body = portrait.guild_create(UserId(members), Intents::ALL);
            let body: Value = serde_json::from_slice(&body).unwrap();
            let listed = body["members"].as_array().unwrap();
            assert!(listed.len() <= MEMBER_LIMIT);
            assert_eq!(body["member_count"], json!(members));
            assert!(
                listed
                    .iter()
                    .any(|member| member["user"]["id"] == json!(members.to_string()))
            );
        }
    }

    #[test]
    fn every_guild_is_in_exactly_one_shard() {
        for guild in [0u64, 1 << 22, 175_928_847_299_117_063] {
            let shards = (0..7).filter(|shard| in_shard(GuildId(guild), (*shard, 7)));
            assert_eq!(shards.count(), 1);
        }
    }

    #[test]
    fn the_removed_user_is_read_from_the_event() {
        let body = br#"{"guild_id":"9","user":{"id":"77","username":"a"}}"#;
        assert_eq!(removed_user(body), Some(UserId(77)));
        assert_eq!(removed_user(b"{}"), None);
    }
}
