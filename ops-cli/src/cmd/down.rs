//! `ops down`: stops everything in order and waits until it is gone.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use ops_control::supervisor::holder;
use ops_control::supervisor::wire::SupervisorClient;
use tokio::time::Instant;

use crate::context::Context;
use crate::failure::{Code, Failure, Outcome};
use crate::output;

/// All graces of all stages together are less.
const LIMIT: Duration = Duration::from_secs(90);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(30);

/// Stops the stack.
#[derive(Debug, Args)]
pub(crate) struct Down {}

// === impl Down ===

impl Down {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let folder = context.folder();
        let Some(pid) = holder(folder) else {
            output::say(&format!("no stack runs on {}", folder.root().display()));
            return Ok(());
        };
        let asked = SupervisorClient::new(&folder.supervisor_socket())
            .shutdown()
            .await;
        let deadline = Instant::now() + LIMIT;
        while holder(folder).is_some() || exists(pid) {
            if Instant::now() >= deadline || asked.is_err() && holder(folder) == Some(pid) {
                let why = asked.err().map_or_else(String::new, |error| format!(": {error}"));
                return Err(Failure::new(
                    Code::Failed,
                    format!("the supervisor (pid {pid}) does not stop{why}"),
                    format!("`kill -9 {pid}` ends it; its processes end with it"),
                ));
            }
            tokio::time::sleep(LOOK).await;
        }
        output::say("everything is stopped; the data is kept");
        Ok(())
    }
}

fn exists(pid: u32) -> bool {
    pid != 0 && Path::new(&format!("/proc/{pid}")).exists()
}
