//! `ops user` and `ops bot`: accounts, made by operators.

use clap::{Args, Subcommand};
use ops_api::{Account, NewAccount, NewAccounts};

use crate::cli::Output;
use crate::context::{self, Context};
use crate::failure::Outcome;
use crate::output;
use crate::table::{Table, text};

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make accounts, all or none; their tokens are shown once.
    Create(Create),
    /// List accounts.
    List(List),
}

/// Makes accounts.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Their names.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    output: Output,
}

/// Lists accounts.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    output: Output,
}

// === impl Verb ===

impl Verb {
    pub(crate) fn output(&self) -> Output {
        match self {
            Self::Create(verb) => verb.output,
            Self::List(verb) => verb.output,
        }
    }

    pub(crate) async fn run(self, context: &Context, bots: bool) -> Outcome {
        let control = context.control()?;
        match self {
            Self::Create(verb) => {
                let account = |name| NewAccount { name, bot: bots };
                let request = NewAccounts {
                    accounts: verb.names.into_iter().map(account).collect(),
                    by: context::by("cli"),
                };
                show(&control.create_accounts(&request).await?, verb.output)
            }
            Self::List(verb) => {
                let mut found: Vec<Account> = Vec::new();
                let mut after = String::new();
                loop {
                    let page = control.accounts(&after).await?;
                    let Some(last) = page.last() else { break };
                    after.clone_from(&last.id);
                    found.extend(page.into_iter().filter(|account| account.bot == bots));
                }
                show(&found, verb.output)
            }
        }
    }
}

/// Shows accounts, with the tokens that they have here.
pub(crate) fn show(accounts: &[Account], output: Output) -> Outcome {
    if output.json() {
        return output::list("AccountList", accounts);
    }
    let mut table = Table::new(&["ID", "NAME", "KIND", "TOKEN"], false);
    for account in accounts {
        let kind = if account.bot { "bot" } else { "user" };
        let token = account.token.as_deref().unwrap_or("");
        table.row([text(&account.id), text(&account.name), text(kind), text(token)]);
    }
    output::print(&table.text())?;
    if accounts.iter().any(|account| account.token.is_some()) {
        output::say("a token is shown only here: keep it");
    }
    Ok(())
}
