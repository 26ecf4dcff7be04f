//! The guilds service: which requests are this node's business, and the node's life.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chat_node::{Caller, Serve, Shell};
use chat_proto::GuildId;
use chat_proto::service::Refusal;
use chat_proto::service::guilds::{Ask, Guilds, Reply, Request};

use crate::registry::Registry;

/// How long a request of a newer generation waits for this node's view to catch up.
const CATCH_UP: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Service {
    registry: Registry,
}

/// Runs the guilds node until it is stopped.
pub async fn run(mut shell: Shell) -> anyhow::Result<()> {
    let node = shell.node.clone();
    let listener = shell.take_listener();
    let registry = Registry::new(node.clone());
    registry.report();
    node.set_ready();
    let service = Arc::new(Service {
        registry: registry.clone(),
    });
    let served = chat_node::serve::<Guilds, _>(&node, listener, service).await;
    registry.finish().await;
    shell.finish().await;
    served.context("cannot serve")
}

impl Serve<Guilds> for Service {
    async fn request(&self, from: &Caller<Guilds>, request: Request) -> Result<Reply, Refusal> {
        let Request {
            guild,
            generation,
            ask,
        } = request;
        let node = self.registry.node();
        let mut view = node.view();
        if generation > view.generation() {
            view = node.wait_for(generation, CATCH_UP).await;
        }
        if !node.owns(&guild.to_string()) {
            return match ask {
                // Nothing of it is left here.
                Ask::Unsubscribe => Ok(Reply::Done),
                _ => Err(Refusal::NotOwner {
                    generation: view.generation(),
                }),
            };
        }
        match &ask {
            Ask::Create(record) => {
                if record.id != guild || !record.members.iter().any(|member| member.id == record.owner) {
                    return Err(Refusal::Invalid {
                        reason: "a guild needs its own id, and its owner among its members".to_owned(),
                    });
                }
                self.registry.journal(guild).create(record.clone()).await?;
                return self.open_new(guild, ask, from).await;
            }
            // Nobody loads a guild to be told that nobody subscribes, types or is online.
            Ask::Unsubscribe | Ask::Typing { .. } | Ask::PresenceChanged { .. }
                if !self.registry.has(guild) =>
            {
                return Ok(Reply::Done);
            }
            _ => {}
        }
        self.registry.ask(guild, ask, from).await
    }

    fn closed(&self, from: &Caller<Guilds>) {
        self.registry.gone(from.id());
    }
}

impl Service {
    /// Loads a guild that was just made. Somebody who asked for it too early may be being told that there is none.
    async fn open_new(&self, guild: GuildId, ask: Ask, from: &Caller<Guilds>) -> Result<Reply, Refusal> {
        for _ in 0..3 {
            match self.registry.ask(guild, ask.clone(), from).await {
                Err(Refusal::NotFound { .. }) => tokio::task::yield_now().await,
                answer => return answer,
            }
        }
        Err(Refusal::unavailable("the new guild is not loaded yet"))
    }
}
