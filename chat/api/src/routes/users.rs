//! Accounts, one's own and others'.

use axum::extract::State;
use chat_proto::UserId;
use chat_proto::discord::user_json;
use serde_json::{Value, json};

use crate::account::Account;
use crate::answer::{Answer, Outcome};
use crate::app::App;
use crate::error::ApiError;
use crate::ids::Ids;
use crate::page::{self, Fields};

/// Limited presence, members and message content: what a bot may ask for without being reviewed.
const APPLICATION_FLAGS: u32 = 1 << 13 | 1 << 15 | 1 << 19;

pub(crate) async fn me(Account(user): Account) -> Answer {
    let mut object = user_json(&user);
    for (name, value) in [
        ("mfa_enabled", json!(false)),
        ("locale", json!("en-US")),
        ("verified", json!(true)),
        ("email", Value::Null),
        ("flags", json!(0)),
        ("premium_type", json!(0)),
        ("banner", Value::Null),
        ("accent_color", Value::Null),
    ] {
        object[name] = value;
    }
    Answer::Ok(object)
}

pub(crate) async fn read(State(app): State<App>, Ids([user]): Ids<1>) -> Outcome {
    Ok(Answer::Ok(user_json(&app.read_user(UserId(user)).await?)))
}

pub(crate) async fn my_guilds(State(app): State<App>, Account(user): Account, fields: Fields) -> Outcome {
    let limit = page::limit(&fields, 200, 200)? as usize;
    let after = page::id(&fields, "after")?;
    let before = page::id(&fields, "before")?;
    let mut guilds = app.guilds_of(user.id).await?.to_vec();
    guilds.sort_unstable();
    guilds.retain(|guild| {
        after.is_none_or(|after| guild.0 > after) && before.is_none_or(|before| guild.0 < before)
    });
    if before.is_some() && after.is_none() {
        // The ones nearest to the bound.
        guilds.drain(..guilds.len().saturating_sub(limit));
    }
    guilds.truncate(limit);
    let mut list = Vec::with_capacity(guilds.len());
    for id in guilds {
        let guild = app.read_guild(id).await?;
        list.push(json!({
            "id": guild.id,
            "name": guild.name,
            "icon": null,
            "banner": null,
            "owner": guild.owner == user.id,
            "permissions": "2248473465835073",
            "features": [],
            "approximate_member_count": guild.members.len(),
        }));
    }
    Ok(Answer::Ok(list.into()))
}

/// A bot and its application are one account.
pub(crate) async fn application(Account(user): Account) -> Outcome {
    if !user.bot {
        return Err(ApiError::bots_only());
    }
    Ok(Answer::Ok(json!({
        "id": user.id,
        "name": user.name,
        "icon": null,
        "description": "",
        "summary": "",
        "type": null,
        "bot": user_json(&user),
        "bot_public": true,
        "bot_require_code_grant": false,
        "verify_key": "0".repeat(64),
        "owner": user_json(&user),
        "team": null,
        "flags": APPLICATION_FLAGS,
    })))
}
