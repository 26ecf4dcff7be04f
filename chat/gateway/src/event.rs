//! What clients send: ops, read and checked for their shape. What they mean is decided in the socket.

use chat_proto::{GuildId, Intents, SessionId, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::close::Close;

/// One event of a client.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ClientEvent {
    /// Op 1.
    Heartbeat,
    /// Op 2.
    Identify(Identify),
    /// Op 3: the new status.
    PresenceUpdate(String),
    /// Op 6.
    Resume(Resume),
    /// Op 8.
    RequestGuildMembers(RequestGuildMembers),
    /// An op that Discord knows and that does nothing here (voice, soundboard, subscriptions of user clients).
    Ignored,
}

/// Op 2.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Identify {
    pub(crate) token: String,
    #[serde(default)]
    pub(crate) intents: Option<u64>,
    #[serde(default)]
    shard: Option<(i64, i64)>,
    #[serde(default)]
    presence: Option<Presence>,
}

/// Op 6.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Resume {
    pub(crate) token: String,
    pub(crate) session_id: SessionId,
    /// Some libraries send `null` when they have seen nothing yet.
    #[serde(default)]
    pub(crate) seq: Option<u64>,
}

/// Op 8.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct RequestGuildMembers {
    pub(crate) guild_id: GuildId,
    /// The beginning of a name; empty: everybody.
    #[serde(default)]
    pub(crate) query: Option<String>,
    #[serde(default)]
    pub(crate) limit: usize,
    #[serde(default)]
    pub(crate) user_ids: Option<OneOrMany>,
    #[serde(default)]
    pub(crate) presences: bool,
    #[serde(default)]
    pub(crate) nonce: Option<String>,
}

/// `user_ids` may be one id or a list.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    One(UserId),
    Many(Vec<UserId>),
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Presence {
    #[serde(default)]
    status: Option<String>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    op: u8,
    #[serde(borrow, default)]
    d: Option<&'a RawValue>,
}

/// Reads one payload.
pub(crate) fn read(text: &str) -> Result<ClientEvent, Close> {
    let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|_| Close::Decode)?;
    Ok(match envelope.op {
        1 => ClientEvent::Heartbeat,
        2 => ClientEvent::Identify(data(envelope.d)?),
        3 => {
            let presence: Presence = data(envelope.d)?;
            ClientEvent::PresenceUpdate(known_status(presence.status.as_deref()))
        }
        6 => ClientEvent::Resume(data(envelope.d)?),
        8 => ClientEvent::RequestGuildMembers(data(envelope.d)?),
        4 | 5 | 12..=43 => ClientEvent::Ignored,
        _ => return Err(Close::UnknownOp),
    })
}

fn data<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Result<T, Close> {
    serde_json::from_str(raw.ok_or(Close::Decode)?.get()).map_err(|_| Close::Decode)
}

fn known_status(status: Option<&str>) -> String {
    match status {
        Some(known @ ("online" | "idle" | "dnd" | "invisible")) => known.to_owned(),
        // Clients that log out set themselves offline; whoever is connected can only be invisible.
        Some("offline") => "invisible".to_owned(),
        _ => "online".to_owned(),
    }
}

// === impl Identify ===

impl Identify {
    /// The first status.
    pub(crate) fn status(&self) -> String {
        known_status(
            self.presence
                .as_ref()
                .and_then(|presence| presence.status.as_deref()),
        )
    }

    /// Shard id and number of shards.
    pub(crate) fn shard(&self) -> Result<(u32, u32), Close> {
        let (id, count) = self.shard.unwrap_or((0, 1));
        match (u32::try_from(id), u32::try_from(count)) {
            (Ok(id), Ok(count)) if id < count => Ok((id, count)),
            _ => Err(Close::InvalidShard),
        }
    }

    /// What a bot or a user asked to see. A user's client names no intents: it sees everything.
    pub(crate) fn intents(&self, bot: bool) -> Result<Intents, Close> {
        match self.intents.map(Intents) {
            Some(intents) if intents.valid() => Ok(intents),
            None if !bot => Ok(Intents::ALL),
            _ => Err(Close::InvalidIntents),
        }
    }
}

