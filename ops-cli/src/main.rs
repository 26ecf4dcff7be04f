//! `ops`: runs and operates a guildwatch stack. It parses the command line, runs one verb, and says how it ended.

mod cli;
mod cmd;
mod context;
mod duration;
mod failure;
mod output;
mod table;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    // Before there is a second thread: it reads and clears the environment.
    let sockets = lifecycle::Sockets::inherit();
    let cli = cli::Cli::parse();
    let json = cli.verb.wants_json();
    match cmd::run(cli, sockets) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if json {
                let problem = serde_json::to_string(&failure.problem());
                output::say(&problem.unwrap_or_else(|error| error.to_string()));
            } else {
                output::say(&format!("ops: {failure}"));
            }
            failure.exit()
        }
    }
}
