//! `_security`: who one is, users, roles, API keys.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::call::Call;
use super::reply::Reply;
use crate::date;
use crate::engine::settings::duration;
use crate::error::{ApiError, ApiResult};
use crate::query::dsl;
use crate::security::registry::Known;
use crate::security::{Privilege, Registry, Scope};

fn registry(call: &Call) -> ApiResult<&Registry> {
    call.app.security.as_deref().ok_or_else(|| {
        ApiError::new(
            400,
            "illegal_argument_exception",
            "security is not enabled on this store: start it with --security",
        )
    })
}

fn caller(call: &Call) -> ApiResult<&Known> {
    call.known
        .as_ref()
        .ok_or_else(|| ApiError::internal("a request without a user got past the front"))
}

/// `_security/_authenticate`.
pub fn authenticate(call: &Call) -> ApiResult<Reply> {
    registry(call)?;
    let known = caller(call)?;
    let realm =
        json!({"name": "native", "type": if known.api_key.is_some() { "_es_api_key" } else { "native" }});
    Ok(Reply::json(&json!({
        "username": known.user,
        "roles": known.roles,
        "full_name": null,
        "email": null,
        "metadata": {},
        "enabled": true,
        "authentication_realm": realm,
        "lookup_realm": realm,
        "authentication_type": if known.api_key.is_some() { "api_key" } else { "realm" },
    })))
}

/// Of a map, what a name in the path asks for.
fn chosen(all: Map<String, Value>, wanted: &str) -> Reply {
    if wanted.is_empty() {
        return Reply::json(&all.into());
    }
    let kept: Map<String, Value> = all
        .into_iter()
        .filter(|(name, _)| wanted.split(',').any(|one| one == name))
        .collect();
    Reply::status(if kept.is_empty() { 404 } else { 200 }, &kept.into())
}

/// `GET _security/user`.
pub fn get_user(call: &Call) -> ApiResult<Reply> {
    Ok(chosen(registry(call)?.users(), call.name("name")))
}

/// `PUT _security/user/{name}`.
pub fn put_user(call: &Call) -> ApiResult<Reply> {
    let created = registry(call)?.put_user(call.name("name"), call.required_body()?)?;
    Ok(Reply::json(&json!({ "created": created })))
}

/// `_security/user/{name}/_password`.
pub fn put_password(call: &Call) -> ApiResult<Reply> {
    let name = call.name("name");
    let password = call.required_body()?.get("password").cloned().unwrap_or_default();
    let registry = registry(call)?;
    if !registry.users().contains_key(name) {
        return Err(ApiError::validation(format!(
            "user [{name}] must exist in order to change password"
        )));
    }
    registry.put_user(name, &json!({ "password": password }))?;
    Ok(Reply::json(&json!({})))
}

fn found(had: bool) -> Reply {
    Reply::status(if had { 200 } else { 404 }, &json!({ "found": had }))
}

/// `DELETE _security/user/{name}`.
pub fn delete_user(call: &Call) -> ApiResult<Reply> {
    registry(call)?.delete_user(call.name("name")).map(found)
}

/// `GET _security/role`.
pub fn get_role(call: &Call) -> ApiResult<Reply> {
    Ok(chosen(registry(call)?.roles(), call.name("name")))
}

/// `PUT _security/role/{name}`.
pub fn put_role(call: &Call) -> ApiResult<Reply> {
    let created = registry(call)?.put_role(call.name("name"), call.required_body()?)?;
    Ok(Reply::json(&json!({"role": {"created": created}})))
}

/// `DELETE _security/role/{name}`.
pub fn delete_role(call: &Call) -> ApiResult<Reply> {
    registry(call)?.delete_role(call.name("name")).map(found)
}

/// `POST _security/api_key`: a key of whoever asks.
pub fn create_key(call: &Call) -> ApiResult<Reply> {
    let body = call.required_body()?;
    let name = body
        .get("name")
        .map(dsl::text)
        .ok_or_else(|| ApiError::validation("api key name is required"))?;
    let known = caller(call)?;
    if known.api_key.is_some() {
        return Err(ApiError::argument(
            "creating derived api keys requires a user: an api key cannot make another",
        ));
    }
    let expires = match body.get("expiration").map(dsl::text) {
        None => None,
        Some(text) => {
            let after = duration(&text).ok_or_else(|| {
                ApiError::argument(format!(
                    "failed to parse [expiration] with value [{text}] as a time value"
                ))
            })?;
            Some(date::now().saturating_add(i64::try_from(after.as_millis()).unwrap_or(i64::MAX)))
        }
    };
    let roles = body
        .get("role_descriptors")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let (id, key) = registry(call)?.create_key(&known.user, &name, roles, expires)?;
    let encoded = BASE64_STANDARD.encode(format!("{id}:{key}"));
    Ok(Reply::json(
        &json!({"id": id, "name": name, "expiration": expires, "api_key": key, "encoded": encoded}),
    ))
}

