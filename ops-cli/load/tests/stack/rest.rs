//! The control plane's accounts, and the part of the API that a load uses.

use axum::Router;
use axum::extract::{Path, Query, State as Extract};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post, put};
use ops_api::{Account, NewAccounts};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Fault, Guild, Shared, State};

pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/v1/accounts", post(create_accounts))
        .route("/api/v10/guilds", post(create_guild))
        .route("/api/v10/guilds/{guild}/channels", get(channels))
        .route("/api/v10/guilds/{guild}/members/{user}", put(add_member))
        .route("/api/v10/channels/{channel}/messages", post(send).get(history))
        .with_state(shared)
}

fn user(state: &State, headers: &HeaderMap) -> Result<u64, StatusCode> {
    let token = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    state.users.get(token).copied().ok_or(StatusCode::UNAUTHORIZED)
}

async fn create_accounts(
    Extract(shared): Extract<Shared>,
    Json(new): Json<NewAccounts>,
) -> Json<Vec<Account>> {
    let mut state = shared.lock().unwrap();
    let create = |new: ops_api::NewAccount| {
        let id = state.id();
        let token = format!("token-{id}");
        state.users.insert(token.clone(), id);
        Account {
            id: id.to_string(),
            name: new.name,
            bot: new.bot,
            token: Some(token),
        }
    };
    Json(new.accounts.into_iter().map(create).collect())
}

async fn create_guild(Extract(shared): Extract<Shared>, headers: HeaderMap) -> Result<Response, StatusCode> {
    let mut state = shared.lock().unwrap();
    let owner = user(&state, &headers)?;
    let (guild, channel) = (state.id(), state.id());
    state.guilds.insert(
        guild,
        Guild {
            channel,
            members: [owner].into(),
            ..Guild::default()
        },
    );
    Ok((
        StatusCode::CREATED,
        Json(json!({ "id": guild.to_string(), "name": "g" })),
    )
        .into_response())
}

async fn channels(Extract(shared): Extract<Shared>, Path(guild): Path<u64>) -> Json<Value> {
    let channel = shared.lock().unwrap().guilds[&guild].channel;
    Json(json!([{ "id": "1", "type": 4 }, { "id": channel.to_string(), "type": 0 }]))
}

async fn add_member(
    Extract(shared): Extract<Shared>,
    Path((guild, member)): Path<(u64, u64)>,
    headers: HeaderMap,
) -> Result<StatusCode, StatusCode> {
    let mut state = shared.lock().unwrap();
    user(&state, &headers)?;
    state.guilds.get_mut(&guild).unwrap().members.insert(member);
    Ok(StatusCode::CREATED)
}

#[derive(Deserialize)]
struct New {
    content: String,
    nonce: String,
    enforce_nonce: bool,
}

async fn send(
    Extract(shared): Extract<Shared>,
    Path(channel): Path<u64>,
    headers: HeaderMap,
    Json(new): Json<New>,
) -> Result<Response, StatusCode> {
    let mut state = shared.lock().unwrap();
    let author = user(&state, &headers)?;
    assert!(new.enforce_nonce && new.nonce.len() <= 25);
    let (&id, guild) = state
        .guilds
        .iter()
        .find(|(_, guild)| guild.channel == channel)
        .unwrap();
    if let Some(known) = guild.nonces.get(&new.nonce) {
        return Ok(Json(known.clone()).into_response());
    }
    let number = state.sends; // Repeats of what was stored have no number.
    state.sends += 1;
    for status in [429_u16, 503] {
        if state.hit(Fault::Refuse(number, status)) {
            let status = StatusCode::from_u16(status).unwrap();
            return Ok((status, Json(json!({ "message": "later", "retry_after": 0.05 }))).into_response());
        }
    }
    let message = state.publish(id, author, &new.content, &new.nonce);
    let forgets = state.hit(Fault::LoseAnswerAndNonce(number));
    if forgets {
        state.guilds.get_mut(&id).unwrap().nonces.clear();
    }
    if forgets || state.hit(Fault::LoseAnswer(number)) {
        return Err(StatusCode::INTERNAL_SERVER_ERROR);
    }
    Ok(Json(message).into_response())
}

#[derive(Deserialize)]
struct Page {
    after: u64,
    limit: usize,
}

/// The oldest messages after an id, newest first, as Discord answers them.
async fn history(
    Extract(shared): Extract<Shared>,
    Path(channel): Path<u64>,
    Query(page): Query<Page>,
) -> Json<Vec<Value>> {
    let state = shared.lock().unwrap();
    let guild = state
        .guilds
        .values()
        .find(|guild| guild.channel == channel)
        .unwrap();
    let mut found: Vec<_> = guild
        .messages
        .range(page.after + 1..)
        .take(page.limit)
        .map(|(_, message)| message.clone())
        .collect();
    found.reverse();
    Json(found)
}
