//! The verbs, one a file.

pub(crate) mod account;
pub(crate) mod audit;
pub(crate) mod completions;
pub(crate) mod console;
pub(crate) mod control;
pub(crate) mod down;
pub(crate) mod load;
pub(crate) mod logs;
pub(crate) mod man;
pub(crate) mod nodes;
pub(crate) mod op;
mod operation;
pub(crate) mod restart;
pub(crate) mod status;
pub(crate) mod supervise;
pub(crate) mod token;
pub(crate) mod up;
mod up_progress;
pub(crate) mod version;

use std::io;

use lifecycle::Sockets;

use crate::cli::{Cli, Verb};
use crate::context::Context;
use crate::failure::Outcome;

/// Runs a verb.
pub(crate) fn run(cli: Cli, sockets: io::Result<Sockets>) -> Outcome {
    // These need no data folder.
    match cli.verb {
        Verb::Completions(verb) => return verb.run(),
        Verb::Man(verb) => return verb.run(),
        Verb::Version(verb) => return verb.run(),
        _ => {}
    }
    let context = Context::new(cli.global.data)?;
    let direct = cli.global.direct;
    // Logging of these begins before the runtime does.
    match cli.verb {
        Verb::Supervise(verb) => return verb.run(&context),
        Verb::Control(verb) => return verb.run(&context, sockets?),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match cli.verb {
            Verb::Up(verb) => verb.run(&context).await,
            Verb::Down(verb) => verb.run(&context).await,
            Verb::Status(verb) => verb.run(&context, direct).await,
            Verb::Nodes(verb) => verb.run(&context, direct).await,
            Verb::Logs(verb) => verb.run(&context).await,
            Verb::Restart(verb) => verb.run(&context).await,
            Verb::Op(verb) => verb.run(&context).await,
            Verb::Audit(verb) => verb.run(&context).await,
            Verb::User(verb) => verb.run(&context, false).await,
            Verb::Bot(verb) => verb.run(&context, true).await,
            Verb::Token(verb) => verb.run(&context).await,
            Verb::Load(verb) => verb.run(&context).await,
            Verb::Console(verb) => verb.run(&context).await,
            Verb::Supervise(_) | Verb::Control(_) => Ok(()),
            Verb::Completions(_) | Verb::Man(_) | Verb::Version(_) => Ok(()),
        }
    })
}
