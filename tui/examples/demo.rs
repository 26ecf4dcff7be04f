//! The console over a small stack that is not there: `cargo run -p tui --example demo [--ascii] [--mono]`. With
//! `--control URL --token TOKEN --store URL` it is the console over one that is. With `--serve RATE` it is only the
//! stack that is not there, with so many new log records a second: `bench/console.py` measures a console against it.

#[path = "../tests/server/mod.rs"]
mod server;
#[path = "../tests/stage/mod.rs"]
mod stage;

use ops_api::ControlClient;
use server::{Server, TOKEN};
use tui::state::Theme;

#[tokio::main]
async fn main() -> anyhow::Result<std::process::ExitCode> {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let flag = |name: &str| arguments.iter().any(|argument| argument == name);
    let server = Server::start(0).await;
    if let Some(rate) = value("--serve") {
        use std::io::Write as _;
        server.known.lock().expect("nobody panics with it").rate = rate.parse()?;
        let where_it_is = serde_json::json!({"base": server.base, "token": TOKEN});
        writeln!(std::io::stdout(), "{where_it_is}")?;
        // Until it is ended from outside.
        return std::future::pending().await;
    }
    let options = tui::Options {
        control: ControlClient::new(
            &value("--control").unwrap_or_else(|| server.base.clone()),
            &value("--token").unwrap_or_else(|| TOKEN.to_owned()),
        ),
        store: value("--store").unwrap_or_else(|| server.base.clone()),
        index: "guildwatch-*".to_owned(),
        ascii: flag("--ascii"),
        theme: if flag("--mono") || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
            Theme::Mono
        } else {
            Theme::Dark
        },
        by: "demo (console)".to_owned(),
        session: None,
    };
    match tui::run(options).await {
        Err(error) if tui::is_no_tty(&error) => {
            use std::io::Write as _;
            writeln!(std::io::stderr(), "{error}")?;
            Ok(std::process::ExitCode::from(2))
        }
        other => other.map(|()| std::process::ExitCode::SUCCESS),
    }
}
