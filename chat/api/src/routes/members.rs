//! Members of a guild.

use axum::extract::State;
use chat_proto::discord::member_json;
use chat_proto::service::data::User;
use chat_proto::service::guilds::{Ask, Reply};
use chat_proto::{GuildId, UserId};

use crate::account::Account;
use crate::answer::{Answer, Outcome};
use crate::app::App;
use crate::backend::PATIENCE;
use crate::error::ApiError;
use crate::ids::Ids;
use crate::page::{self, Fields};
use crate::routes::guilds::visible;

pub(crate) async fn list(
    State(app): State<App>,
    Account(user): Account,
    Ids([guild]): Ids<1>,
    fields: Fields,
) -> Outcome {
    let limit = page::limit(&fields, 1, 1000)? as usize;
    let after = UserId(page::id(&fields, "after")?.unwrap_or(0));
    let guild = visible(&app, &user, GuildId(guild)).await?;
    let mut members: Vec<&User> = guild.members.iter().filter(|member| member.id > after).collect();
    members.sort_unstable_by_key(|member| member.id);
    Ok(Answer::Ok(
        members.into_iter().take(limit).map(member_json).collect(),
    ))
}

pub(crate) async fn read(
    State(app): State<App>,
    Account(user): Account,
    Ids([guild, member]): Ids<2>,
) -> Outcome {
    let guild = visible(&app, &user, GuildId(guild)).await?;
    let found = guild.members.iter().find(|known| known.id == UserId(member));
    found
        .map(|member| Answer::Ok(member_json(member)))
        .ok_or_else(|| ApiError::unknown("Member"))
}

/// 201 with the member, or 204 when there is nothing to do.
pub(crate) async fn add(
    State(app): State<App>,
    Account(user): Account,
    Ids([guild, member]): Ids<2>,
) -> Outcome {
    let guild = app.read_guild(GuildId(guild)).await?;
    if guild.owner != user.id && user.id != UserId(member) {
        return Err(ApiError::missing_permissions());
    }
    if guild.members.iter().any(|known| known.id == UserId(member)) {
        return Ok(Answer::Nothing);
    }
    let member = app.read_user(UserId(member)).await?;
    let ask = Ask::AddMember {
        by: Some(user.id),
        user: member.clone(),
    };
    match app.backend().guild(guild.id, ask, PATIENCE).await? {
        Reply::Done => Ok(Answer::Created(member_json(&member))),
        other => Err(ApiError::unexpected(&other)),
    }
}

pub(crate) async fn remove(
    State(app): State<App>,
    Account(user): Account,
    Ids([guild, member]): Ids<2>,
) -> Outcome {
    let guild = visible(&app, &user, GuildId(guild)).await?;
    if !guild.members.iter().any(|known| known.id == UserId(member)) {
        return Err(ApiError::unknown("Member"));
    }
    if guild.owner != user.id && user.id != UserId(member) {
        return Err(ApiError::missing_permissions());
    }
    go(&app, &user, guild.id, UserId(member)).await
}

pub(crate) async fn leave(State(app): State<App>, Account(user): Account, Ids([guild]): Ids<1>) -> Outcome {
    let guild = visible(&app, &user, GuildId(guild)).await?;
    go(&app, &user, guild.id, user.id).await
}

async fn go(app: &App, by: &User, guild: GuildId, user: UserId) -> Outcome {
    let ask = Ask::RemoveMember {
        by: Some(by.id),
        user,
    };
    match app.backend().guild(guild, ask, PATIENCE).await? {
        Reply::Done => Ok(Answer::Nothing),
        other => Err(ApiError::unexpected(&other)),
    }
}
