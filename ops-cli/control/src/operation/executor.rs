//! From decision to action and back: asks the machine what is next, lets the hands do it, journals how it ended.

use std::time::Duration;

use futures_util::future::join_all;
use ops_api::Mode;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::desk::Desk;
use super::hands::{Hands, Order};
use super::machine::{Action, Outcome, Step};

/// Before it is tried again to write to the journal.
const PAUSE: Duration = Duration::from_secs(1);

/// Executes an operation to its end, or until `stop`: then the next control plane goes on with it.
pub(super) async fn execute(
    desk: Desk,
    hands: Hands,
    order: Order,
    mode: Mode,
    abort: CancellationToken,
    stop: CancellationToken,
) {
    let id = order.operation.clone();
    while let Some(run) = desk.run(&id) {
        let actions = run.machine().next();
        if actions.is_empty() {
            break;
        }
        let steps = run.machine().steps();
        let acts = actions.into_iter().filter_map(|action| {
            let step = steps.get(action.step())?.clone();
            Some(act(&desk, &hands, &order, mode, action, step, &abort))
        });
        let outcomes = tokio::select! {
            outcomes = join_all(acts) => outcomes,
            () = stop.cancelled() => return,
        };
        for (action, outcome) in outcomes {
            let Some(outcome) = outcome else { continue };
            tell(&id, &run.operation.steps[action.step()].node, &action, &outcome);
            // What is not written down has not happened: nothing goes on before it is.
            while let Err(error) = desk.change(&id, |run| run.ended(&action, outcome.clone())).await {
                error!(error = %error, labels.op_id = %id, "cannot journal an operation, trying again");
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = stop.cancelled() => return,
                }
            }
        }
    }
    desk.close(&id).await;
    if let Some(run) = desk.run(&id) {
        let operation = run.operation;
        info!(
            event.action = "operation-ended",
            event.outcome = operation.state.outcome(),
            event.reason = operation.error.as_deref().unwrap_or_default(),
            labels.op_id = %id,
            labels.cluster = %operation.request.cluster,
            "operation ended"
        );
    }
}

/// One action; no outcome when an abort made it pointless.
async fn act(
    desk: &Desk,
    hands: &Hands,
    order: &Order,
    mode: Mode,
    action: Action,
    step: Step,
    abort: &CancellationToken,
) -> (Action, Option<Outcome>) {
    let index = action.step();
    let outcome = match action {
        Action::Look(_) => {
            let look = hands.look(&step.node, mode == Mode::Rolling);
            unless(abort, look).await
        }
        Action::Drain(_) => {
            let drain = hands.drain(&step, order, |held, left| {
                desk.progress(&order.operation, index, held, left);
            });
            unless(abort, drain).await
        }
        Action::Undrain(_) => Some(hands.undrain(&step).await),
        Action::Stop(_) => Some(hands.stop(&step).await),
        Action::Start(_) => Some(hands.start(&step).await),
        Action::AwaitReady(_) => Some(hands.await_ready(&step).await),
        Action::AwaitSettled(_) => Some(hands.await_settled(&step).await),
        Action::Bake(_) => Some(hands.bake(&step).await),
    };
    (action, outcome)
}

async fn unless(abort: &CancellationToken, act: impl Future<Output = Outcome>) -> Option<Outcome> {
    tokio::select! {
        biased;
        () = abort.cancelled() => None,
        outcome = act => Some(outcome),
    }
}

fn tell(id: &str, node: &str, action: &Action, outcome: &Outcome) {
    match outcome {
        Outcome::Failed(reason) => warn!(
            event.action = "operation-step-failed",
            event.reason = %reason,
            labels.op_id = %id,
            labels.node = %node,
            labels.step = ?action,
            "a step of the operation failed"
        ),
        _ => info!(
            event.action = "operation-step",
            labels.op_id = %id,
            labels.node = %node,
            labels.step = ?action,
            "a step of the operation is done"
        ),
    }
}
