//! The soak of the console: log records arrive at a rate, and every frame is timed: what came since the last one is
//! taken in (`update`), then the logs screen is drawn and written out as a terminal would get it.
//!
//! ```sh
//! cargo run --release -p tui --example soak -- [--seconds 600] [--rate 10000] [--columns 120] [--rows 36]
//! ```
//!
//! Prints one JSON object: percentiles of the time of a frame, and resident memory at the end of each minute. The
//! records are made in here: what the network and the store cost is measured by `bench/console.py`.

#[path = "../tests/stage/mod.rs"]
mod stage;

use std::io::{Write as _, sink, stdout};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use serde_json::json;
use stage::{Stage, fleet};
use tui::key::Key;
use tui::state::logs::{Batch, LogRecord};
use tui::state::{Event, Feed, Moment, Msg, Theme, update};
use tui::view::{Look, view};

/// As the console itself does: at most thirty frames a second.
const FRAME: Duration = Duration::from_millis(33);
/// Records of one message, as the store's follower sends them.
const CHUNK: u64 = 250;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        let text = at.and_then(|at| arguments.get(at + 1));
        text.map_or(Ok(default), |text| text.parse())
    };
    let seconds = value("--seconds", 600)?;
    let rate = value("--rate", 10_000)?;
    let columns = u16::try_from(value("--columns", 120)?)?;
    let rows = u16::try_from(value("--rows", 36)?)?;

    let mut stage = Stage::empty(columns, rows);
    let mut terminal = Terminal::with_options(
        CrosstermBackend::new(sink()),
        TerminalOptions {
            viewport: Viewport::Fixed(Rect::new(0, 0, columns, rows)),
        },
    )?;
    let look = Look {
        ascii: false,
        theme: Theme::Dark,
    };
    let began = Instant::now();
    let now = || Moment {
        wall: Timestamp::now(),
        ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    let mut feed = |msg| update(&mut stage.state, Event { at: now(), msg });
    feed(Msg::Key(Key::Char('2')));
    // Something is looked for, so that every record is matched as it comes.
    for key in ['/', 'l', 'e', 'a', 's', 'e'] {
        feed(Msg::Key(Key::Char(key)));
    }
    feed(Msg::Key(Key::Enter));

    let mut made = 0;
    let mut frames: Vec<u64> = Vec::new();
    let mut memory: Vec<u64> = Vec::new();
    let mut told = 0;
    while began.elapsed() < Duration::from_secs(seconds) {
        let frame = Instant::now();
        let due = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX) * rate / 1000;
        // What the network's tasks do is done before the frame is timed.
        let mut batches = Vec::new();
        while made < due {
            let until = due.min(made + CHUNK);
            let records = (made..until).filter_map(record).collect();
            batches.push(Batch { records, skipped: 0 });
            made = until;
        }
        let second = began.elapsed().as_secs();
        let worked = Instant::now();
        let generation = stage.state.logs.generation;
        for batch in batches {
            let event = Event {
                at: now(),
                msg: Msg::Logs(Feed::Logs, generation, batch),
            };
            update(&mut stage.state, event);
        }
        if second > told {
            let mut picture = fleet(0, 0.5);
            picture.at = Timestamp::now();
            let msg = Msg::Fleet(Box::new(picture));
            update(&mut stage.state, Event { at: now(), msg });
            if second.is_multiple_of(60) {
                memory.push(resident_kib()?);
            }
            told = second;
        }
        terminal.draw(|frame| drop(view(&stage.state, look, frame)))?;
        frames.push(u64::try_from(worked.elapsed().as_micros()).unwrap_or(u64::MAX));
        // Pacing, not synchronisation: the next frame is due at its time.
        if let Some(rest) = FRAME.checked_sub(frame.elapsed()) {
            pause(rest);
        }
    }
    memory.push(resident_kib()?);
    frames.sort_unstable();
    let at = |share: usize| frames.get(frames.len().saturating_sub(1) * share / 1000).copied();
    let report = json!({
        "seconds": seconds, "records": made, "records_a_second": rate, "size": format!("{columns}x{rows}"),
        "frames": frames.len(),
        "frame_us": {"p50": at(500), "p90": at(900), "p99": at(990), "p999": at(999), "max": frames.last()},
        "loaded": stage.state.logs.ring.len(), "let_go": stage.state.logs.ring.evicted(),
        "resident_kib_each_minute": memory,
    });
    writeln!(stdout(), "{report}")?;
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a clock of frames in a program without a runtime"
)]
fn pause(rest: Duration) {
    std::thread::sleep(rest);
}

/// Record number `number`: of the size and shape of ours, one in fifty an error.
fn record(number: u64) -> Option<LogRecord> {
    let (level, message) = match number % 50 {
        0 => ("error", "lease lost, the node is fenced"),
        1 | 2 => ("warn", "queue above its mark, shedding typing"),
        _ => ("info", "guild taken over"),
    };
    let node = number % 12;
    let source = json!({
        "@timestamp": Timestamp::now().to_string(), "log.level": level, "message": message, "ecs.version": "8.11",
        "service.name": "guilds", "service.node.name": format!("guilds-{node}"), "service.version": "0.1.0",
        "event.dataset": "guilds.log", "log.logger": "chat_guilds::lease", "trace.id": format!("{:032x}", number / 7),
        "span.id": format!("{number:016x}"), "labels.guild_id": (number % 9973).to_string(),
        "numeric_labels.held": number % 400, "event.duration": number % 90_000,
    });
    LogRecord::read(&format!("guildwatch-2026.03.01/{number:020}"), &source)
}

/// Resident memory of this process.
fn resident_kib() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(number.unwrap_or("0").parse()?)
}
