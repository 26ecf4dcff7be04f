//! The table of routes, and what every request passes through: trace id, figures, account, rate limit.

mod channels;
mod gateway;
mod guilds;
mod members;
mod messages;
mod users;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use tracing::Instrument as _;

use crate::account;
use crate::app::App;
use crate::error::ApiError;

/// The id that the edge gives every request.
const REQUEST_ID: &str = "x-request-id";

/// Everything under /api/v9 and /api/v10. `observe` is told of each request when it began, and whether it did not
/// fail by our fault.
pub(crate) fn router(app: App, observe: impl Fn(Instant, bool) + Send + Sync + 'static) -> Router {
    let observe = Arc::new(observe);
    let open = Router::new().route("/gateway", get(gateway::url));
    let known = Router::new()
        .route("/gateway/bot", get(gateway::for_bots))
        .route("/voice/regions", get(gateway::voice_regions))
        .route("/applications/@me", get(users::application))
        .route("/oauth2/applications/@me", get(users::application))
        .route("/users/@me", get(users::me))
        .route("/users/@me/guilds", get(users::my_guilds))
        .route("/users/@me/guilds/{guild}", axum::routing::delete(members::leave))
        .route("/users/{user}", get(users::read))
        .route("/guilds", post(guilds::create))
        .route("/guilds/{guild}", get(guilds::read))
        .route(
            "/guilds/{guild}/channels",
            get(guilds::channels).post(guilds::create_channel),
        )
        .route("/guilds/{guild}/members", get(members::list))
        .route(
            "/guilds/{guild}/members/{user}",
            put(members::add).get(members::read).delete(members::remove),
        )
        .route("/channels/{channel}", get(channels::read))
        .route("/channels/{channel}/typing", post(channels::typing))
        .route(
            "/channels/{channel}/messages",
            get(messages::list).post(messages::create),
        )
        .route(
            "/channels/{channel}/messages/{message}",
            get(messages::read).patch(messages::edit).delete(messages::delete),
        )
        .route_layer(from_fn_with_state(app.clone(), admit));
    let version = open.merge(known).with_state(app);
    Router::new()
        .nest("/api/v9", version.clone())
        .nest("/api/v10", version)
        .fallback(|| async { ApiError::status(StatusCode::NOT_FOUND) })
        .method_not_allowed_fallback(|| async { ApiError::status(StatusCode::METHOD_NOT_ALLOWED) })
        .layer(from_fn(move |request: Request, next: Next| {
            let observe = observe.clone();
            async move {
                let began = Instant::now();
                let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
                let span = tracing::info_span!("request", trace.id = id.unwrap_or(""));
                let response = next.run(request).instrument(span).await;
                observe(began, !response.status().is_server_error());
                response
            }
        }))
}

/// Lets in whoever has an account and asks within bounds.
async fn admit(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let account = match account::authenticate(&app, request.headers()).await {
        Ok(account) => account,
        Err(error) => return error.into_response(),
    };
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("", MatchedPath::as_str);
    // Both versions of the API share their buckets.
    let route = route.trim_start_matches("/api/v9").trim_start_matches("/api/v10");
    let route = format!("{} {route}", request.method());
    let standing = app.count(account.0.id, &route, top_level_id(request.uri().path()));
    if standing.over {
        return standing.refusal();
    }
    request.extensions_mut().insert(account);
    let mut response = next.run(request).await;
    standing.write(response.headers_mut());
    response
}

/// The channel or guild that a path is about: each has buckets of its own.
fn top_level_id(path: &str) -> &str {
    let mut segments = path.split('/');
    match segments.find(|segment| matches!(*segment, "channels" | "guilds")) {
        Some(_) => segments.next().unwrap_or(""),
        None => "",
    }
}
