//! Sends messages at a steady rate, paced by a clock and not by answers: a slow stack gets no gentler load.
//!
//! Each message is one task that repeats its send under the same nonce until it is acknowledged or given up.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::backoff;
use crate::gateway::{Member, Venue};

/// Sends in flight, over all guilds. One that is due when as many are under way is not sent, and counted as withheld.
pub(crate) const IN_FLIGHT: usize = 2_048;

/// For how long a send is repeated.
const REPEAT_FOR: Duration = Duration::from_secs(10);

/// The pause between two looks at the clock, at high rates.
const TICK: Duration = Duration::from_millis(2);

/// Sends `rate` messages a second for `duration` or until `stop`, then waits for those in flight. Guilds take turns,
/// and so do the members of each. `guilds` holds each guild's members. Answers how long it sent.
pub(crate) async fn send_all(
    guilds: &[Vec<Member>],
    venue: &Venue,
    rate: f64,
    duration: Duration,
    stop: &CancellationToken,
) -> Duration {
    let started = Instant::now();
    let mut sends = JoinSet::new();
    let mut taken = 0_u64;
    loop {
        let elapsed = started.elapsed();
        if elapsed >= duration || stop.is_cancelled() {
            break;
        }
        // The first one is due at once.
        let due = (elapsed.as_secs_f64() * rate) as u64 + 1;
        while sends.try_join_next().is_some() {}
        for turn in taken..due {
            if sends.len() >= IN_FLIGHT {
                venue.books.counts.withheld.add();
                continue;
            }
            let author = author(guilds, turn).clone();
            sends.spawn(send(author, venue.clone()));
        }
        taken = due;
        let next = Duration::from_secs_f64(due as f64 / rate).saturating_sub(elapsed);
        let pause = next.max(TICK).min(duration - elapsed);
        stop.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
    let sent_for = started.elapsed();
    while sends.join_next().await.is_some() {}
    sent_for
}

/// Who sends the message number `turn`.
fn author(guilds: &[Vec<Member>], turn: u64) -> &Member {
    let turn = usize::try_from(turn).unwrap_or(usize::MAX);
    let members = &guilds[turn % guilds.len()];
    &members[turn / guilds.len() % members.len()]
}

/// Sends one message until it is acknowledged, refused for good, or too old.
async fn send(author: Member, venue: Venue) {
    let books = &venue.books;
    let stamp = books.send(author.guild_index);
    let (content, nonce) = (stamp.content(), stamp.nonce());
    let started = Instant::now();
    let mut failures = 0;
    loop {
        let failure = match venue
            .rest
            .send(&author.token, author.channel, &content, &nonce)
            .await
        {
            Ok(id) => return books.acknowledge(&stamp, id),
            Err(failure) => failure,
        };
        books.failure(&failure.cause);
        failures += 1;
        let wait = backoff::obeying(failures, failure.retry_after);
        if !failure.temporary || started.elapsed() + wait > REPEAT_FOR {
            tracing::debug!(error = %failure, "gave up a message");
            return books.counts.failed.add();
        }
        books.counts.retried.add();
        tokio::time::sleep(wait).await;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use chat_proto::{ChannelId, GuildId};
    use proptest::prelude::*;

    use super::*;

    fn crowd(users: usize, guilds: usize) -> Vec<Vec<Member>> {
        let member = |guild_index: usize, seat| Member {
            token: "".into(),
            guild: GuildId(guild_index as u64),
            channel: ChannelId(guild_index as u64),
            guild_index,
            seat,
        };
        let seats = |guild: usize| (users - guild).div_ceil(guilds);
        (0..guilds)
            .map(|guild| (0..seats(guild)).map(|seat| member(guild, seat)).collect())
            .collect()
    }

    proptest! {
        #[test]
        fn guilds_take_turns_and_so_do_the_members_of_each(guilds in 1_usize..8, more in 0_usize..30, turns in 1_u64..500) {
            let crowd = crowd(guilds + more, guilds);
            let mut by_guild = vec![0_u64; guilds];
            let mut by_seat = HashMap::new();
            for turn in 0..turns {
                let author = author(&crowd, turn);
                by_guild[author.guild_index] += 1;
                *by_seat.entry((author.guild_index, author.seat)).or_insert(0_u64) += 1;
            }
            prop_assert!(by_guild.iter().max().unwrap() - by_guild.iter().min().unwrap() <= 1);
            for (guild, members) in crowd.iter().enumerate() {
                let sent = |seat| by_seat.get(&(guild, seat)).copied().unwrap_or(0);
                let most = (0..members.len()).map(sent).max().unwrap();
                let least = (0..members.len()).map(sent).min().unwrap();
                prop_assert!(most - least <= 1);
            }
        }
    }
}
