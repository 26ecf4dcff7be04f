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

#[test]
fn a_damaged_length_costs_one_record_wherever_it_stands() {
    for damaged in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let mut opened = reopen(folder.path());
        for payload in ["one", "two", "three"] {
            opened.writer.append(&frame(payload.as_bytes()), 1).unwrap();
        }
        drop(opened);
        let path = last_written_segment(folder.path());
        let mut bytes = std::fs::read(&path).unwrap();
        let at = [0, frame(b"one").len(), frame(b"one").len() + frame(b"two").len()][damaged];
        bytes[at + 5] ^= 0x80;
        std::fs::write(&path, bytes).unwrap();
        let mut opened = reopen(folder.path());
        let mut left = vec!["one", "two", "three"];
        left.remove(damaged);
        assert_eq!(drain(&mut opened.reader), left);
    }
}

#[test]
fn a_record_that_is_damaged_while_it_waits_is_counted_and_does_not_stay_in_the_count() {
    let folder = tempfile::tempdir().unwrap();
    let mut opened = reopen(folder.path());
    for payload in ["one", "two", "three"] {
        opened.writer.append(&frame(payload.as_bytes()), 1).unwrap();
    }
    let path = last_written_segment(folder.path());
    let mut bytes = std::fs::read(&path).unwrap();
    let at = frame(b"one").len() + frame::HEADER + 1;
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(drain(&mut opened.reader), ["one", "three"]);
    assert_eq!(opened.reader.take_lost(), 1);
    assert_eq!(opened.gauge.events.load(Relaxed), 2);
}

#[test]
fn a_full_buffer_drops_its_oldest_and_keeps_what_is_on_its_way() {
    let folder = tempfile::tempdir().unwrap();
    let mut opened = open(folder.path(), 8000).unwrap();
    let payload = |number: usize| format!("{number:04}{}", "x".repeat(80));
    let (mut appended, mut dropped) = (0, 0);
    let mut on_its_way = None;
    for number in 0..1000 {
        let one = frame(payload(number).as_bytes());
        while opened.writer.append(&one, 1).is_err() {
            let shed = opened.reader.shed().unwrap();
            assert!(shed > 0);
            dropped += shed;
        }
        appended += 1;
        if number == 10 {
            on_its_way = opened.reader.read(LIMIT).unwrap();
        }
    }
    assert!(opened.gauge.bytes.load(Relaxed) <= 8000);
    let first = on_its_way.unwrap();
    assert_eq!(first.payloads.payload(0), payload(0).as_bytes());
    let taken = first.payloads.len() as u64;
    let rest = drain(&mut opened.reader);
    assert_eq!(taken + dropped + rest.len() as u64, appended);
    assert_eq!(rest.last().unwrap(), &payload(999));
    assert!(rest.is_sorted());
    opened.reader.acknowledge(first.end, taken).unwrap();
    assert_eq!(opened.gauge.events.load(Relaxed), rest.len() as u64);
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

    #[test]
    fn a_flipped_byte_costs_one_record_at_most(
        sizes in prop::collection::vec(0_usize..300, 1..40),
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut opened = reopen(folder.path());
        let payloads: Vec<String> =
            sizes.iter().enumerate().map(|(number, size)| format!("{number}:{}", "z".repeat(*size))).collect();
        for payload in &payloads {
            opened.writer.append(&frame(payload.as_bytes()), 1).unwrap();
        }
        drop(opened);
        let path = last_written_segment(folder.path());
        let mut bytes = std::fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        std::fs::write(&path, bytes).unwrap();
        let mut opened = reopen(folder.path());
        let left = drain(&mut opened.reader);
        prop_assert_eq!(left.len() as u64, opened.restored);
        let missing: Vec<&String> = payloads.iter().filter(|payload| !left.contains(payload)).collect();
        prop_assert_eq!(missing.len(), 1, "{:?}", missing);
        prop_assert_eq!(left.len(), payloads.len() - 1);
    }

    #[test]
    fn whatever_stands_in_a_segment_the_buffer_opens_and_goes_on(
        parts in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..60),
                Just(frame(b"whole")),
                Just(frame(b"cut")[..23].to_vec()),
                Just(vec![0_u8; 40]),
            ],
            0..20,
        ),
    ) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(segment::path(folder.path(), 1), parts.concat()).unwrap();
        std::fs::write(segment::path(folder.path(), 2), parts.concat()).unwrap();
        let mut opened = reopen(folder.path());
        opened.writer.append(&frame(b"after"), 1).unwrap();
        let found = drain(&mut opened.reader);
        prop_assert_eq!(found.last().map(String::as_str), Some("after"));
        prop_assert_eq!(opened.restored + 1, found.len() as u64);
        let whole = parts.iter().filter(|part| **part == frame(b"whole")).count();
        prop_assert!(found.iter().filter(|payload| *payload == "whole").count() <= 2 * whole);
    }
}
