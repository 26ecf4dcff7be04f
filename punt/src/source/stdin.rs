//! The `stdin` source: a line an event. When its input ends, punt delivers everything and ends.

use std::io;
use std::os::fd::AsFd as _;

use anyhow::Context as _;
use tokio::runtime::Handle;
use tracing::info;

use super::ids::Ids;
use super::lines::{Line, Lines};
use super::pipe::{Bytes, Pipe};
use super::poll::Handover;
use super::{Intake, json, plain};
use crate::config::{FileFormat, StdinConfig};
use crate::event::Batch;
use crate::meter::Meter;

const CHUNK: usize = 256 << 10;

/// Runs on a thread of its own until the input ends or the stop signal.
pub(super) fn run(config: &StdinConfig, intake: Intake, runtime: &Handle) -> anyhow::Result<()> {
    let stdin = io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .context("opening standard input")?;
    info!(
        event.action = "source-started",
        labels.source = intake.name,
        "reading standard input"
    );
    let (mut pipe, mut chunk) = (Pipe::new(stdin), vec![0; CHUNK]);
    let (stop, input_ended) = (intake.stop.clone(), intake.input_ended.clone());
    let (ids, mut lines) = (Ids::new(), Lines::new(0, config.max_line_bytes));
    let mut handover: Handover<()> = Handover::new(intake, runtime);
    let ended = loop {
        let bytes = pipe.read(&mut chunk, &stop).context("reading standard input")?;
        if let Bytes::Some(length) = bytes {
            lines.push(&chunk[..length]);
            while let Some(line) = lines.next_line() {
                push(&mut handover, config, &ids, &line, false);
                if !handover.hand_on_if_full() {
                    return Ok(());
                }
            }
            continue;
        }
        if !handover.hand_on() {
            return Ok(());
        }
        if bytes == Bytes::End || stop.is_cancelled() {
            break bytes == Bytes::End;
        }
    };
    if let Some(line) = lines.rest() {
        push(&mut handover, config, &ids, &line, true);
        handover.hand_on();
    }
    handover.close();
    if ended {
        info!(
            event.action = "input-ended",
            "standard input has ended, delivering what is left"
        );
        input_ended.cancel();
    }
    Ok(())
}

fn push(handover: &mut Handover<()>, config: &StdinConfig, ids: &Ids, line: &Line<'_>, torn: bool) {
    let id = ids.name(ids.next());
    let (batch, meter) = (&mut handover.batch, &handover.intake.meter);
    match config.format {
        FileFormat::Json => json::push(batch, meter, line, &id, "stdin", torn),
        FileFormat::Plain => plain::push(batch, meter, line, &id, "stdin", &config.fields, |_| ()),
    }
}

/// Adds the event that this line would be.
pub(super) fn sample(batch: &mut Batch, meter: &Meter, config: &StdinConfig, line: &Line<'_>) {
    match config.format {
        FileFormat::Json => json::push(batch, meter, line, "sample", "stdin", false),
        FileFormat::Plain => plain::push(batch, meter, line, "sample", "stdin", &config.fields, |_| ()),
    }
}
