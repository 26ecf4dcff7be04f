//! The JSON shapes of Discord's API v10 that more than one cluster writes: message, user, channel, guild.
//!
//! REST-only bodies live in `chat/api`, gateway envelopes in `chat/gateway`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::service::data::{ChannelRecord, GuildRecord, User};
use crate::{ChannelId, EventNumber, GuildId, MessageId, UserId};

/// A message as stored. [`Message::to_json`] is what clients see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Its channel.
    pub channel: ChannelId,
    /// Its guild.
    pub guild: GuildId,
    /// Its author.
    pub author: User,
    /// Its text.
    pub content: String,
    /// The client's nonce.
    pub nonce: Option<String>,
    /// When it was last edited, in Unix milliseconds.
    pub edited_ms: Option<u64>,
    /// Spoken aloud.
    pub tts: bool,
    /// The message it replies to.
    pub reply_to: Option<MessageId>,
    /// The number of the event that created it.
    pub number: EventNumber,
}

impl Message {
    /// The message object. With `guild_id` and `member` as in MESSAGE_CREATE when `dispatch`.
    pub fn to_json(&self, dispatch: bool) -> Value {
        let mut object = json!({
            "id": self.id,
            "channel_id": self.channel,
            "author": user_json(&self.author),
            "content": self.content,
            "timestamp": iso8601(self.id.unix_ms()),
            "edited_timestamp": self.edited_ms.map(iso8601),
            "tts": self.tts,
            "mention_everyone": false,
            "mentions": [],
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
            "components": [],
            "pinned": false,
            "flags": 0,
            "type": if self.reply_to.is_some() { 19 } else { 0 },
        });
        if let Some(nonce) = &self.nonce {
            object["nonce"] = json!(nonce);
        }
        if let Some(reply_to) = self.reply_to {
            object["message_reference"] =
                json!({"message_id": reply_to, "channel_id": self.channel, "guild_id": self.guild});
        }
        if dispatch {
            object["guild_id"] = json!(self.guild);
            object["member"] = member_fields();
        }
        object
    }
}

/// A user object.
pub fn user_json(user: &User) -> Value {
    json!({
        "id": user.id,
        "username": user.name,
        "discriminator": "0",
        "global_name": if user.bot { Value::Null } else { json!(user.name) },
        "avatar": null,
        "bot": user.bot,
        "public_flags": 0,
    })
}

/// A guild member object.
pub fn member_json(user: &User) -> Value {
    let mut member = member_fields();
    member["user"] = user_json(user);
    member
}

fn member_fields() -> Value {
    json!({
        "nick": null,
        "avatar": null,
        "roles": [],
        "joined_at": "2015-01-01T00:00:00.000000+00:00",
        "deaf": false,
        "mute": false,
        "flags": 0,
        "pending": false,
    })
}

/// A text channel object.
pub fn channel_json(guild: GuildId, channel: &ChannelRecord) -> Value {
    json!({
        "id": channel.id,
        "type": 0,
        "guild_id": guild,
        "name": channel.name,
        "position": channel.position,
        "topic": channel.topic,
        "permission_overwrites": [],
        "nsfw": false,
        "rate_limit_per_user": 0,
        "parent_id": null,
        "last_message_id": null,
        "flags": 0,
    })
}

/// A guild object as REST answers it: without channels and members.
pub fn guild_json(guild: &GuildRecord) -> Value {
    json!({
        "id": guild.id,
        "name": guild.name,
        "icon": null,
        "splash": null,
        "discovery_splash": null,
        "owner_id": guild.owner,
        "afk_channel_id": null,
        "afk_timeout": 300,
        "verification_level": 0,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "roles": [everyone_role(guild.id)],
        "emojis": [],
        "stickers": [],
        "features": [],
        "mfa_level": 0,
        "application_id": null,
        "system_channel_id": null,
        "system_channel_flags": 0,
        "rules_channel_id": null,
        "vanity_url_code": null,
        "description": null,
        "banner": null,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "preferred_locale": "en-US",
        "public_updates_channel_id": null,
        "nsfw_level": 0,
        "premium_progress_bar_enabled": false,
        "safety_alerts_channel_id": null,
    })
}

/// The `d` of GUILD_CREATE. `presences` has the members that are not offline. At most `member_limit` members
/// are listed; the viewer is always among them.
pub fn guild_create_json(
    guild: &GuildRecord,
    presences: &[(UserId, String)],
    viewer: UserId,
    member_limit: usize,
) -> Value {
    let mut object = guild_json(guild);
    let mut members: Vec<&User> = guild.members.iter().filter(|user| user.id != viewer).collect();
    members.truncate(member_limit.saturating_sub(1));
    members.extend(guild.members.iter().filter(|user| user.id == viewer));
    object["joined_at"] = json!("2015-01-01T00:00:00.000000+00:00");
    object["large"] = json!(guild.members.len() > member_limit);
    object["unavailable"] = json!(false);
    object["member_count"] = json!(guild.members.len());
    object["voice_states"] = json!([]);
    object["threads"] = json!([]);
    object["stage_instances"] = json!([]);
    object["guild_scheduled_events"] = json!([]);
    object["soundboard_sounds"] = json!([]);
    object["members"] = members.into_iter().map(member_json).collect();
    object["channels"] = guild
        .channels
        .iter()
        .map(|channel| channel_json(guild.id, channel))
        .collect();
    object["presences"] = presences
        .iter()
        .map(|(user, status)| json!({"user": {"id": user}, "status": status, "activities": [], "client_status": {}}))
        .collect();
    object
}

fn everyone_role(guild: GuildId) -> Value {
    json!({
        "id": guild,
        "name": "@everyone",
        "permissions": "2248473465835073",
        "position": 0,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": null, "tertiary_color": null},
        "hoist": false,
        "icon": null,
        "unicode_emoji": null,
        "managed": false,
        "mentionable": false,
        "flags": 0,
    })
}

/// Unix milliseconds as Discord writes times: `2015-01-01T00:00:00.000000+00:00`.
pub fn iso8601(unix_ms: u64) -> String {
    let timestamp = i64::try_from(unix_ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    timestamp.strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_six_digits_and_a_numeric_zone() {
        assert_eq!(
            iso8601(crate::MessageId(175_928_847_299_117_063).unix_ms()),
            "2016-04-30T11:18:25.796000+00:00"
        );
    }
}
