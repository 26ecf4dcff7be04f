//! Accounts of the chat stack, made by operators: asks `data` over Loqui.
//!
//! A token is shown once, in the answer that makes it; only its SHA-256 is stored.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chat_proto::service::{Refusal, data};
use chat_proto::{Cluster, Snowflakes, UserId};
use ops_api::{Account, NewAccounts};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::audit::{self, Audit};
use crate::membership::registry::Registry;

/// The most accounts of one request.
const MAX_ACCOUNTS: usize = 5_000;
/// The longest name, as Discord has it.
const MAX_NAME: usize = 32;
/// A page of the list.
const PAGE: u32 = 1_000;
/// How long data may be away.
const PATIENCE: Duration = Duration::from_secs(8);
/// One call.
const LIMIT: Duration = Duration::from_secs(10);
/// Before the next try to reach data.
const PAUSE: Duration = Duration::from_millis(100);

/// Why an account was not made or found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    #[error("{0}")]
    Invalid(String),
    #[error("there is no account '{0}'")]
    Unknown(String),
    #[error("data does not answer: {0}")]
    Unavailable(String),
    #[error("cannot write the audit log: {0}")]
    Unwritable(String),
}

/// The accounts.
#[derive(Debug)]
pub(crate) struct Accounts {
    registry: Registry,
    audit: Audit,
    options: loqui::Options,
    ids: Snowflakes,
}

// === impl Accounts ===

impl Accounts {
    /// Shows `fabric_token` to data.
    pub(crate) fn new(registry: Registry, audit: Audit, fabric_token: &str) -> Self {
        let node = chat_proto::NodeName::from("control-0");
        let options = loqui::Options {
            headers: vec![
                ("authorization".to_owned(), format!("Bearer {fabric_token}")),
                ("x-guildwatch-node".to_owned(), node.to_string()),
            ],
            ..loqui::Options::default()
        };
        Self {
            registry,
            audit,
            options,
            ids: Snowflakes::for_node(&node, chat_proto::Incarnation::now()),
        }
    }

    /// Makes accounts, all or none, each with its first token.
    pub(crate) async fn create(&self, request: NewAccounts) -> Result<Vec<Account>, AccountError> {
        if request.accounts.is_empty() || request.accounts.len() > MAX_ACCOUNTS {
            return Err(AccountError::Invalid(format!(
                "1 to {MAX_ACCOUNTS} accounts can be made at once"
            )));
        }
        let (mut made, mut stored) = (Vec::new(), Vec::new());
        for account in request.accounts {
            check_name(&account.name)?;
            let id = UserId(self.ids.next());
            let token = new_token(id);
            stored.push(data::NewAccount {
                user: data::User {
                    id,
                    name: account.name.clone(),
                    bot: account.bot,
                },
                token_sha256: hash(&token),
            });
            made.push(Account {
                id: id.to_string(),
                name: account.name,
                bot: account.bot,
                token: Some(token),
            });
        }
        let what = match &made[..] {
            [one] => format!("'{}' ({})", one.name, one.id),
            many => format!("{} accounts from {} on", many.len(), many[0].id),
        };
        let ask = self.ask(data::Request::CreateAccounts(stored));
        self.audited(&request.by, "create account", &what, ask).await?;
        Ok(made)
    }

    /// Makes another token for an account.
    pub(crate) async fn create_token(&self, id: &str, by: &str) -> Result<Account, AccountError> {
        let user = id.parse().map_err(|_| AccountError::Unknown(id.to_owned()))?;
        let found = match self.ask(data::Request::ReadUser { user }).await? {
            data::Reply::User(found) => found,
            other => return Err(unexpected(&other)),
        };
        let token = new_token(user);
        let what = format!("'{}' ({id})", found.name);
        let ask = self.ask(data::Request::AddToken {
            user,
            token_sha256: hash(&token),
        });
        self.audited(by, "create token", &what, ask).await?;
        Ok(Account {
            token: Some(token),
            ..shown(found)
        })
    }

    /// Accounts after an id.
    pub(crate) async fn list(&self, after: &str) -> Result<Vec<Account>, AccountError> {
        let after = match after {
            "" => UserId(0),
            id => id
                .parse()
                .map_err(|_| AccountError::Invalid(format!("'{id}' is no account id")))?,
        };
        match self.ask(data::Request::ListUsers { after, limit: PAGE }).await? {
            data::Reply::Users(users) => Ok(users.into_iter().map(shown).collect()),
            other => Err(unexpected(&other)),
        }
    }

