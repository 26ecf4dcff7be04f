//! The loop: keys, messages and time in; wishes and frames out. Draws only when something changed, and at most
//! thirty times a second.

use std::time::Duration;

use crossterm::event::{Event as Input, EventStream};
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior};

use crate::Options;
use crate::conn::{Connections, Store};
use crate::memory;
use crate::state::{self, Cmd, Event, Moment, Msg, Settings, State, Wheel, update};
use crate::terminal::{self, Screen};
use crate::view::{Hit, Hits, Look, text, view};

/// The shortest time between two frames.
const FRAME: Duration = Duration::from_millis(33);
/// How often ages are counted up.
const TICK: Duration = Duration::from_secs(1);

/// Runs the console until the user leaves, the terminal goes away or the process is asked to stop.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let mut screen = Screen::enter()?;
    let look = Look {
        ascii: options.ascii,
        theme: options.theme,
    };
    let began = Instant::now();
    let now = || Moment {
        wall: Timestamp::now(),
        ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    let size = screen.terminal.size()?;
    let settings = Settings {
        by: options.by,
        control: options.control.base().to_owned(),
        store: options.store.clone(),
        session: format!("{:016x}", rand::random::<u64>()),
        zone: TimeZone::system(),
    };
    let mut state = State::new(settings, now(), (size.width, size.height));
    let saved = options.session.as_deref().map(memory::load).unwrap_or_default();
    let resumed = state.restore(&saved);
    let store = Store::new(&options.store, &options.index);
    let (mut connections, mut inbox) = Connections::start(options.control, store);
    state::start()
        .into_iter()
        .chain(resumed)
        .for_each(|cmd| connections.execute(cmd));

    let mut keys = EventStream::new();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut hits = Hits::default();
    screen.mouse(state.mouse)?;
    let mut drawn = began - FRAME;
    let mut dirty = true;
    loop {
        let msg = tokio::select! {
            biased;
            _ = terminate.recv() => break,
            _ = hang_up.recv() => break,
            input = keys.next() => match input {
                Some(Ok(Input::Key(event))) => terminal::key(event).map(Msg::Key),
                Some(Ok(Input::Resize(columns, rows))) => Some(Msg::Resize(columns, rows)),
                Some(Ok(Input::Paste(text))) => Some(Msg::Paste(text)),
                Some(Ok(Input::Mouse(event))) => mouse(event, &hits),
                Some(Ok(_)) => None,
                // The terminal is gone: there is nobody to show anything to.
                Some(Err(_)) | None => break,
            },
            () = tokio::time::sleep_until(drawn + FRAME), if dirty => {
                screen.terminal.draw(|frame| hits = view(&state, look, frame))?;
                drawn = Instant::now();
                dirty = false;
                None
            }
            _ = tick.tick() => Some(Msg::Tick),
            msg = inbox.recv() => msg,
        };
        let Some(msg) = msg else { continue };
        dirty = true;
        let mut quit = false;
        for cmd in update(&mut state, Event { at: now(), msg }) {
            match cmd {
                Cmd::Quit => quit = true,
                Cmd::Redraw => screen.forget()?,
                Cmd::Copy(text) => screen.copy(&text)?,
                Cmd::Mouse(ours) => screen.mouse(ours)?,
                Cmd::Dump(path) => {
                    let path = path.unwrap_or_else(|| dump_name(Timestamp::now()));
                    connections.execute(Cmd::Save(path, text(&state, look)));
                }
                cmd => connections.execute(cmd),
            }
        }
        if quit {
            break;
        }
    }
    // The shell's prompt must not wait for the network.
    drop(screen);
    if let Some(path) = &options.session
        && let Err(error) = memory::store(path, &state.save())
    {
        tracing::debug!(%error, "cannot leave the state of the console to its next run");
    }
    connections.close(inbox).await;
    Ok(())
}

/// What the mouse means where it was used on the last frame; `None` when it means nothing there.
fn mouse(event: MouseEvent, hits: &Hits) -> Option<Msg> {
    match event.kind {
        MouseEventKind::ScrollUp => Some(Msg::Wheel(Wheel::Up)),
        MouseEventKind::ScrollDown => Some(Msg::Wheel(Wheel::Down)),
        MouseEventKind::Down(MouseButton::Left) => match hits.at(event.column, event.row)? {
            Hit::Row(row) => Some(Msg::Pick(row)),
            Hit::Key(key) => Some(Msg::Key(key)),
        },
        _ => None,
    }
}

/// Where the screen is written to when no name is given: into the folder that the console was started in.
fn dump_name(now: Timestamp) -> String {
    format!("guildwatch-{}.txt", now.strftime("%Y%m%dT%H%M%SZ"))
}
