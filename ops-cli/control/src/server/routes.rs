//! The routes: from HTTP to the control plane's parts and back.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use chat_admin::{LeaseGrant, LeaseRequest};
use chat_proto::Membership;
use ops_api::{Account, AuditEntry, Fleet, Health, NewAccounts, NewOperation, Operation, OperationState};
use serde::Deserialize;

use super::Api;
use super::answer::No;

type Answer<T> = Result<Json<T>, No>;
type Body<T> = Result<Json<T>, JsonRejection>;

/// The longest reason, name or key that is taken.
const MAX_TEXT: usize = 500;

/// Whose token it is does not say who asks.
#[derive(Debug, Deserialize)]
pub(crate) struct By {
    by: String,
}

/// How many.
#[derive(Debug, Deserialize)]
pub(crate) struct Limit {
    #[serde(default = "hundred")]
    limit: usize,
}

/// After which id.
#[derive(Debug, Deserialize)]
pub(crate) struct After {
    #[serde(default)]
    after: String,
}

fn hundred() -> usize {
    100
}

pub(crate) async fn lease(State(api): State<Arc<Api>>, body: Body<LeaseRequest>) -> Answer<LeaseGrant> {
    Ok(Json(api.registry.heartbeat(read(body)?).await?))
}

pub(crate) async fn membership(State(api): State<Arc<Api>>) -> Json<Membership> {
    Json(api.registry.membership().as_ref().clone())
}

pub(crate) async fn status(State(api): State<Arc<Api>>) -> Json<Fleet> {
    let fleet = api.pictures.borrow().clone();
    let mut fleet = fleet.as_ref().clone();
    // What we do ourselves need not be observed.
    fleet.operation = api.desk.current();
    Json(fleet)
}

pub(crate) async fn operations(State(api): State<Arc<Api>>) -> Json<Vec<Operation>> {
    Json(api.desk.all())
}

pub(crate) async fn operation(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Answer<Operation> {
    Ok(Json(api.desk.one(&id)?))
}

pub(crate) async fn submit(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Body<NewOperation>,
) -> Result<(StatusCode, Json<Operation>), No> {
    let key = headers
        .get("idempotency-key")
        .and_then(|key| key.to_str().ok())
        .unwrap_or_default();
    if key.is_empty() || key.len() > MAX_TEXT {
        return Err(No::new(
            StatusCode::BAD_REQUEST,
            "no-key",
            "an idempotency-key header of 1 to 500 characters is needed",
            "send a new random one with each new request, and the same one when you repeat it",
        ));
    }
    let request = read(body)?;
    text("by", &request.by, 1)?;
    text("reason", &request.reason, 0)?;
    let fleet = api.pictures.borrow().clone();
    let unwell: BTreeMap<String, Health> = fleet
        .nodes()
        .filter(|node| node.health != Health::Green)
        .map(|node| (node.name.clone(), node.health))
        .collect();
    let operation = api.desk.submit(request, key, &unwell).await?;
    let status = if operation.state == OperationState::Planned {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    Ok((status, Json(operation)))
}

pub(crate) async fn abort(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    body: Body<By>,
) -> Answer<Operation> {
    let by = read(body)?.by;
    text("by", &by, 1)?;
    Ok(Json(api.desk.abort(&id, &by).await?))
}

pub(crate) async fn audit(State(api): State<Arc<Api>>, Query(limit): Query<Limit>) -> Json<Vec<AuditEntry>> {
    Json(api.audit.newest(limit.limit))
}

pub(crate) async fn accounts(
    State(api): State<Arc<Api>>,
    Query(after): Query<After>,
) -> Answer<Vec<Account>> {
    Ok(Json(api.accounts.list(&after.after).await?))
}

pub(crate) async fn create_accounts(
    State(api): State<Arc<Api>>,
    body: Body<NewAccounts>,
) -> Result<(StatusCode, Json<Vec<Account>>), No> {
    let request = read(body)?;
    text("by", &request.by, 1)?;
    Ok((StatusCode::CREATED, Json(api.accounts.create(request).await?)))
}

pub(crate) async fn create_token(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    body: Body<By>,
) -> Result<(StatusCode, Json<Account>), No> {
    let by = read(body)?.by;
    text("by", &by, 1)?;
    Ok((
        StatusCode::CREATED,
        Json(api.accounts.create_token(&id, &by).await?),
    ))
}

fn read<T>(body: Body<T>) -> Result<T, No> {
    match body {
        Ok(Json(value)) => Ok(value),
        Err(rejection) => Err(No::new(
            StatusCode::BAD_REQUEST,
            "invalid",
            format!("cannot understand the request: {}", rejection.body_text()),
            "ops-cli/api lists the routes and their types",
        )),
    }
}

fn text(name: &str, value: &str, least: usize) -> Result<(), No> {
    if (least..=MAX_TEXT).contains(&value.len()) && !value.contains(char::is_control) {
        return Ok(());
    }
    let title = format!("'{name}' must have {least} to {MAX_TEXT} characters, and no control characters");
    Err(No::new(StatusCode::BAD_REQUEST, "invalid", title, "correct it"))
}
