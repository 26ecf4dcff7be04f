//! `punt top`: the components of a running punt, with rates, queue depths and losses, as they change.

mod state;
mod view;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use punt_control::{Client, Error, Stats};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;

use super::terminal::{WRONG_USAGE, no_color};
use super::{complain, failed};
use state::{Sort, State};

/// How long a wait for a key may take before the screen is looked at again.
const KEY_WAIT: Duration = Duration::from_millis(100);

/// Keys and answers that wait; whoever has one more waits.
const QUEUE: usize = 16;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The control socket: `control` in the configuration, or DATA/punt.sock.
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// How often the counters are read, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(100..=60_000))]
    interval: u64,
}

/// What can happen.
enum Message {
    Key(KeyCode),
    Stats(Result<Box<Stats>, Error>),
    Resized,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        complain("punt: `top` needs a terminal; use `punt stats --watch` or `punt stats -o json`");
        return ExitCode::from(WRONG_USAGE);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime");
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    // Restores the terminal on panic as well.
    let mut terminal = match ratatui::try_init().context("taking the terminal over") {
        Ok(terminal) => terminal,
        Err(error) => return failed(&error),
    };
    let result = runtime.block_on(show(&mut terminal, arguments));
    ratatui::restore();
    // The thread that reads keys is left: it waits for one no longer than KEY_WAIT.
    runtime.shutdown_timeout(KEY_WAIT * 2);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

async fn show(terminal: &mut DefaultTerminal, arguments: &Arguments) -> anyhow::Result<()> {
    let client = Client::new(&arguments.socket);
    // Before the screen is cleared for nothing: is anybody there?
    let mut state = State::new(client.stats().await?, !no_color());
    let (sender, mut messages) = mpsc::channel(QUEUE);
    let mut tasks = tokio::task::JoinSet::new();
    let keys = sender.clone();
    tasks.spawn_blocking(move || read_keys(&keys));
    let interval = Duration::from_millis(arguments.interval);
    tasks.spawn(async move {
        loop {
            tokio::time::sleep(interval).await;
            let stats = client.stats().await.map(Box::new);
            if sender.send(Message::Stats(stats)).await.is_err() {
                return;
            }
        }
    });
    loop {
        terminal
            .draw(|frame| view::draw(frame, &state))
            .context("drawing")?;
        match messages.recv().await {
            None | Some(Message::Key(KeyCode::Char('q') | KeyCode::Esc)) => return Ok(()),
            Some(Message::Key(KeyCode::Char(key))) => {
                if let Some(sort) = Sort::of_key(key) {
                    state.sort = sort;
                }
            }
            Some(Message::Key(_) | Message::Resized) => {}
            Some(Message::Stats(Ok(stats))) => state.take(*stats),
            Some(Message::Stats(Err(error))) => state.lost(error.to_string()),
        }
    }
}

/// Until nobody listens any more.
fn read_keys(to: &mpsc::Sender<Message>) {
    while !to.is_closed() {
        if !event::poll(KEY_WAIT).unwrap_or(false) {
            continue;
        }
        let message = match event::read() {
            Ok(Event::Key(key)) if key.kind == KeyEventKind::Press => {
                let interrupt =
                    key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c');
                Message::Key(if interrupt { KeyCode::Esc } else { key.code })
            }
            Ok(Event::Resize(..)) => Message::Resized,
            Ok(_) => continue,
            Err(_) => return,
        };
        if to.blocking_send(message).is_err() {
            return;
        }
    }
}
