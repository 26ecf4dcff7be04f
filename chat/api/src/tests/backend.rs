//! data and guilds in one process, as far as the api can tell the difference.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use chat_node::CallError;
use chat_proto::discord::Message;
use chat_proto::service::Refusal;
use chat_proto::service::data::{self, GuildRecord, User};
use chat_proto::service::guilds::{self, Ask};
use chat_proto::{ChannelId, EventNumber, GuildId, MessageId, Snowflakes, UserId};
use sha2::{Digest, Sha256};

use crate::backend::{Backend, Call};

/// Attempts after which the stand-in for [`chat_node::Node::call_owner`] gives up.
const ATTEMPTS: usize = 10;

pub(super) struct Clusters {
    state: Mutex<State>,
    snowflakes: Snowflakes,
}

#[derive(Default)]
struct State {
    guilds: BTreeMap<GuildId, GuildRecord>,
    messages: BTreeMap<MessageId, Message>,
    authentications: usize,
    sent_ids: Vec<MessageId>,
    refusals: Option<(usize, Refusal)>,
}

impl Default for Clusters {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            snowflakes: Snowflakes::new(1),
        }
    }
}

fn accounts() -> [(&'static str, User); 3] {
    let user = |id, name: &str, bot| User {
        id: UserId(id),
        name: name.to_owned(),
        bot,
    };
    [
        ("bot-token", user(1, "demo", true)),
        ("owner-token", user(2, "owner", false)),
        ("stranger-token", user(3, "stranger", false)),
    ]
}

impl Clusters {
    pub(super) fn authentications(&self) -> usize {
        self.state.lock().unwrap().authentications
    }

    /// The ids of all attempts to send.
    pub(super) fn sent_ids(&self) -> Vec<MessageId> {
        self.state.lock().unwrap().sent_ids.clone()
    }

    /// Refuses the next `count` attempts to send.
    pub(super) fn refuse_sends(&self, count: usize, refusal: Refusal) {
        self.state.lock().unwrap().refusals = Some((count, refusal));
    }
}

impl Backend for Clusters {
    fn data(&self, _key: String, request: data::Request) -> Call<'_, data::Reply> {
        let outcome = self.state.lock().unwrap().data(request);
        Box::pin(async move { outcome.map_err(CallError::Refused) })
    }

    fn guild(&self, guild: GuildId, ask: Ask, _limit: Duration) -> Call<'_, guilds::Reply> {
        let mut state = self.state.lock().unwrap();
        let mut outcome = state.guild(guild, ask.clone());
        for _ in 1..ATTEMPTS {
            if !outcome.as_ref().is_err_and(Refusal::retry) {
                break;
            }
            outcome = state.guild(guild, ask.clone());
        }
        Box::pin(async move { outcome.map_err(CallError::Refused) })
    }

    fn snowflake(&self) -> u64 {
        self.snowflakes.next()
    }
}

impl State {
    fn data(&mut self, request: data::Request) -> Result<data::Reply, Refusal> {
        use data::{Reply, Request};
        Ok(match request {
            Request::Authenticate { token_sha256 } => {
                self.authentications += 1;
                let known = |(token, _): &(&str, User)| {
                    <[u8; 32]>::from(Sha256::digest(token.as_bytes())) == token_sha256
                };
                let account = accounts().into_iter().find(known);
                Reply::User(account.ok_or_else(|| Refusal::not_found("User"))?.1)
            }
            Request::ReadUser { user } => {
                let account = accounts().into_iter().find(|(_, account)| account.id == user);
                Reply::User(account.ok_or_else(|| Refusal::not_found("User"))?.1)
            }
            Request::ReadGuild { guild } => Reply::Guild(self.record(guild)?.clone()),
            Request::ReadChannel { channel } => {
                let has = |guild: &&GuildRecord| guild.channels.iter().any(|known| known.id == channel);
                let guild = self.guilds.values().find(has);
                Reply::Channel {
                    guild: guild.ok_or_else(|| Refusal::not_found("Channel"))?.id,
                }
            }
            Request::ReadUserGuilds { user } => {
                let has = |guild: &&GuildRecord| guild.members.iter().any(|member| member.id == user);
                Reply::Guilds(self.guilds.values().filter(has).map(|guild| guild.id).collect())
            }
            Request::ReadMessages { channel, limit, .. } => {
                let newest = self
                    .messages
                    .values()
                    .rev()
                    .filter(|message| message.channel == channel);
                Reply::Messages(newest.take(limit as usize).cloned().collect())
            }
            Request::ReadMessage { channel, message } => {
                Reply::Message(Box::new(self.message(channel, message)?.clone()))
            }
            other => return Err(Refusal::internal(format_args!("not expected: {other:?}"))),
        })
    }

    fn guild(&mut self, guild: GuildId, ask: Ask) -> Result<guilds::Reply, Refusal> {
        use guilds::Reply;
        Ok(match ask {
            Ask::Create(record) => {
                self.guilds.insert(guild, record);
                Reply::Done
            }
            Ask::Send(new) => {
                self.sent_ids.push(new.id);
                if let Some((left, refusal)) = &mut self.refusals
                    && *left > 0
                {
                    *left -= 1;
                    return Err(refusal.clone());
                }
                self.member(guild, new.author.id)?;
                let message = Message {
                    id: new.id,
                    channel: new.channel,
                    guild,
                    author: new.author,
                    content: new.content,
                    nonce: new.nonce,
                    edited_ms: None,
                    tts: new.tts,
                    reply_to: new.reply_to,
                    number: EventNumber(1),
                };
                self.messages.insert(message.id, message.clone());
                stored(message)
            }
            Ask::EditMessage {
                channel,
                message,
                content,
                edited_ms,
                ..
            } => {
                self.message(channel, message)?;
                let message = self.messages.get_mut(&message).unwrap();
                message.content = content;
                message.edited_ms = Some(edited_ms);
                stored(message.clone())
            }
            Ask::DeleteMessage { channel, message, .. } => {
                self.message(channel, message)?;
                self.messages.remove(&message);
                Reply::Done
            }
            Ask::CreateChannel { channel, .. } => {
                self.record(guild)?.channels.push(channel);
                Reply::Done
            }
            Ask::AddMember { user, .. } => {
                self.record(guild)?.members.push(user);
                Reply::Done
            }
            Ask::RemoveMember { user, .. } => {
                self.record(guild)?.members.retain(|member| member.id != user);
                Reply::Done
            }
            Ask::Typing { user, .. } => {
                self.member(guild, user)?;
                Reply::Done
            }
            other => return Err(Refusal::internal(format_args!("not expected: {other:?}"))),
        })
    }

    fn record(&mut self, guild: GuildId) -> Result<&mut GuildRecord, Refusal> {
        self.guilds
            .get_mut(&guild)
            .ok_or_else(|| Refusal::not_found("Guild"))
    }

    fn member(&mut self, guild: GuildId, user: UserId) -> Result<(), Refusal> {
        let member = self.record(guild)?.members.iter().any(|member| member.id == user);
        member.then_some(()).ok_or_else(|| Refusal::Forbidden {
            reason: "no member".to_owned(),
        })
    }

    fn message(&self, channel: ChannelId, message: MessageId) -> Result<&Message, Refusal> {
        let found = self
            .messages
            .get(&message)
            .filter(|message| message.channel == channel);
        found.ok_or_else(|| Refusal::not_found("Message"))
    }
}

fn stored(message: Message) -> guilds::Reply {
    guilds::Reply::Message {
        message: Box::new(message),
        number: EventNumber(1),
        repeated: false,
    }
}
