//! The watch stream: server-sent events with each new picture, each change of an operation, and a heartbeat.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_util::stream;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;

use super::Api;

/// A comment line after this long without anything else.
const HEARTBEAT: Duration = Duration::from_millis(900);

pub(crate) async fn watch(State(api): State<Arc<Api>>) -> Response {
    let mut pictures = api.pictures.clone();
    pictures.mark_changed();
    let changes = api.desk.changes();
    let events = stream::unfold(
        (api, pictures, changes),
        |(api, mut pictures, mut changes)| async move {
            let event = tokio::select! {
                () = api.stop.cancelled() => return None,
                changed = pictures.changed() => {
                    changed.ok()?;
                    let picture = pictures.borrow_and_update().clone();
                    event("fleet", picture.as_ref())
                }
                change = changes.recv() => match change {
                    Ok(operation) => event("operation", &operation),
                    // It watches too slowly; the next picture has the operation as it is by then.
                    Err(RecvError::Lagged(_)) => ": behind\n\n".to_owned(),
                    Err(RecvError::Closed) => return None,
                },
                () = tokio::time::sleep(HEARTBEAT) => ": alive\n\n".to_owned(),
            };
            Some((Ok::<_, Infallible>(Bytes::from(event)), (api, pictures, changes)))
        },
    );
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn event<T: Serialize>(name: &str, data: &T) -> String {
    let mut event = format!("event: {name}\n");
    match serde_json::to_string(data) {
        // JSON on one line: no line end can be in it.
        Ok(json) => {
            let written = write!(event, "data: {json}\n\n");
            debug_assert!(written.is_ok(), "writing into a string works");
            event
        }
        Err(error) => format!(": cannot write {name}: {error}\n\n").replace("\n\n\n", "\n\n"),
    }
}
