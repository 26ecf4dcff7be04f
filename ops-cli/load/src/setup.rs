//! Creates what a run needs, through the public ways: accounts at the control plane, guilds and members at the api.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use chat_proto::{ChannelId, GuildId, UserId};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use ops_api::{Account, ApiError, ControlClient, NewAccount, NewAccounts};
use tokio::time::Instant;

use crate::backoff;
use crate::gateway::Member;
use crate::rest::{Failure, Rest};

/// Accounts a request.
const ACCOUNTS: usize = 200;

/// Requests under way at a time.
const CONCURRENT: usize = 16;

/// For how long one request of the set-up is repeated.
const REPEAT_FOR: Duration = Duration::from_secs(60);

/// A created account.
struct User {
    id: UserId,
    token: Arc<str>,
}

/// Creates `users` accounts and `guilds` guilds, spreads the users evenly over them, and answers each guild's members.
/// The user number `n` sits in guild `n % guilds` at seat `n / guilds`; seat 0 owns the guild.
pub(crate) async fn create(
    control: &ControlClient,
    rest: &Rest,
    run: u32,
    users: usize,
    guilds: usize,
    by: &str,
) -> anyhow::Result<Vec<Vec<Member>>> {
    let users = create_users(control, run, users, by).await?;
    let rooms: Vec<_> = stream::iter(users.iter().take(guilds).enumerate())
        .map(|(index, owner)| create_guild(rest, run, index, owner))
        .buffered(CONCURRENT)
        .try_collect()
        .await?;
    // In the order of users: neighbours are in different guilds, so no owner's rate limit holds up all the others.
    let guests = users.iter().enumerate().skip(guilds);
    stream::iter(guests.map(Ok))
        .try_for_each_concurrent(CONCURRENT, |(number, user)| {
            let (guild, owner) = (rooms[number % guilds].0, &users[number % guilds]);
            persist(move || rest.add_member(&owner.token, guild, user.id))
        })
        .await?;
    let member = |number: usize, index: usize, (guild, channel): (GuildId, ChannelId)| Member {
        token: Arc::clone(&users[number].token),
        guild,
        channel,
        guild_index: index,
        seat: number / guilds,
    };
    let seated = rooms.iter().enumerate().map(|(index, &room)| {
        let numbers = (index..users.len()).step_by(guilds);
        numbers.map(|number| member(number, index, room)).collect()
    });
    Ok(seated.collect())
}

/// The name of the user number `number` of a run.
pub(crate) fn user_name(run: u32, number: usize) -> String {
    format!("load-{run:08x}-{number}")
}

async fn create_users(
    control: &ControlClient,
    run: u32,
    users: usize,
    by: &str,
) -> anyhow::Result<Vec<User>> {
    let mut created = Vec::with_capacity(users);
    while created.len() < users {
        let batch = created.len()..users.min(created.len() + ACCOUNTS);
        let new = |number| NewAccount {
            name: user_name(run, number),
            bot: false,
        };
        let request = NewAccounts {
            accounts: batch.clone().map(new).collect(),
            by: by.to_owned(),
        };
        let accounts = create_batch(control, &request).await?;
        ensure!(
            accounts.len() == batch.len(),
            "the control plane created {} accounts where {} were asked for",
            accounts.len(),
            batch.len()
        );
        for account in accounts {
            let token = account
                .token
                .with_context(|| format!("account {} came without a token", account.name))?;
            let id = account
                .id
                .parse()
                .with_context(|| format!("{:?} is no account id", account.id))?;
            created.push(User {
                id,
                token: token.into(),
            });
        }
    }
    Ok(created)
}

/// Creates accounts, all or none: only a refusal is known to have created none, so nothing else is repeated.
async fn create_batch(control: &ControlClient, request: &NewAccounts) -> anyhow::Result<Vec<Account>> {
    let started = Instant::now();
    let mut failures = 0;
    loop {
        match control.create_accounts(request).await {
            Err(ApiError::Refused(problem)) if matches!(problem.status, 429 | 503) => {
                failures += 1;
                let wait = backoff::after(failures);
                if started.elapsed() + wait > REPEAT_FOR {
                    return Err(ApiError::Refused(problem)).context("create accounts");
                }
                tokio::time::sleep(wait).await;
            }
            answer => return answer.context("create accounts"),
        }
    }
}

async fn create_guild(
    rest: &Rest,
    run: u32,
    index: usize,
    owner: &User,
) -> anyhow::Result<(GuildId, ChannelId)> {
    let name = format!("load {run:08x} {index}");
    let guild = persist(|| rest.create_guild(&owner.token, &name)).await?;
    let channel = persist(|| rest.first_channel(&owner.token, guild)).await?;
    Ok((guild, channel))
}

/// Makes a call until it succeeds, is refused for good, or has failed for too long.
async fn persist<T, F>(mut call: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = Result<T, Failure>>,
{
    let started = Instant::now();
    let mut failures = 0;
    loop {
        let failure = match call().await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        failures += 1;
        let wait = backoff::obeying(failures, failure.retry_after);
        if !failure.temporary || started.elapsed() + wait > REPEAT_FOR {
            return Err(failure).context("set up the run");
        }
        tokio::time::sleep(wait).await;
    }
}
