//! `ops token`: further tokens for accounts.

use clap::{Args, Subcommand};

use super::account;
use crate::cli::Output;
use crate::context::{self, Context};
use crate::failure::Outcome;

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make another token for an account; earlier ones keep working.
    Create(Create),
}

/// Makes another token.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The account's id.
    id: String,
    #[command(flatten)]
    pub(crate) output: Output,
}

// === impl Token ===

impl Token {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let Self::Create(verb) = self;
        let account = context
            .control()?
            .create_token(&verb.id, &context::by("cli"))
            .await?;
        account::show(&[account], verb.output)
    }
}
