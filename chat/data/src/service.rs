//! The data service: requests to writes and reads, and the node's life.

use std::sync::Arc;

use anyhow::Context as _;
use chat_node::{Caller, Node, Serve, Shell};
use chat_proto::service::Refusal;
use chat_proto::service::data::{Data, Reply, Request};
use chat_store::{Embedded, Store, Write, Written};
use tracing::info;

use crate::reader::Reader;
use crate::{Batch, Writer};

/// Events of one answer, whatever was asked for.
const EVENTS: u32 = 1000;

/// Users of one answer, whatever was asked for.
const USERS: u32 = 1000;

/// Messages of one page: Discord's bound.
const MESSAGES: u32 = 100;

/// Payload of one answer: well below what a frame may carry.
const ANSWER_BYTES: usize = 4 << 20;

struct Service {
    writer: Writer,
    reader: Reader,
}

/// Runs the data node until it is stopped or its store fails.
pub async fn run(mut shell: Shell) -> anyhow::Result<()> {
    let node = shell.node.clone();
    let listener = shell.take_listener();
    let folder = node.options().data.join("data");
    let store: Arc<dyn Store> = {
        let opened = tokio::task::spawn_blocking(move || Embedded::open(&folder)).await?;
        Arc::new(opened.context("cannot open the store")?)
    };
    let writer = Writer::start(store.clone(), observer(node.clone())).context("cannot start the writer")?;
    let service = Arc::new(Service {
        writer,
        reader: Reader::new(store),
    });
    node.set_check("store", true, "open");
    node.set_ready();

    let served = {
        let serving = chat_node::serve::<Data, _>(&node, listener, service.clone());
        let watching = async {
            service.writer.failed().await;
            node.set_check("store", false, "failed");
            node.stop().cancel();
        };
        // The watch only ever cancels the node, which ends the serving.
        tokio::pin!(serving);
        tokio::select! {
            served = &mut serving => served,
            () = watching => serving.await,
        }
    };

    // Requests in flight are answered by now; what a broken connection left in the queue is still written.
    let written = tokio::task::spawn_blocking(move || service.writer.finish()).await?;
    shell.finish().await;
    written.context("the store failed")?;
    served.context("cannot serve")
}

fn observer(node: Node) -> impl FnMut(Batch) + Send + 'static {
    move |batch| {
        node.set_queue(batch.waiting as u64);
        metrics::histogram!("data_commit_seconds").record(batch.took);
        metrics::histogram!("data_commit_writes").record(batch.writes as f64);
    }
}

// === impl Service ===

impl Serve<Data> for Service {
    async fn request(&self, _from: &Caller<Data>, request: Request) -> Result<Reply, Refusal> {
        match request {
            Request::CreateGuild(guild) => self.write(Write::CreateGuild(guild)).await,
            Request::Claim {
                guild,
                epoch,
                node,
                recent,
            } => {
                let owner = node.clone();
                let write = Write::Claim {
                    guild,
                    epoch,
                    node,
                    recent: recent.min(EVENTS) as usize,
                    max_bytes: ANSWER_BYTES,
                };
                let answer = self.write(write).await;
                if answer.is_ok() {
                    info!(
                        event.action = "guild-claimed",
                        labels.guild = %guild,
                        labels.owner = %owner,
                        epoch = epoch.0,
                        "guild claimed"
                    );
                }
                answer
            }
            Request::Append { guild, epoch, events } => {
                self.write(Write::Append { guild, epoch, events }).await
            }
            Request::CreateAccounts(accounts) => self.write(Write::CreateAccounts(accounts)).await,
            Request::AddToken { user, token_sha256 } => {
                self.write(Write::AddToken { user, token_sha256 }).await
            }
            read => self.read(read).await,
        }
    }
}

impl Service {
    async fn write(&self, write: Write) -> Result<Reply, Refusal> {
        self.writer.write(write).await.map(|written| match written {
            Written::Done => Reply::Done,
            Written::Claimed { guild, last, recent } => Reply::Claimed { guild, last, recent },
            Written::Appended { last } => Reply::Appended { last },
        })
    }

    async fn read(&self, request: Request) -> Result<Reply, Refusal> {
        let reader = &self.reader;
        match request {
            Request::ReadEvents { guild, after, limit } => {
                let limit = limit.min(EVENTS) as usize;
                let page = reader
                    .one("Guild", move |store| {
                        store.events(guild, after, limit, ANSWER_BYTES)
                    })
                    .await?;
                Ok(Reply::Events {
                    events: page.events,
                    last: page.last,
                })
            }
            Request::ReadMessages { channel, page, limit } => {
                let limit = limit.clamp(1, MESSAGES) as usize;
                let found = reader
                    .all(move |store| store.messages(channel, page, limit))
                    .await;
                found.map(Reply::Messages)
            }
            Request::ReadMessage { channel, message } => {
                let found = reader
                    .one("Message", move |store| store.message(channel, message))
                    .await;
                found.map(|message| Reply::Message(Box::new(message)))
            }
            Request::ReadGuild { guild } => {
                let found = reader.one("Guild", move |store| store.guild(guild)).await;
                found.map(Reply::Guild)
            }
            Request::ReadChannel { channel } => {
                let found = reader.one("Channel", move |store| store.guild_of(channel)).await;
                found.map(|guild| Reply::Channel { guild })
            }
            Request::ReadUserGuilds { user } => {
                let found = reader.all(move |store| store.guilds_of(user)).await;
                found.map(Reply::Guilds)
            }
            Request::ReadUser { user } => {
                let found = reader.one("User", move |store| store.user(user)).await;
                found.map(Reply::User)
            }
            Request::ListUsers { after, limit } => {
                let limit = limit.min(USERS) as usize;
                let found = reader.all(move |store| store.users(after, limit)).await;
                found.map(Reply::Users)
            }
            Request::Authenticate { token_sha256 } => {
                let found = reader
                    .one("User", move |store| store.user_of_token(&token_sha256))
                    .await;
                found.map(Reply::User)
            }
            Request::CreateGuild(_)
            | Request::Claim { .. }
            | Request::Append { .. }
            | Request::CreateAccounts(_)
            | Request::AddToken { .. } => Err(Refusal::internal("a write came to the reader")),
        }
    }
}