/// Whether a shown key is one that the request may see and asks for.
fn selects(call: &Call, known: &Known, key: &Value, asked: &Value) -> bool {
    let is = |field: &str, wanted: Option<String>| wanted.is_none_or(|wanted| key[field] == wanted);
    let text = |name: &str| {
        asked
            .get(name)
            .map(dsl::text)
            .or_else(|| call.params.get(name).cloned())
    };
    let ids: Vec<String> = dsl::list(asked.get("ids")).iter().map(dsl::text).collect();
    let may = known.grants.cluster(Privilege::ManageSecurity) || key["username"] == known.user.as_str();
    may && is("id", text("id"))
        && is("name", text("name"))
        && is("username", text("username"))
        && (ids.is_empty() || ids.iter().any(|id| key["id"] == id.as_str()))
}

/// `GET _security/api_key`.
pub fn get_keys(call: &Call) -> ApiResult<Reply> {
    let known = caller(call)?;
    let keys = registry(call)?.keys(|key| selects(call, known, key, &Value::Null));
    Ok(Reply::json(&json!({ "api_keys": keys })))
}

/// `DELETE _security/api_key`.
pub fn invalidate_keys(call: &Call) -> ApiResult<Reply> {
    let known = caller(call)?;
    let body = call.required_body()?;
    let names_any = ["id", "ids", "name", "username", "owner"]
        .iter()
        .any(|key| body.get(key).is_some());
    if !names_any {
        return Err(ApiError::validation(
            "One of [api key id(s), api key name, username, realm name] must be specified",
        ));
    }
    let ids: Vec<String> = registry(call)?
        .keys(|key| selects(call, known, key, body))
        .iter()
        .map(|key| dsl::text(&key["id"]))
        .collect();
    let done = registry(call)?.invalidate(&ids)?;
    let before: Vec<&String> = ids.iter().filter(|id| !done.contains(id)).collect();
    Ok(Reply::json(
        &json!({"invalidated_api_keys": done, "previously_invalidated_api_keys": before, "error_count": 0}),
    ))
}

/// Whom the header `Authorization` speaks of. `None`: nobody that is known.
pub fn recognise(registry: &Registry, header: &str) -> Option<Known> {
    let (scheme, rest) = header.split_once(' ')?;
    let decoded = || String::from_utf8(BASE64_STANDARD.decode(rest.trim()).ok()?).ok();
    match scheme.to_ascii_lowercase().as_str() {
        "basic" => {
            let pair = decoded()?;
            let (name, password) = pair.split_once(':')?;
            registry.user(name, password)
        }
        // A bearer token is the encoded form of a key, too.
        "apikey" | "bearer" => {
            let pair = decoded()?;
            let (id, key) = pair.split_once(':')?;
            registry.key(id, key)
        }
        _ => None,
    }
}

/// Refuses a request that its sender may not make, as far as its path tells.
pub fn admit(scope: &Scope, path: &str) -> ApiResult<()> {
    if !scope.need.is_of_indices() {
        if scope.grants.cluster(scope.need) {
            return Ok(());
        }
        return Err(scope.refusal(scope.need, ""));
    }
    let first = path.trim_matches('/').split('/').next().unwrap_or_default();
    let expression = super::front::decoded(first);
    if expression.starts_with('_') {
        // Names are in the body, or all are meant: asked where they are resolved.
        return Ok(());
    }
    for part in crate::engine::name::split(&expression) {
        let part = crate::engine::name::resolve_dates(part, date::now())?;
        let named = !part.contains('*') && !part.starts_with('-');
        if named && !scope.grants.index(&part, scope.need) {
            return Err(scope.refusal(scope.need, &format!(" on indices [{part}]")));
        }
    }
    Ok(())
}
