//! Operations as the verbs show them and wait for them.

use std::time::Duration;

use ops_api::{ControlClient, Operation, OperationState};
use tokio::time::Instant;

use crate::failure::{Code, Failure, Outcome};
use crate::output;
use crate::table::{Table, clean, number, text};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(150);
/// The control plane may be away this long while an operation is waited for: it may be restarting itself.
const AWAY: Duration = Duration::from_secs(30);

/// Waits until an operation has ended; each change is one line on standard error.
pub(crate) async fn wait(
    control: &ControlClient,
    id: &str,
    limit: Option<Duration>,
) -> Result<Operation, Failure> {
    let deadline = limit.map(|limit| Instant::now() + limit);
    let mut said = Vec::new();
    let mut away_since = None;
    loop {
        match control.operation(id).await {
            Ok(operation) => {
                away_since = None;
                tell(&operation, &mut said);
                if operation.state.ended() {
                    return Ok(operation);
                }
            }
            Err(error @ ops_api::ApiError::Unreachable { .. }) => {
                let since = *away_since.get_or_insert_with(Instant::now);
                if since.elapsed() > AWAY {
                    return Err(error.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(goes_on(Code::GaveUp, id));
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                return Err(goes_on(Code::Interrupted, id));
            }
        }
    }
}

fn goes_on(code: Code, id: &str) -> Failure {
    Failure::new(
        code,
        format!("operation {id} goes on"),
        format!("`ops op watch {id}` waits for it, `ops op abort {id}` ends it"),
    )
}

fn tell(operation: &Operation, said: &mut Vec<String>) {
    for step in &operation.steps {
        let state = format!("{:?}", step.state).to_lowercase();
        // What is left changes often; the state does not.
        let line = format!("{}: {state}", step.node);
        if state != "pending" && !said.contains(&line) {
            let held = if step.held > 0 && state == "draining" {
                format!(" ({} held)", step.held)
            } else {
                String::new()
            };
            output::say(&format!("{line}{held}"));
            said.push(line);
        }
    }
}

/// Prints how an operation ended; one that did not complete is a failure.
pub(crate) fn conclude(operation: &Operation, json: bool) -> Outcome {
    if json {
        output::object("Operation", operation)?;
    } else {
        output::print(&page(operation))?;
    }
    let what = target(operation);
    match operation.state {
        OperationState::Completed | OperationState::Planned => Ok(()),
        OperationState::Aborted => Err(Failure::plain(format!("the restart of {what} was aborted"))),
        _ => {
            let error = operation.error.as_deref().unwrap_or("it did not say why");
            let hint = "no node is left cordoned; `ops status` shows what is wrong";
            Err(Failure::new(
                Code::Failed,
                format!("the restart of {what} failed: {}", clean(error)),
                hint,
            ))
        }
    }
}

/// One operation in full.
pub(crate) fn page(operation: &Operation) -> String {
    let state = format!("{:?}", operation.state).to_lowercase();
    let mut page = format!("{}  restart {}  {state}\n", operation.id, target(operation));
    if !operation.request.reason.is_empty() {
        page += &format!("reason: {}\n", clean(&operation.request.reason));
    }
    for gate in &operation.gates {
        page += &format!("gate {}\n", clean(gate));
    }
    let mut table = Table::new(&["NODE", "STATE", "HELD", "LEFT", "SECONDS"], false);
    for step in &operation.steps {
        let seconds = match (step.started, step.ended) {
            (Some(started), Some(ended)) => format!("{:.1}", ended.duration_since(started).as_secs_f64()),
            _ => String::new(),
        };
        table.row([
            text(&step.node),
            text(format!("{:?}", step.state).to_lowercase()),
            number(step.held),
            number(step.left),
            number(seconds),
        ]);
    }
    page + &table.text()
}

/// What is restarted: a node or a cluster.
pub(crate) fn target(operation: &Operation) -> String {
    clean(
        operation
            .request
            .node
            .as_ref()
            .unwrap_or(&operation.request.cluster),
    )
}
