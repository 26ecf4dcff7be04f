//! punt, the log shipper: sources, routes, durable buffers, sinks.
//!
//! This file is the command line; each command is a file in `cmd`. The stages are folders of their names.

mod admin;
mod alert;
mod buffer;
mod checkpoint;
mod cmd;
mod config;
mod control;
mod event;
mod legacy;
mod meter;
mod notify;
mod route;
mod sink;
mod source;
mod tap;
mod topology;
mod transform;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Ships logs to Elasticsearch, OpenSearch or the embedded store, and loses none that it accepted.
///
/// It receives syslog over TCP and UDP, tails files, and tails the spools of processes that log with
/// `telemetry`. Events go through a durable buffer on disk to each sink, so an engine that is down, slow or
/// picky costs no event: what it refuses for good is in DATA/dead-letter, everything else waits.
#[derive(Debug, Parser)]
#[command(name = "punt", version, arg_required_else_help = true, after_long_help = EXAMPLE)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the topology of a configuration file until SIGTERM or SIGINT.
    Run(cmd::run::Arguments),
    /// Checks a configuration file and reports all of its faults.
    Check(cmd::check::Arguments),
    /// Sends dead letters again, and keeps those that are refused again.
    Replay(cmd::replay::Arguments),
    /// Runs the tests that stand in a configuration file: what should become of which input.
    Test(cmd::test::Arguments),
    /// Has a running punt read its configuration again, and says what changed.
    Reload(cmd::reload::Arguments),
    /// Shows the counters of a running punt.
    Stats(cmd::stats::Arguments),
    /// Shows events as they pass through a running punt.
    Tail(cmd::tail::Arguments),
    /// Shows the components of a running punt on the terminal, as they change.
    Top(cmd::top::Arguments),
    /// Prints the configuration that an original Punt's config.json becomes.
    Convert(cmd::convert::Arguments),
    /// Prints a completion script for a shell.
    Completions(cmd::completions::Arguments),
    /// Prints the manual page.
    Man(cmd::man::Arguments),
}

const EXAMPLE: &str = r#"A configuration that is enough to start with:

  data = "/var/lib/punt"                  # buffers, checkpoints, dead letters
  metrics = "127.0.0.1:9600"              # /metrics, /livez, /readyz

  [sources.syslog]
  type = "syslog"
  tcp = "127.0.0.1:5140"
  udp = "127.0.0.1:5140"

  [sources.nginx]
  type = "file"
  paths = ["/var/log/nginx/*.log"]
  fields = { "service.name" = "nginx" }

  [sinks.logs]
  type = "elasticsearch"
  url = "http://127.0.0.1:9200"
  index = "guildwatch-%Y.%m.%d"

Sinks are of type elasticsearch, file, http, loki or stdout. Dead letters are sent again by `punt replay`.

Exit codes: 0 ok, 1 failed, 2 wrong usage, 78 faulty configuration."#;

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run(arguments) => cmd::run::run(&arguments),
        Command::Check(arguments) => cmd::check::run(&arguments),
        Command::Replay(arguments) => cmd::replay::run(&arguments),
        Command::Test(arguments) => cmd::test::run(&arguments),
        Command::Reload(arguments) => cmd::reload::run(&arguments),
        Command::Stats(arguments) => cmd::stats::run(&arguments),
        Command::Tail(arguments) => cmd::tail::run(arguments),
        Command::Top(arguments) => cmd::top::run(&arguments),
        Command::Convert(arguments) => cmd::convert::run(&arguments),
        Command::Completions(arguments) => cmd::completions::run::<Arguments>(&arguments),
        Command::Man(arguments) => cmd::man::run::<Arguments>(&arguments),
    }
}
