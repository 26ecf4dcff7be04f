//! Accounts of the chat stack: created by operators, never by sign-up.

use serde::{Deserialize, Serialize};

/// Accounts to create, all or none.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewAccounts {
    /// The accounts.
    pub accounts: Vec<NewAccount>,
    /// Who asks, for the audit log.
    pub by: String,
}

/// One account to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAccount {
    /// Its name.
    pub name: String,
    /// Whether it is a bot.
    pub bot: bool,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id (a snowflake, as text).
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is a bot.
    pub bot: bool,
    /// Its token, in the one answer that creates it: it is stored only as a hash.
    pub token: Option<String>,
}
