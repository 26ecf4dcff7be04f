//! Where the gateway is, and what little there is about voice.

use axum::extract::State;
use serde_json::json;

use crate::account::Account;
use crate::answer::{Answer, Outcome};
use crate::app::App;
use crate::error::ApiError;

pub(crate) async fn url(State(app): State<App>) -> Answer {
    Answer::Ok(json!({"url": app.settings().gateway_url}))
}

pub(crate) async fn for_bots(State(app): State<App>, Account(user): Account) -> Outcome {
    if !user.bot {
        return Err(ApiError::bots_only());
    }
    Ok(Answer::Ok(json!({
        "url": app.settings().gateway_url,
        "shards": 1,
        "session_start_limit": {
            "total": 1000,
            "remaining": 1000,
            "reset_after": 0,
            "max_concurrency": 16,
        },
    })))
}

pub(crate) async fn voice_regions() -> Answer {
    Answer::Ok(json!([]))
}
