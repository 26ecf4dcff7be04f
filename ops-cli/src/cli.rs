//! The command line: every verb and flag, and nothing of what they do.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::cmd;
use crate::output::Format;

/// Runs and operates a guildwatch stack.
#[derive(Debug, Parser)]
#[command(
    name = "ops",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
#[command(
    after_help = "Start with `ops up`, look with `ops status` or `ops console`. Exit codes: 0 done, 1 failed, \
    2 usage, 3 not healthy, 4 unknown name, 5 another operation runs, 6 refused by a gate, 7 gave up waiting, \
    9 confirmation missing, 69 unreachable, 77 not permitted, 130 interrupted while waiting."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Flags of every verb.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The stack's data folder [default: $XDG_STATE_HOME/guildwatch, else ~/.local/state/guildwatch].
    #[arg(long, global = true, env = "GUILDWATCH_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Ask the nodes themselves, without the control plane (status and nodes).
    #[arg(long, global = true)]
    pub(crate) direct: bool,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Start the stack and wait until all of it is green.
    Up(cmd::up::Up),
    /// Stop the stack in order. Data survives.
    Down(cmd::down::Down),
    /// The health of every cluster.
    Status(cmd::status::Status),
    /// Every process.
    Nodes(cmd::nodes::Nodes),
    /// Log records, from the store.
    Logs(cmd::logs::Logs),
    /// Restart clusters or nodes, one node after another.
    #[command(visible_alias = "reboot")]
    Restart(cmd::restart::Restart),
    /// Operations: list, show, watch, abort.
    #[command(subcommand)]
    Op(cmd::op::Op),
    /// The audit log, newest first.
    Audit(cmd::audit::Audit),
    /// Accounts of users.
    #[command(subcommand)]
    User(cmd::account::Verb),
    /// Accounts of bots.
    #[command(subcommand)]
    Bot(cmd::account::Verb),
    /// Tokens of accounts.
    #[command(subcommand)]
    Token(cmd::token::Token),
    /// Load the stack as its users do, and judge what it delivers.
    Load(cmd::load::Load),
    /// Open the console.
    Console(cmd::console::Console),
    /// Print the completion script of a shell.
    Completions(cmd::completions::Completions),
    /// Write the manual pages.
    Man(cmd::man::Man),
    /// The version.
    Version(cmd::version::Version),
    /// The parent of all processes (started by `ops up`).
    #[command(hide = true)]
    Supervise(cmd::supervise::Supervise),
    /// The control plane (started by the supervisor).
    #[command(hide = true)]
    Control(cmd::control::Control),
}

/// `-o`.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Output {
    /// How to print.
    #[arg(
        short = 'o',
        long = "output",
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    pub(crate) format: Format,
}

// === impl Output ===

impl Output {
    /// Whether JSON is wanted.
    pub(crate) fn json(self) -> bool {
        self.format == Format::Json
    }
}

// === impl Verb ===

impl Verb {
    /// Whether failures are to be said as JSON too.
    pub(crate) fn wants_json(&self) -> bool {
        let output = match self {
            Self::Status(verb) => verb.output,
            Self::Nodes(verb) => verb.output,
            Self::Logs(verb) => verb.output,
            Self::Restart(verb) => verb.output,
            Self::Op(verb) => verb.output(),
            Self::Audit(verb) => verb.output,
            Self::User(verb) | Self::Bot(verb) => verb.output(),
            Self::Token(cmd::token::Token::Create(verb)) => verb.output,
            Self::Load(verb) => verb.output,
            Self::Version(verb) => verb.output,
            Self::Up(verb) => verb.output,
            _ => return false,
        };
        output.json()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn reboot_is_restart_and_flags_may_stand_anywhere() {
        let cli = parse("ops reboot guilds/guilds-1 --mode cold --yes --data /tmp/x --reason drill").unwrap();
        assert_eq!(cli.global.data, Some(PathBuf::from("/tmp/x")));
        assert!(matches!(cli.verb, Verb::Restart(_)));
        assert!(parse("ops --direct status").unwrap().global.direct);
        assert!(parse("ops logs guilds -f --since 15m --level warn -g Re.ex --tail 5 -o json").is_ok());
    }

    #[test]
    fn wrong_usage_is_refused_with_exit_code_2() {
        for line in [
            "ops restart",
            "ops nonsense",
            "ops restart guilds --mode sideways",
            "ops logs --level loud",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