// === impl RequestGuildMembers ===

impl RequestGuildMembers {
    /// The users asked for by id.
    pub(crate) fn wanted(&self) -> Option<Vec<UserId>> {
        self.user_ids.clone().map(|ids| match ids {
            OneOrMany::One(id) => vec![id],
            OneOrMany::Many(ids) => ids,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identify(text: &str) -> Identify {
        match read(&format!(r#"{{"op":2,"d":{text}}}"#)) {
            Ok(ClientEvent::Identify(identify)) => identify,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ops_are_read_whatever_else_is_in_them() {
        assert_eq!(read(r#"{"op":1,"d":251}"#), Ok(ClientEvent::Heartbeat));
        assert_eq!(read(r#"{"op":1,"d":null,"x":[1]}"#), Ok(ClientEvent::Heartbeat));
        assert_eq!(read(r#"{"op":4,"d":{}}"#), Ok(ClientEvent::Ignored));
        let away = read(r#"{"op":3,"d":{"since":1,"activities":[],"status":"idle","afk":true}}"#);
        assert_eq!(away, Ok(ClientEvent::PresenceUpdate("idle".to_owned())));
        let resume = read(r#"{"op":6,"d":{"token":"t","session_id":"ab","seq":7}}"#);
        let expected = Resume {
            token: "t".to_owned(),
            session_id: "ab".into(),
            seq: Some(7),
        };
        assert_eq!(resume, Ok(ClientEvent::Resume(expected)));
    }

    #[test]
    fn members_can_be_asked_for_by_one_id_or_many() {
        for ids in [r#""5""#, r#"["5"]"#] {
            let text = format!(r#"{{"op":8,"d":{{"guild_id":"41","user_ids":{ids},"limit":0}}}}"#);
            match read(&text) {
                Ok(ClientEvent::RequestGuildMembers(request)) => {
                    assert_eq!(request.wanted(), Some(vec![UserId(5)]));
                    assert_eq!(request.guild_id, GuildId(41));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn what_cannot_be_read_has_its_close_code() {
        for (text, close) in [
            ("", Close::Decode),
            ("[]", Close::Decode),
            (r#"{"d":1}"#, Close::Decode),
            (r#"{"op":2}"#, Close::Decode),
            (r#"{"op":2,"d":{"intents":1}}"#, Close::Decode),
            (r#"{"op":6,"d":"x"}"#, Close::Decode),
            (r#"{"op":0,"d":{}}"#, Close::UnknownOp),
            (r#"{"op":10,"d":{}}"#, Close::UnknownOp),
            (r#"{"op":99}"#, Close::UnknownOp),
        ] {
            assert_eq!(read(text), Err(close), "{text}");
        }
    }

    #[test]
    fn shards_that_cannot_be_are_refused() {
        assert_eq!(identify(r#"{"token":"t"}"#).shard(), Ok((0, 1)));
        assert_eq!(identify(r#"{"token":"t","shard":[1,2]}"#).shard(), Ok((1, 2)));
        for shard in ["[2,2]", "[-1,2]", "[0,0]"] {
            let identify = identify(&format!(r#"{{"token":"t","shard":{shard}}}"#));
            assert_eq!(identify.shard(), Err(Close::InvalidShard), "{shard}");
        }
    }

    #[test]
    fn a_bot_needs_intents_and_a_user_does_not() {
        let none = identify(r#"{"token":"t"}"#);
        assert_eq!(none.intents(true), Err(Close::InvalidIntents));
        assert_eq!(none.intents(false), Ok(Intents::ALL));
        let some = identify(r#"{"token":"t","intents":513,"presence":{"status":"dnd"}}"#);
        assert_eq!(some.intents(true), Ok(Intents(513)));
        assert_eq!(some.status(), "dnd");
        let odd = identify(r#"{"token":"t","intents":1125899906842624}"#);
        assert_eq!(odd.intents(false), Err(Close::InvalidIntents));
    }
}
