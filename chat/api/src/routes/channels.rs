//! One channel, and typing in it.

use axum::extract::State;
use chat_proto::ChannelId;
use chat_proto::discord::channel_json;
use chat_proto::service::guilds::{Ask, Reply};

use crate::account::Account;
use crate::answer::{Answer, Outcome};
use crate::app::App;
use crate::backend::PATIENCE;
use crate::error::ApiError;
use crate::ids::Ids;

pub(crate) async fn read(State(app): State<App>, Account(user): Account, Ids([channel]): Ids<1>) -> Outcome {
    let channel = ChannelId(channel);
    let guild = app.guild_of(channel).await?;
    let guild = app.read_guild(guild).await?;
    if !guild.members.iter().any(|member| member.id == user.id) {
        return Err(ApiError::missing_access());
    }
    let record = guild.channels.iter().find(|known| known.id == channel);
    record
        .map(|record| Answer::Ok(channel_json(guild.id, record)))
        .ok_or_else(|| ApiError::unknown("Channel"))
}

pub(crate) async fn typing(
    State(app): State<App>,
    Account(user): Account,
    Ids([channel]): Ids<1>,
) -> Outcome {
    let channel = ChannelId(channel);
    let guild = app.guild_of(channel).await?;
    let ask = Ask::Typing {
        user: user.id,
        channel,
    };
    match app.backend().guild(guild, ask, PATIENCE).await? {
        Reply::Done => Ok(Answer::Nothing),
        other => Err(ApiError::unexpected(&other)),
    }
}
