//! Telling a user's sessions that the user joined or left a guild: in the background, never in the way of a reply.

use std::sync::Arc;
use std::time::Duration;

use chat_node::Node;
use chat_proto::UserId;
use chat_proto::service::presence::{Ask, News, Presence, Request};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::debug;

/// Notices on their way; one more is dropped and counted. A session that misses it learns of the guild when it
/// starts again.
const AT_A_TIME: usize = 1024;

/// How long one is tried.
const LIMIT: Duration = Duration::from_secs(10);

/// Notices to users.
#[derive(Debug, Clone)]
pub(crate) struct Notices {
    node: Node,
    tasks: TaskTracker,
    drop_when_full: Arc<Semaphore>,
}

impl Notices {
    pub(crate) fn new(node: Node, tasks: TaskTracker) -> Self {
        Self {
            node,
            tasks,
            drop_when_full: Arc::new(Semaphore::new(AT_A_TIME)),
        }
    }

    pub(crate) fn tell(&self, user: UserId, news: News) {
        let Ok(permit) = self.drop_when_full.clone().try_acquire_owned() else {
            metrics::counter!("guild_notices_dropped_total").increment(1);
            return;
        };
        let node = self.node.clone();
        self.tasks.spawn(async move {
            let request = |view: &chat_node::View| Request {
                generation: view.generation(),
                ask: Ask::Notify {
                    user,
                    news: news.clone(),
                },
            };
            let key = user.to_string();
            let telling = node.call_owner::<Presence>(&key, LIMIT, request);
            match node.stop().run_until_cancelled(telling).await {
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    metrics::counter!("guild_notices_dropped_total").increment(1);
                    debug!(%error, "a notice was not delivered");
                }
                None => {}
            }
            drop(permit);
        });
    }
}
