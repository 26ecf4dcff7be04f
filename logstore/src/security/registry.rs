//! Users, roles and API keys, in `DATA/security.json`. Every secret in it is a salted hash.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tracing::info;

use super::privilege::Grants;
use super::secret::{self, Hashed};
use crate::date::{self, Millis};
use crate::engine::disk;
use crate::engine::op::new_id;
use crate::error::{ApiError, ApiResult};

/// The user of the first start.
const ADMIN: &str = "admin";

/// Roles that are always there: name, cluster privileges, privileges on all indices.
const BUILT_IN: &[(&str, &[&str], &[&str])] = &[
    ("superuser", &["all"], &["all"]),
    ("admin", &["all"], &["all"]),
    ("viewer", &["monitor"], &["read", "view_index_metadata"]),
    ("reader", &["monitor"], &["read", "view_index_metadata"]),
    ("editor", &["monitor"], &["read", "write", "view_index_metadata"]),
    (
        "writer",
        &["monitor", "manage_index_templates", "manage_pipeline"],
        &["write", "create_index", "view_index_metadata"],
    ),
];

/// Passwords that were found right lately, so that a client's hundred requests cost one slow hash.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");

/// A user.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct User {
    password: Hashed,
    roles: Vec<String>,
    #[serde(default)]
    full_name: Option<String>,
    #[serde(default)]
    metadata: Map<String, Value>,
    enabled: bool,
}

/// An API key.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ApiKey {
    name: String,
    owner: String,
    secret: Hashed,
    created: Millis,
    expires: Option<Millis>,
    invalidated: bool,
    /// Roles of its own; none: those of its owner.
    roles: Map<String, Value>,
}

#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Contents {
    users: BTreeMap<String, User>,
    roles: BTreeMap<String, Value>,
    api_keys: BTreeMap<String, ApiKey>,
}

/// Who was recognised.
#[derive(Debug, Clone)]
pub struct Known {
    /// The user, or the owner of the key.
    pub user: String,
    /// Names of roles.
    pub roles: Vec<String>,
    /// What they may do.
    pub grants: Grants,
    /// The key's id, if it was one.
    pub api_key: Option<String>,
}

/// All of them.
#[derive(Debug)]
pub struct Registry {
    file: PathBuf,
    contents: RwLock<Contents>,
    /// Hashes of credentials that were right, newest last; the oldest make room. Emptied on every change.
    remembered: Mutex<Vec<[u8; 32]>>,
}

// === impl Registry ===

