//! The buffer against a model: whatever is appended, read, acknowledged, reopened and damaged, no event that
//! was not acknowledged is missing, and none comes out of order.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use proptest::prelude::*;

use super::*;

const LIMIT: Limit = Limit {
    events: 7,
    bytes: 300,
};

fn frame(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out, 1, |out| out.extend_from_slice(payload));
    out
}

fn drain(reader: &mut Reader) -> Vec<String> {
    let mut found = Vec::new();
    while let Some(read) = reader.read(LIMIT).unwrap() {
        found.extend(
            read.payloads
                .iter()
                .map(|p| String::from_utf8_lossy(p).into_owned()),
        );
        let block = read.payloads.block();
        drop(read);
        reader.recycle(block);
    }
    found
}

fn reopen(folder: &Path) -> Opened {
    open(folder, 1 << 20).unwrap()
}

fn last_written_segment(folder: &Path) -> std::path::PathBuf {
    let mut numbers = segment::list(folder).unwrap();
    numbers.retain(|number| segment::path(folder, *number).metadata().unwrap().len() > 0);
    segment::path(folder, *numbers.last().unwrap())
}

#[test]
fn a_torn_tail_is_cut_off_and_what_was_whole_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut opened = reopen(folder.path());
    for payload in ["one", "two"] {
        opened.writer.append(&frame(payload.as_bytes()), 1).unwrap();
    }
    drop(opened);
    let torn = &frame(b"three")[..22];
    let path = last_written_segment(folder.path());
    OpenOptions::new()
        .append(true)
        .open(path)
        .unwrap()
        .write_all(torn)
        .unwrap();
    let mut opened = reopen(folder.path());
    assert_eq!((opened.restored, opened.corrupt), (2, 0));
    opened.writer.append(&frame(b"four"), 1).unwrap();
    assert_eq!(drain(&mut opened.reader), ["one", "two", "four"]);
}

#[test]
fn a_corrupt_record_is_passed_over_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut opened = reopen(folder.path());
    for payload in ["one", "two", "three"] {
        opened.writer.append(&frame(payload.as_bytes()), 1).unwrap();
    }
    drop(opened);
    let path = last_written_segment(folder.path());
    let mut bytes = std::fs::read(&path).unwrap();
    let at = frame(b"one").len() + frame::HEADER + 1;
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let mut opened = reopen(folder.path());
    assert_eq!((opened.restored, opened.corrupt), (2, 1));
    assert_eq!(drain(&mut opened.reader), ["one", "three"]);
}

#[test]
fn a_full_buffer_says_so_and_has_room_again_once_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut opened = open(folder.path(), 10_000).unwrap();
    let big = frame(&[b'x'; 900]);
    let mut appended = 0;
    while opened.writer.append(&big, 1).is_ok() {
        appended += 1;
    }
    assert!(opened.gauge.bytes.load(Relaxed) <= 10_000);
    assert_eq!(opened.gauge.events.load(Relaxed), appended);
    while let Some(read) = opened.reader.read(LIMIT).unwrap() {
        opened
            .reader
            .acknowledge(read.end, read.payloads.len() as u64)
            .unwrap();
    }
    opened.reader.persist().unwrap();
    assert_eq!(opened.gauge.events.load(Relaxed), 0);
    opened.writer.append(&big, 1).unwrap();
    assert_eq!(drain(&mut opened.reader).len(), 1);
}

#[test]
fn a_record_larger_than_a_read_is_read_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut opened = reopen(folder.path());
    let big = "y".repeat(5000);
    for payload in ["a", &big, "b"] {
        opened.writer.append(&frame(payload.as_bytes()), 1).unwrap();
    }
    assert_eq!(drain(&mut opened.reader), ["a", &big, "b"]);
}

#[derive(Debug, Clone)]
enum Step {
    Append(usize),
    Read,
    Acknowledge,
    Reopen { torn: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_usize..400).prop_map(Step::Append),
        3 => Just(Step::Read),
        3 => Just(Step::Acknowledge),
        1 => any::<bool>().prop_map(|torn| Step::Reopen { torn }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_buffer_behaves_as_a_queue_that_survives(steps in prop::collection::vec(step(), 1..80)) {
        let folder = tempfile::tempdir().unwrap();
        let mut opened = open(folder.path(), 16_000).unwrap();
        // The model: what was appended and is not acknowledged for good; of these, how many were read.
        let mut model: VecDeque<String> = VecDeque::new();
        let mut read_ahead = 0;
        let mut reads: VecDeque<(Position, usize)> = VecDeque::new();
        let mut next = 0;
        for step in steps {
            match step {
                Step::Append(size) => {
                    let payload = format!("{next}:{}", "z".repeat(size));
                    if opened.writer.append(&frame(payload.as_bytes()), 1).is_ok() {
                        next += 1;
                        model.push_back(payload);
                    }
                }
                Step::Read => {
                    if let Some(read) = opened.reader.read(LIMIT).unwrap() {
                        for payload in read.payloads.iter() {
                            prop_assert_eq!(payload, model[read_ahead].as_bytes());
                            read_ahead += 1;
                        }
                        reads.push_back((read.end, read.payloads.len()));
                    } else {
                        prop_assert_eq!(read_ahead, model.len());
                    }
                }
                Step::Acknowledge => {
                    if let Some((end, events)) = reads.pop_front() {
                        opened.reader.acknowledge(end, events as u64).unwrap();
                        opened.reader.persist().unwrap();
                        model.drain(..events);
                        read_ahead -= events;
                    }
                }
                Step::Reopen { torn } => {
                    drop(opened);
                    if torn {
                        let last = segment::list(folder.path()).unwrap().pop().unwrap();
                        let path = segment::path(folder.path(), last);
                        let tail = &frame(b"never whole")[..25];
                        OpenOptions::new().append(true).open(path).unwrap().write_all(tail).unwrap();
                    }
                    opened = open(folder.path(), 16_000).unwrap();
                    prop_assert_eq!(opened.restored, model.len() as u64);
                    prop_assert_eq!(opened.corrupt, 0);
                    (read_ahead, reads) = (0, VecDeque::new());
                }
            }
            prop_assert_eq!(opened.gauge.events.load(Relaxed), model.len() as u64);
        }
        let rest: Vec<String> = model.iter().skip(read_ahead).cloned().collect();
        prop_assert_eq!(drain(&mut opened.reader), rest);
    }
}
