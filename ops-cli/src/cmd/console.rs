//! `ops console`: opens the console.

use std::path::PathBuf;

use clap::Args;

use crate::context::{self, Context};
use crate::failure::{Code, Failure, Outcome};
use crate::output;

/// Opens the console.
#[derive(Debug, Args)]
pub(crate) struct Console {
    /// Only ASCII shapes and borders.
    #[arg(long)]
    ascii: bool,
    /// Colours: dark, light, high-contrast, color-blind, mono; by default dark, or mono where `NO_COLOR` is set.
    #[arg(long, value_parser = theme)]
    theme: Option<tui::state::Theme>,
}

/// Where one run leaves to the next how things were looked at: the XDG state folder.
fn session() -> Option<PathBuf> {
    let folder = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")))?;
    Some(state.join("guildwatch/console/session.json"))
}

fn theme(name: &str) -> Result<tui::state::Theme, String> {
    tui::state::Theme::known(name)
        .ok_or_else(|| "not one of dark, light, high-contrast, color-blind, mono".to_owned())
}

// === impl Console ===

impl Console {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        // Without a terminal that is what is wrong, whatever else is.
        if !output::is_terminal() {
            return Err(Failure::new(
                Code::Usage,
                "the console needs a terminal",
                "`ops status` and `ops logs` say the same without one",
            ));
        }
        let options = tui::Options {
            control: context.control()?,
            store: context.stack()?.store,
            index: "guildwatch-*".to_owned(),
            ascii: self.ascii,
            theme: self.theme.unwrap_or(if output::color() {
                tui::state::Theme::Dark
            } else {
                tui::state::Theme::Mono
            }),
            by: context::by("console"),
            session: session(),
        };
        tui::run(options).await.map_err(|error| {
            if tui::is_no_tty(&error) {
                Failure::new(
                    Code::Usage,
                    format!("{error:#}"),
                    "`ops status` works without a terminal",
                )
            } else {
                error.into()
            }
        })
    }
}
