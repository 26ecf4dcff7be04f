//! Guilds and their channels.

use axum::extract::State;
use chat_proto::discord::{channel_json, guild_json};
use chat_proto::service::data::{ChannelRecord, GuildRecord, User};
use chat_proto::service::guilds::{Ask, Reply};
use chat_proto::{ChannelId, GuildId};
use serde_json::json;

use crate::account::Account;
use crate::answer::{Answer, Outcome};
use crate::app::App;
use crate::backend::PATIENCE;
use crate::error::ApiError;
use crate::form::Form;
use crate::ids::Ids;

/// The channel that every guild begins with.
const FIRST_CHANNEL: &str = "general";

const MAX_NAME: usize = 100;
const MAX_TOPIC: usize = 1024;

pub(crate) async fn create(State(app): State<App>, Account(user): Account, mut form: Form) -> Outcome {
    let name = form.required_text("name", MAX_NAME);
    form.check()?;
    let guild = GuildRecord {
        id: GuildId(app.backend().snowflake()),
        name,
        owner: user.id,
        channels: vec![ChannelRecord {
            id: ChannelId(app.backend().snowflake()),
            name: FIRST_CHANNEL.to_owned(),
            position: 0,
            topic: None,
        }],
        members: vec![User::clone(&user)],
    };
    let asked = app
        .backend()
        .guild(guild.id, Ask::Create(guild.clone()), PATIENCE);
    match asked.await? {
        Reply::Done => Ok(Answer::Created(guild_json(&guild))),
        other => Err(ApiError::unexpected(&other)),
    }
}

pub(crate) async fn read(State(app): State<App>, Account(user): Account, Ids([guild]): Ids<1>) -> Outcome {
    let guild = visible(&app, &user, GuildId(guild)).await?;
    let mut object = guild_json(&guild);
    object["approximate_member_count"] = json!(guild.members.len());
    Ok(Answer::Ok(object))
}

pub(crate) async fn channels(
    State(app): State<App>,
    Account(user): Account,
    Ids([guild]): Ids<1>,
) -> Outcome {
    let guild = visible(&app, &user, GuildId(guild)).await?;
    let channels = guild
        .channels
        .iter()
        .map(|channel| channel_json(guild.id, channel));
    Ok(Answer::Ok(channels.collect()))
}

pub(crate) async fn create_channel(
    State(app): State<App>,
    Account(user): Account,
    Ids([guild]): Ids<1>,
    mut form: Form,
) -> Outcome {
    let guild = GuildId(guild);
    let channel = ChannelRecord {
        id: ChannelId(app.backend().snowflake()),
        name: form.required_text("name", MAX_NAME),
        position: form.number("position").unwrap_or(0),
        topic: form.text("topic", MAX_TOPIC),
    };
    form.check()?;
    let ask = Ask::CreateChannel {
        by: user.id,
        channel: channel.clone(),
    };
    match app.backend().guild(guild, ask, PATIENCE).await? {
        Reply::Done => Ok(Answer::Created(channel_json(guild, &channel))),
        other => Err(ApiError::unexpected(&other)),
    }
}

/// A guild that `user` is in. Others are not there for it, as on Discord.
pub(crate) async fn visible(app: &App, user: &User, guild: GuildId) -> Result<GuildRecord, ApiError> {
    let guild = app.read_guild(guild).await?;
    if guild.members.iter().any(|member| member.id == user.id) {
        Ok(guild)
    } else {
        Err(ApiError::unknown("Guild"))
    }
}
