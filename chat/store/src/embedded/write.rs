//! Carrying out one write inside the transaction: first every check, then every row.
//!
//! The order matters: a refusal must leave the rows alone, because the rest of the batch is committed.

use std::collections::HashSet;

use chat_proto::service::Refusal;
use chat_proto::service::data::{GuildRecord, NewAccount};
use chat_proto::{Epoch, EventNumber, GuildId, NodeName, UserId};
use redb::ReadableTable as _;

use super::tables::{GuildRow, Head, Writing, encode};
use super::{Failure, read};
use crate::{Write, Written};

type Outcome = Result<Result<Written, Refusal>, Failure>;

impl Writing<'_> {
    pub(super) fn apply(&mut self, write: &Write) -> Outcome {
        match write {
            Write::CreateGuild(guild) => self.create_guild(guild),
            Write::Claim {
                guild,
                epoch,
                node,
                recent,
                max_bytes,
            } => self.claim(*guild, *epoch, node, *recent, *max_bytes),
            Write::Append { guild, epoch, events } => self.append(*guild, *epoch, events),
            Write::CreateAccounts(accounts) => self.create_accounts(accounts),
            Write::AddToken { user, token_sha256 } => self.add_token(*user, token_sha256),
        }
    }

    fn create_guild(&mut self, guild: &GuildRecord) -> Outcome {
        if self.guilds.get(guild.id.0)?.is_some() {
            return Ok(Ok(Written::Done));
        }
        for channel in &guild.channels {
            if let Some(other) = self.channel_guilds.get(channel.id.0)? {
                return Ok(Err(invalid(format!(
                    "channel {} belongs to guild {} already",
                    channel.id,
                    other.value()
                ))));
            }
        }
        let row = GuildRow {
            name: guild.name.clone(),
            owner: guild.owner,
        };
        self.guilds
            .insert(guild.id.0, encode("guilds", &row)?.as_slice())?;
        let head = Head {
            epoch: Epoch(0),
            node: None,
            last: EventNumber(0),
        };
        self.put_head(guild.id, &head)?;
        for channel in &guild.channels {
            self.put_channel(guild.id, channel)?;
        }
        for member in &guild.members {
            self.put_member(guild.id, member)?;
        }
        Ok(Ok(Written::Done))
    }

    fn claim(
        &mut self,
        guild: GuildId,
        epoch: Epoch,
        node: &NodeName,
        recent: usize,
        max_bytes: usize,
    ) -> Outcome {
        let Some(head) = read::head(&self.heads, guild)? else {
            return Ok(Err(Refusal::not_found("Guild")));
        };
        let same_node = head.node.as_ref() == Some(node);
        if epoch < head.epoch || (epoch == head.epoch && head.node.is_some() && !same_node) {
            return Ok(Err(Refusal::Fenced { highest: head.epoch }));
        }
        if epoch != head.epoch || !same_node {
            let claimed = Head {
                epoch,
                node: Some(node.clone()),
                last: head.last,
            };
            self.put_head(guild, &claimed)?;
        }
        let Some(record) = read::guild(&self.guilds, &self.channels, &self.members, guild)? else {
            return Ok(Err(Refusal::not_found("Guild")));
        };
        Ok(Ok(Written::Claimed {
            guild: record,
            last: head.last,
            recent: read::newest_events(&self.events, guild, recent, max_bytes)?,
        }))
    }

    fn create_accounts(&mut self, accounts: &[NewAccount]) -> Outcome {
        let mut hashes = HashSet::new();
        for account in accounts {
            let id = account.user.id;
            if let Some(other) = read::user(&self.users, id)?
                && other != account.user
            {
                return Ok(Err(invalid(format!(
                    "user {id} is there already, and another one"
                ))));
            }
            if let Some(other) = self.tokens.get(&account.token_sha256)?
                && other.value() != id.0
            {
                return Ok(Err(invalid(format!("the token of user {id} is taken"))));
            }
            if !hashes.insert(account.token_sha256) {
                return Ok(Err(invalid("two of the accounts have the same token")));
            }
        }
        for account in accounts {
            let id = account.user.id.0;
            self.users
                .insert(id, encode("users", &account.user)?.as_slice())?;
            self.tokens.insert(&account.token_sha256, id)?;
        }
        Ok(Ok(Written::Done))
    }

    fn add_token(&mut self, user: UserId, token_sha256: &[u8; 32]) -> Outcome {
        if self.users.get(user.0)?.is_none() {
            return Ok(Err(Refusal::not_found("User")));
        }
        if let Some(other) = self.tokens.get(token_sha256)?
            && other.value() != user.0
        {
            return Ok(Err(invalid("the token is taken")));
        }
        self.tokens.insert(token_sha256, user.0)?;
        Ok(Ok(Written::Done))
    }

    pub(super) fn put_head(&mut self, guild: GuildId, head: &Head) -> Result<(), Failure> {
        self.heads.insert(guild.0, encode("heads", head)?.as_slice())?;
        Ok(())
    }
}

pub(super) fn invalid(reason: impl Into<String>) -> Refusal {
    Refusal::Invalid {
        reason: reason.into(),
    }
}