impl Registry {
    /// Reads the file of a data folder. The first time, a user `admin` is made, whose password is written to
    /// `DATA/admin-password`, readable by its owner alone.
    pub fn open(folder: &Path) -> ApiResult<Self> {
        let file = folder.join("security.json");
        let contents = match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| ApiError::internal(format!("cannot read {}: {error}", file.display())))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Contents::default(),
            Err(error) => return Err(error.into()),
        };
        let is_new = contents.users.is_empty();
        let registry = Self {
            file,
            contents: RwLock::new(contents),
            remembered: Mutex::default(),
        };
        if is_new {
            let password = secret::random();
            let told = folder.join("admin-password");
            write_private(&told, password.as_bytes())?;
            registry.put_user(ADMIN, &json!({"password": password, "roles": ["superuser"]}))?;
            info!(
                event.action = "admin-created",
                labels.file = %told.display(),
                "made the user admin, its password is in the file"
            );
        }
        Ok(registry)
    }

    fn read(&self) -> Contents {
        self.contents
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn change<T>(&self, change: impl FnOnce(&mut Contents) -> ApiResult<T>) -> ApiResult<T> {
        let mut contents = self.contents.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = contents.clone();
        let result = change(&mut next)?;
        let bytes = serde_json::to_vec_pretty(&next).expect("the registry is plain JSON");
        disk::replace(&self.file, &bytes)?;
        *contents = next;
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        Ok(result)
    }

    /// Recognises a user by name and password.
    pub fn user(&self, name: &str, password: &str) -> Option<Known> {
        let contents = self.read();
        let user = contents.users.get(name)?;
        let print: [u8; 32] = Sha256::new()
            .chain_update((name.len() as u64).to_le_bytes())
            .chain_update(name)
            .chain_update(password)
            .finalize()
            .into();
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if !remembered.contains(&print) {
            drop(remembered);
            if !user.password.is(password) {
                return None;
            }
            remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
            if remembered.len() >= REMEMBERED.get() {
                remembered.remove(0);
            }
            remembered.push(print);
        }
        user.enabled.then(|| Known {
            user: name.to_owned(),
            roles: user.roles.clone(),
            grants: contents.grants(&user.roles),
            api_key: None,
        })
    }

    /// Recognises an API key by its id and secret.
    pub fn key(&self, id: &str, key: &str) -> Option<Known> {
        let contents = self.read();
        let found = contents.api_keys.get(id)?;
        let valid = found.secret.is(key)
            && !found.invalidated
            && found.expires.is_none_or(|expires| expires > date::now());
        let owner = contents.users.get(&found.owner).filter(|owner| owner.enabled)?;
        valid.then(|| {
            let of_owner = contents.grants(&owner.roles);
            let mut own = Grants::default();
            for role in found.roles.values() {
                own.join(Grants::parse(role));
            }
            Known {
                user: found.owner.clone(),
                roles: found.roles.keys().cloned().collect(),
                grants: if found.roles.is_empty() {
                    of_owner
                } else {
                    own.within(of_owner)
                },
                api_key: Some(id.to_owned()),
            }
        })
    }

    /// Makes or changes a user; says whether it is new.
    pub fn put_user(&self, name: &str, body: &Value) -> ApiResult<bool> {
        let roles: Option<Vec<String>> = body
            .get("roles")
            .and_then(Value::as_array)
            .map(|roles| roles.iter().map(crate::query::dsl::text).collect());
        let password = match body.get("password").and_then(Value::as_str) {
            Some(text) if text.len() < 6 => {
                return Err(ApiError::validation(
                    "passwords must be at least [6] characters long",
                ));
            }
            Some(text) => Some(Hashed::password(text)?),
            None => None,
        };
        self.change(|contents| {
            let known = contents.users.get(name).cloned();
            let is_new = known.is_none();
            let password = match (password, &known) {
                (Some(password), _) => password,
                (None, Some(known)) => known.password.clone(),
                (None, None) => return Err(ApiError::validation("password is missing")),
            };
            let user = User {
                password,
                roles: roles
                    .or_else(|| known.as_ref().map(|user| user.roles.clone()))
                    .unwrap_or_default(),
                full_name: body
                    .get("full_name")
                    .and_then(Value::as_str)
                    .map(ToOwned::to_owned),
                metadata: body
                    .get("metadata")
                    .and_then(Value::as_object)
                    .cloned()
                    .unwrap_or_default(),
                enabled: body.get("enabled").and_then(Value::as_bool).unwrap_or(true),
            };
            contents.users.insert(name.to_owned(), user);
            Ok(is_new)
        })
    }

    /// Removes a user with its keys; says whether there was one.
    pub fn delete_user(&self, name: &str) -> ApiResult<bool> {
        self.change(|contents| {
            contents.api_keys.retain(|_, key| key.owner != name);
            Ok(contents.users.remove(name).is_some())
        })
    }

    /// Users as they are shown.
    pub fn users(&self) -> Map<String, Value> {
        self.read()
            .users
            .into_iter()
            .map(|(name, user)| {
                let shown = json!({"username": name, "roles": user.roles, "full_name": user.full_name, "email": null, "metadata": user.metadata, "enabled": user.enabled});
                (name, shown)
            })
            .collect()
    }

    /// Makes or changes a role; says whether it is new.
    pub fn put_role(&self, name: &str, body: &Value) -> ApiResult<bool> {
        if BUILT_IN.iter().any(|(known, ..)| *known == name) {
            return Err(ApiError::argument(format!(
                "role [{name}] is reserved and may not be modified"
            )));
        }
        self.change(|contents| Ok(contents.roles.insert(name.to_owned(), body.clone()).is_none()))
    }

    /// Removes a role; says whether there was one.
    pub fn delete_role(&self, name: &str) -> ApiResult<bool> {
        self.change(|contents| Ok(contents.roles.remove(name).is_some()))
    }

    /// Roles as they are shown.
    pub fn roles(&self) -> Map<String, Value> {
        let mut shown: Map<String, Value> = BUILT_IN
            .iter()
            .map(|(name, cluster, indices)| {
                ((*name).to_owned(), json!({"cluster": cluster, "indices": [{"names": ["*"], "privileges": indices}], "metadata": {"_reserved": true}}))
            })
            .collect();
        shown.extend(self.read().roles);
        shown
    }

    /// Makes an API key of a user, and returns its id and secret. The secret is not seen again.
    pub fn create_key(
        &self,
        owner: &str,
        name: &str,
        roles: Map<String, Value>,
        expires: Option<Millis>,
    ) -> ApiResult<(String, String)> {
        let (id, key) = (new_id().to_string(), secret::random());
        let kept = ApiKey {
            name: name.to_owned(),
            owner: owner.to_owned(),
            secret: Hashed::key(&key)?,
            created: date::now(),
            expires,
            invalidated: false,
            roles,
        };
        self.change(|contents| {
            contents.api_keys.insert(id.clone(), kept);
            Ok(())
        })?;
        Ok((id, key))
    }

    /// API keys as they are shown, of those that pass.
    pub fn keys(&self, passes: impl Fn(&Value) -> bool) -> Vec<Value> {
        self.read()
            .api_keys
            .into_iter()
            .map(|(id, key)| json!({"id": id, "name": key.name, "creation": key.created, "expiration": key.expires, "invalidated": key.invalidated, "username": key.owner, "realm": "native", "role_descriptors": key.roles}))
            .filter(passes)
            .collect()
    }

    /// Invalidates API keys by id; returns those that were valid before.
    pub fn invalidate(&self, ids: &[String]) -> ApiResult<Vec<String>> {
        self.change(|contents| {
            let mut done = Vec::new();
            for id in ids {
                if let Some(key) = contents.api_keys.get_mut(id)
                    && !key.invalidated
                {
                    key.invalidated = true;
                    done.push(id.clone());
                }
            }
            Ok(done)
        })
    }
}

impl Contents {
    fn grants(&self, roles: &[String]) -> Grants {
        let mut all = Grants::default();
        for role in roles {
            if let Some((_, cluster, indices)) = BUILT_IN.iter().find(|(name, ..)| name == role) {
                all.join(Grants::parse(
                    &json!({"cluster": cluster, "indices": [{"names": ["*"], "privileges": indices}]}),
                ));
            } else if let Some(body) = self.roles.get(role) {
                all.join(Grants::parse(body));
            }
        }
        all
    }
}

/// Writes a file that its owner alone may read.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
