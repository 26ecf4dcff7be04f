//! `ops down`: stops everything in order and waits until it is gone.

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

/// Whether the process is there; one that ended and that nobody has reaped yet is not.
fn exists(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name may hold anything, also a bracket; the state follows the last one.
    let state = stat.rsplit(')').next().map(str::trim_start);
    state.is_some_and(|state| !state.is_empty() && !state.starts_with(['Z', 'X']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_only_a_name_in_the_table_is_gone() {
        assert!(exists(std::process::id()));
        assert!(!exists(0));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        while exists(child.id()) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
    }
}