    /// Intent before, outcome after.
    async fn audited(
        &self,
        by: &str,
        action: &str,
        what: &str,
        ask: impl Future<Output = Result<data::Reply, AccountError>>,
    ) -> Result<(), AccountError> {
        let write = async |outcome: &str| {
            let entry = audit::entry(by, action, what, outcome, None);
            self.audit
                .record(entry)
                .await
                .map_err(|error| AccountError::Unwritable(error.to_string()))
        };
        write("intent").await?;
        let answer = ask.await;
        write(if answer.is_ok() { "success" } else { "failure" }).await?;
        answer.map(drop)
    }

    async fn ask(&self, request: data::Request) -> Result<data::Reply, AccountError> {
        let payload = chat_proto::encode(&request).map_err(unavailable)?;
        // Data pushes nothing; the receiver is kept as its end would end the connection.
        let (client, _pushes) = self.connect().await?;
        let answer = tokio::time::timeout(LIMIT, client.request(payload)).await;
        client.close(loqui::Code::Normal, "done");
        let answer = answer.map_err(|_| AccountError::Unavailable("no answer in time".to_owned()))?;
        let answer = answer.map_err(unavailable)?;
        match chat_proto::decode::<Result<data::Reply, Refusal>>(&answer).map_err(unavailable)? {
            Ok(reply) => Ok(reply),
            Err(Refusal::Invalid { reason } | Refusal::Forbidden { reason }) => {
                Err(AccountError::Invalid(reason))
            }
            Err(refusal @ Refusal::NotFound { .. }) => Err(AccountError::Unknown(refusal.to_string())),
            Err(refusal) => Err(unavailable(refusal)),
        }
    }

    /// Connecting may be tried again; asking may not, as nobody knows what came of it.
    async fn connect(&self) -> Result<(loqui::Client, loqui::Pushes), AccountError> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let membership = self.registry.membership();
            let reason = match membership.ready(Cluster::Data).next() {
                Some(member) => match loqui::Client::connect(member.address, &self.options).await {
                    Ok(connection) => return Ok(connection),
                    Err(error) => error.to_string(),
                },
                None => "no data node is ready".to_owned(),
            };
            if Instant::now() >= give_up {
                return Err(AccountError::Unavailable(reason));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn shown(user: data::User) -> Account {
    Account {
        id: user.id.to_string(),
        name: user.name,
        bot: user.bot,
        token: None,
    }
}

fn check_name(name: &str) -> Result<(), AccountError> {
    let length = name.chars().count();
    if (1..=MAX_NAME).contains(&length) && name.trim() == name && !name.contains(char::is_control) {
        return Ok(());
    }
    Err(AccountError::Invalid(format!(
        "'{}' is no name: it needs 1 to {MAX_NAME} characters, no spaces around them and no control characters",
        name.escape_debug()
    )))
}

/// As Discord's look: whose it is, and two random parts.
fn new_token(user: UserId) -> String {
    let random = |bytes: usize| URL_SAFE_NO_PAD.encode(&rand::random::<[u8; 24]>()[..bytes]);
    let id = URL_SAFE_NO_PAD.encode(user.to_string());
    // Three random bytes are four characters.
    let middle = &random(6)[..6];
    format!("{id}.{middle}.{}", random(24))
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn unavailable(error: impl std::fmt::Display) -> AccountError {
    AccountError::Unavailable(error.to_string())
}

fn unexpected(reply: &data::Reply) -> AccountError {
    let reply = format!("{reply:?}");
    let name = reply
        .split(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or_default();
    AccountError::Unavailable(format!("it answered something unexpected: {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_whose_it_is_and_no_two_are_alike() {
        let user = UserId(175_928_847_299_117_063);
        let (one, two) = (new_token(user), new_token(user));
        assert_ne!(one, two);
        let parts: Vec<&str> = one.split('.').collect();
        assert_eq!(parts[0], "MTc1OTI4ODQ3Mjk5MTE3MDYz");
        assert_eq!((parts[1].len(), parts[2].len(), parts.len()), (6, 32, 3));
    }

    #[test]
    fn names_that_nobody_could_type_again_are_refused() {
        assert!(check_name("ada lovelace").is_ok());
        for bad in ["", " ada", "a\u{7}", &"x".repeat(33)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
