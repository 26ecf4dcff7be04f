//! Messages: reading is data's, changing is the guild's.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use chat_proto::discord::Message;
use chat_proto::service::{data, guilds};
use chat_proto::{ChannelId, MessageId};

use crate::account::Account;
use crate::answer::{Answer, Outcome};
use crate::app::App;
use crate::backend::PATIENCE;
use crate::error::ApiError;
use crate::form::Form;
use crate::ids::Ids;
use crate::page::{self, Fields};
use crate::send::{Draft, MAX_CONTENT, send};

pub(crate) async fn create(
    State(app): State<App>,
    Account(user): Account,
    Ids([channel]): Ids<1>,
    form: Form,
) -> Outcome {
    let channel = ChannelId(channel);
    let draft = Draft::read(form)?;
    let guild = app.guild_of(channel).await?;
    let message = send(&app, &user, guild, channel, draft).await?;
    Ok(Answer::Ok(message.to_json(false)))
}

pub(crate) async fn list(
    State(app): State<App>,
    Account(user): Account,
    Ids([channel]): Ids<1>,
    fields: Fields,
) -> Outcome {
    let channel = ChannelId(channel);
    let limit = page::limit(&fields, 50, 100)?;
    let page = page::messages(&fields)?;
    app.readable(user.id, channel).await?;
    let request = data::Request::ReadMessages { channel, page, limit };
    match app.backend().data(channel.to_string(), request).await? {
        data::Reply::Messages(messages) => Ok(Answer::Ok(
            messages.iter().map(|message| message.to_json(false)).collect(),
        )),
        other => Err(ApiError::unexpected(&other)),
    }
}

pub(crate) async fn read(
    State(app): State<App>,
    Account(user): Account,
    Ids([channel, message]): Ids<2>,
) -> Outcome {
    let channel = ChannelId(channel);
    app.readable(user.id, channel).await?;
    let message = stored(&app, channel, MessageId(message)).await?;
    Ok(Answer::Ok(message.to_json(false)))
}

pub(crate) async fn edit(
    State(app): State<App>,
    Account(user): Account,
    Ids([channel, message]): Ids<2>,
    mut form: Form,
) -> Outcome {
    let (channel, message) = (ChannelId(channel), MessageId(message));
    let content = form
        .text("content", MAX_CONTENT)
        .unwrap_or_default()
        .trim()
        .to_owned();
    form.check()?;
    if content.is_empty() {
        return Err(ApiError::empty_message());
    }
    let guild = app.readable(user.id, channel).await?;
    if stored(&app, channel, message).await?.author.id != user.id {
        return Err(ApiError::not_yours_to_edit());
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ask = guilds::Ask::EditMessage {
        by: user.id,
        channel,
        message,
        content,
        edited_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
    };
    match app.backend().guild(guild, ask, PATIENCE).await? {
        guilds::Reply::Message { message, .. } => Ok(Answer::Ok(message.to_json(false))),
        other => Err(ApiError::unexpected(&other)),
    }
}

pub(crate) async fn delete(
    State(app): State<App>,
    Account(user): Account,
    Ids([channel, message]): Ids<2>,
) -> Outcome {
    let (channel, message) = (ChannelId(channel), MessageId(message));
    let guild = app.guild_of(channel).await?;
    let ask = guilds::Ask::DeleteMessage {
        by: user.id,
        channel,
        message,
    };
    match app.backend().guild(guild, ask, PATIENCE).await? {
        guilds::Reply::Done => Ok(Answer::Nothing),
        other => Err(ApiError::unexpected(&other)),
    }
}

async fn stored(app: &App, channel: ChannelId, message: MessageId) -> Result<Message, ApiError> {
    let request = data::Request::ReadMessage { channel, message };
    match app.backend().data(channel.to_string(), request).await? {
        data::Reply::Message(message) => Ok(*message),
        other => Err(ApiError::unexpected(&other)),
    }
}
