//! News from presence: a session's user joined or left a guild.

use std::sync::Arc;

use chat_node::{Link, Receive};
use chat_proto::service::presence::{News, Presence, Push};

use crate::dispatch::in_shard;
use crate::service::Service;
use crate::session::Position;

/// Takes the pushes of presence for a service.
#[derive(Debug)]
pub(crate) struct Newsstand(pub(crate) Arc<Service>);

impl Receive<Presence> for Newsstand {
    async fn push(&self, _link: &Link, push: Push) {
        let Push::News { session: id, news } = push;
        let service = &self.0;
        // A session that moved is read again by the node that has it now.
        let Some(cell) = service.registry.get(&id) else {
            return;
        };
        if cell.with(|session| session.is_frozen()) {
            // It takes nothing now. If its hand-over fails, its guilds are read again.
            service.reconcile(cell);
            return;
        }
        let changed = match news {
            News::GuildJoined { guild } => {
                let joined =
                    cell.with(|session| in_shard(guild, session.start().shard) && session.await_guild(guild));
                if joined {
                    service.join_feeds(cell, vec![guild]);
                }
                joined
            }
            News::GuildLeft { guild } => {
                // One that takes the guild's events leaves at the very event that says so, after all before it.
                let left = cell.with(|session| {
                    session.position(guild) == Position::Awaited && session.leave_guild(guild)
                });
                if left {
                    service.feeds.leave(guild, cell).await;
                }
                left
            }
        };
        if changed {
            service.registrar.changed();
        }
    }

    async fn lost(&self, link: &Link) {
        self.0.registrar.lost(link);
    }
}
