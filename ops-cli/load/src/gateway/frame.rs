//! Gateway payloads, read without copying: only what the load needs of each, and the messages it sends.

use std::borrow::Cow;

use chat_proto::{ChannelId, GuildId, Intents, MessageId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

/// What every session asks for: its guild, and messages with their text.
const INTENTS: Intents = Intents(Intents::GUILDS.0 | Intents::GUILD_MESSAGES.0 | Intents::MESSAGE_CONTENT.0);

/// Opcodes of the gateway.
pub(super) mod op {
    pub(in crate::gateway) const DISPATCH: u8 = 0;
    pub(in crate::gateway) const HEARTBEAT: u8 = 1;
    pub(in crate::gateway) const IDENTIFY: u8 = 2;
    pub(in crate::gateway) const RESUME: u8 = 6;
    pub(in crate::gateway) const RECONNECT: u8 = 7;
    pub(in crate::gateway) const INVALID_SESSION: u8 = 9;
    pub(in crate::gateway) const HELLO: u8 = 10;
    pub(in crate::gateway) const HEARTBEAT_ACK: u8 = 11;
}

/// One payload from the gateway; `d` stays unread until somebody needs it.
#[derive(Debug, Deserialize)]
pub(crate) struct Frame<'a> {
    pub(super) op: u8,
    #[serde(default)]
    pub(super) s: Option<u64>,
    #[serde(borrow, default)]
    pub(super) t: Option<&'a str>,
    #[serde(borrow, default)]
    pub(super) d: Option<&'a RawValue>,
}

/// What is read of a MESSAGE_CREATE.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Message<'a> {
    pub(crate) id: MessageId,
    pub(crate) channel_id: ChannelId,
    #[serde(borrow, default)]
    pub(crate) content: Cow<'a, str>,
}

/// What is read of HELLO.
#[derive(Debug, Deserialize)]
pub(super) struct Hello {
    pub(super) heartbeat_interval: u64,
}

/// What is read of READY.
#[derive(Debug, Deserialize)]
pub(super) struct Ready {
    pub(super) session_id: String,
    #[serde(default)]
    pub(super) resume_gateway_url: Option<String>,
}

/// What is read of GUILD_CREATE.
#[derive(Debug, Deserialize)]
pub(super) struct GuildCreate {
    pub(super) id: GuildId,
}

// === impl Frame ===

impl<'a> Frame<'a> {
    /// Reads a payload.
    pub(crate) fn parse(text: &'a str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| format!("not a gateway payload: {error}"))
    }

    /// Reads its `d`.
    pub(super) fn data<T: Deserialize<'a>>(&self) -> Result<T, String> {
        let text = self.d.map_or("null", RawValue::get);
        let name = self.t.unwrap_or("payload");
        serde_json::from_str(text).map_err(|error| format!("unreadable {name} (op {}): {error}", self.op))
    }
}

/// Identify as a user.
pub(super) fn identify(token: &str) -> String {
    #[derive(Serialize)]
    struct Identify<'a> {
        token: &'a str,
        intents: Intents,
        properties: serde_json::Value,
    }
    let d = Identify {
        token,
        intents: INTENTS,
        properties: json!({ "os": std::env::consts::OS, "browser": "guildwatch-load", "device": "guildwatch-load" }),
    };
    json!({ "op": op::IDENTIFY, "d": d }).to_string()
}

/// Resume after the dispatch numbered `seq`.
pub(super) fn resume(token: &str, session: &str, seq: u64) -> String {
    let d = json!({ "token": token, "session_id": session, "seq": seq });
    json!({ "op": op::RESUME, "d": d }).to_string()
}

/// A heartbeat that names the last dispatch.
pub(super) fn heartbeat(seq: Option<u64>) -> String {
    json!({ "op": op::HEARTBEAT, "d": seq }).to_string()
}
