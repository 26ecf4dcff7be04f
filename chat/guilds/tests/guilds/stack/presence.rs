//! A presence node to whom everybody is online, and who writes down what it is told to tell.

use std::sync::{Arc, Mutex};

use chat_node::{Caller, Serve, Shell};
use chat_proto::UserId;
use chat_proto::service::Refusal;
use chat_proto::service::presence::{Ask, News, Presence, Reply, Request};

/// What was told, in order.
pub(crate) type Told = Arc<Mutex<Vec<(UserId, News)>>>;

struct Everybody {
    told: Told,
}

pub(super) async fn run(mut shell: Shell, told: Told) -> anyhow::Result<()> {
    let node = shell.node.clone();
    let listener = shell.take_listener();
    node.set_ready();
    chat_node::serve::<Presence, _>(&node, listener, Arc::new(Everybody { told })).await?;
    shell.finish().await;
    Ok(())
}

impl Serve<Presence> for Everybody {
    async fn request(&self, _from: &Caller<Presence>, request: Request) -> Result<Reply, Refusal> {
        match request.ask {
            Ask::Read { users } => Ok(Reply::Statuses(
                users
                    .into_iter()
                    .map(|user| (user, "online".to_owned()))
                    .collect(),
            )),
            Ask::Notify { user, news } => {
                self.told
                    .lock()
                    .expect("no test panics in there")
                    .push((user, news));
                Ok(Reply::Done)
            }
            _ => Ok(Reply::Done),
        }
    }
}
