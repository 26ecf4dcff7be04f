//! The laws of framing, and the streams that real senders produce.

use proptest::prelude::*;
use punt_syslog::{Framer, FramingCounts};

type Frames = Vec<(String, bool)>;

fn take(framer: &mut Framer, frames: &mut Frames) {
    while let Some(frame) = framer.next_frame() {
        frames.push((String::from_utf8_lossy(frame.bytes).into_owned(), frame.truncated));
    }
}

fn frames(chunks: &[&[u8]], max: usize) -> (Frames, FramingCounts) {
    let (mut framer, mut frames) = (Framer::new(max), Vec::new());
    for chunk in chunks {
        framer.push(chunk);
        take(&mut framer, &mut frames);
    }
    framer.finish();
    take(&mut framer, &mut frames);
    (frames, framer.counts())
}

fn texts(stream: &str) -> Vec<String> {
    frames(&[stream.as_bytes()], 1000)
        .0
        .into_iter()
        .map(|f| f.0)
        .collect()
}

#[test]
fn newline_and_octet_counting_mix_on_one_connection() {
    assert_eq!(
        texts("<1>a\n5 <2>b\n<3>c\r\n\n6 <4>d d7 <5>e\nf\n<6>last"),
        ["<1>a", "<2>b", "<3>c", "<4>d d", "<5>e\nf", "<6>last"]
    );
}

#[test]
fn a_zero_byte_ends_a_frame_as_a_newline_does() {
    assert_eq!(texts("<1>a\0<2>b\0\n<3>c\n\0"), ["<1>a", "<2>b", "<3>c"]);
}

#[test]
fn a_line_that_starts_with_a_number_is_a_line() {
    assert_eq!(
        texts("12 monkeys\n2026-11-24 x\n007 <x\n"),
        ["12 monkeys", "2026-11-24 x", "007 <x"]
    );
}

#[test]
fn a_count_that_is_too_small_costs_one_frame_its_tail_and_no_more() {
    let (frames, counts) = frames(&[b"6 <1>aaaaaa6 <2>bbb6 <3>ccc"], 1000);
    let texts: Vec<_> = frames.iter().map(|f| f.0.as_str()).collect();
    assert_eq!(texts, ["<1>aaa", "aaa", "<2>bbb", "<3>ccc"]);
    assert_eq!(counts.resyncs, 1);
}

#[test]
fn a_count_that_is_absurd_is_passed_over() {
    let (frames, counts) = frames(&[b"9999999999 <1>aaa\n6 <2>bbb"], 1000);
    let texts: Vec<_> = frames.iter().map(|f| f.0.as_str()).collect();
    assert_eq!(texts, ["<1>aaa", "<2>bbb"]);
    assert_eq!(counts.resyncs, 1);
}

#[test]
fn a_frame_over_the_limit_is_cut_marked_and_counted() {
    let (found, counts) = frames(&[b"<1>abcdefgh\n<2>x\n20 <3>abcdefghijklmnopq<4>y\n"], 6);
    assert_eq!(
        found,
        [
            ("<1>abc".to_owned(), true),
            ("<2>x".to_owned(), false),
            ("<3>abc".to_owned(), true),
            ("<4>y".to_owned(), false),
        ]
    );
    assert_eq!((counts.truncated, counts.skipped_bytes), (2, 5 + 14));
}

#[test]
fn a_stream_that_ends_within_a_counted_frame_gives_what_came() {
    let (found, counts) = frames(&[b"10 <1>abc"], 100);
    assert_eq!(found, [("<1>abc".to_owned(), true)]);
    assert_eq!(counts.truncated, 1);
}

/// Streams made of the pieces that framing decides on.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("\0".to_owned()),
        Just(" <".to_owned()),
        Just("<34>".to_owned()),
        Just("12 <34>".to_owned()),
        Just("99999999999 <1>".to_owned()),
        "[0-9]{1,3}",
        "[ -~]{0,20}",
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_frames(
        stream in stream(),
        cuts in prop::collection::vec(1_usize..9, 1..200),
        max in 1_usize..60,
    ) {
        let mut chunks = Vec::new();
        let mut rest = stream.as_slice();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, more) = rest.split_at((*cut).min(rest.len()));
            chunks.push(chunk);
            rest = more;
        }
        prop_assert_eq!(frames(&chunks, max), frames(&[&stream], max));
    }

    #[test]
    fn what_a_sender_counts_comes_out_whole(messages in prop::collection::vec("<1>[ -~\n]{0,40}x", 0..20)) {
        let stream: String = messages.iter().map(|m| format!("{} {m}", m.len())).collect();
        prop_assert_eq!(texts(&stream), messages);
    }

    #[test]
    fn no_byte_of_a_stream_within_the_limit_is_lost(stream in stream()) {
        let (frames, counts) = frames(&[&stream], 10_000);
        let kept: usize = frames.iter().map(|f| f.0.bytes().filter(|b| b.is_ascii_alphabetic()).count()).sum();
        prop_assert_eq!(kept, stream.iter().filter(|b| b.is_ascii_alphabetic()).count());
        prop_assert_eq!(counts.skipped_bytes, 0);
    }
}
