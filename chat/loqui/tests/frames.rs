//! The published byte vectors, and that it does not matter how the bytes arrive.

use bytes::{Bytes, BytesMut};
use loqui::{Frame, FrameError, Kind};
use proptest::prelude::*;

const LIMIT: usize = 1 << 20;

/// The vectors of the published Rust and Python codecs.
fn published() -> Vec<(&'static str, Frame)> {
    let frame = |flags, kind| Frame { flags, kind };
    vec![
        (
            "010f01000000166d73677061636b2c6a736f6e7c677a69702c6c7a6d61",
            frame(
                15,
                Kind::Hello {
                    version: 1,
                    offer: "msgpack,json|gzip,lzma".into(),
                },
            ),
        ),
        (
            "020f00007d000000000c6d73677061636b7c677a6970",
            frame(
                15,
                Kind::HelloAck {
                    ping_interval_ms: 32_000,
                    choice: "msgpack|gzip".into(),
                },
            ),
        ),
        ("030f00000001", frame(15, Kind::Ping { seq: 1 })),
        ("040f00000001", frame(15, Kind::Pong { seq: 1 })),
        (
            "051f000000010000001568656c6c6f2074686973206973206d792064617461",
            frame(
                31,
                Kind::Request {
                    seq: 1,
                    payload: "hello this is my data".into(),
                },
            ),
        ),
        (
            "061f00000bb80000001568656c6c6f2074686973206973206d792064617461",
            frame(
                31,
                Kind::Response {
                    seq: 3000,
                    payload: "hello this is my data".into(),
                },
            ),
        ),
        (
            "075b0000001568656c6c6f2074686973206973206d792070757368",
            frame(
                91,
                Kind::Push {
                    payload: "hello this is my push".into(),
                },
            ),
        ),
        (
            "089723290000000b676f206177617920706c73",
            frame(
                151,
                Kind::GoAway {
                    code: 9001,
                    reason: "go away pls".into(),
                },
            ),
        ),
        (
            "0997000dbc0405a40000000865727272726f7221",
            frame(
                151,
                Kind::Error {
                    seq: 900_100,
                    code: 1444,
                    message: "errrror!".into(),
                },
            ),
        ),
        (
            "02000000138800000008 6d73677061636b7c",
            frame(
                0,
                Kind::HelloAck {
                    ping_interval_ms: 5000,
                    choice: "msgpack|".into(),
                },
            ),
        ),
    ]
}

fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text.replace(' ', "")).expect("vectors are hexadecimal")
}

/// Feeds `bytes` in pieces of the given lengths (the last one taking the rest) and returns what came out.
fn feed(bytes: &[u8], pieces: impl IntoIterator<Item = usize>) -> Vec<Frame> {
    let mut buffer = BytesMut::new();
    let mut frames = Vec::new();
    let mut rest = bytes;
    for piece in pieces.into_iter().chain([usize::MAX]) {
        let (now, later) = rest.split_at(piece.min(rest.len()));
        rest = later;
        buffer.extend_from_slice(now);
        while let Some(frame) = Frame::decode(&mut buffer, LIMIT).expect("the bytes are good") {
            frames.push(frame);
        }
    }
    assert!(buffer.is_empty(), "nothing is left over");
    frames
}

fn encode_all(frames: &[Frame]) -> Vec<u8> {
    let mut out = BytesMut::new();
    for frame in frames {
        frame.encode(&mut out);
    }
    out.to_vec()
}

#[test]
fn published_vectors_are_read_and_written() {
    for (text, frame) in published() {
        let bytes = unhex(text);
        assert_eq!(feed(&bytes, []), std::slice::from_ref(&frame), "{text}");
        assert_eq!(encode_all(&[frame]), bytes, "{text}");
    }
}

#[test]
fn frames_are_found_one_byte_at_a_time() {
    let frames: Vec<Frame> = published().into_iter().map(|(_, frame)| frame).collect();
    let bytes = encode_all(&frames);
    assert_eq!(feed(&bytes, vec![1; bytes.len()]), frames);
}

#[test]
fn an_unknown_opcode_is_an_error() {
    for opcode in [0_u8, 10, 0x63, 0xff] {
        let mut buffer = BytesMut::from(&[opcode][..]);
        assert_eq!(Frame::decode(&mut buffer, LIMIT), Err(FrameError::Opcode(opcode)));
    }
}

#[test]
fn a_length_over_the_limit_is_an_error_before_the_payload_comes() {
    let mut buffer = BytesMut::from(&unhex("0700ffffffff")[..]);
    let error = FrameError::TooLarge {
        bytes: 0xffff_ffff,
        limit: LIMIT,
    };
    assert_eq!(Frame::decode(&mut buffer, LIMIT), Err(error));
}

fn any_bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..300).prop_map(Bytes::from)
}

fn any_frame() -> impl Strategy<Value = Frame> {
    let kind = prop_oneof![
        (any::<u8>(), any_bytes()).prop_map(|(version, offer)| Kind::Hello { version, offer }),
        (any::<u32>(), any_bytes()).prop_map(|(ping_interval_ms, choice)| Kind::HelloAck {
            ping_interval_ms,
            choice
        }),
        any::<u32>().prop_map(|seq| Kind::Ping { seq }),
        any::<u32>().prop_map(|seq| Kind::Pong { seq }),
        (any::<u32>(), any_bytes()).prop_map(|(seq, payload)| Kind::Request { seq, payload }),
        (any::<u32>(), any_bytes()).prop_map(|(seq, payload)| Kind::Response { seq, payload }),
        any_bytes().prop_map(|payload| Kind::Push { payload }),
        (any::<u16>(), any_bytes()).prop_map(|(code, reason)| Kind::GoAway { code, reason }),
        (any::<u32>(), any::<u16>(), any_bytes()).prop_map(|(seq, code, message)| Kind::Error {
            seq,
            code,
            message
        }),
    ];
    (any::<u8>(), kind).prop_map(|(flags, kind)| Frame { flags, kind })
}

proptest! {
    #[test]
    fn what_was_written_is_read_however_it_is_cut(frames in prop::collection::vec(any_frame(), 1..12), pieces in prop::collection::vec(1_usize..64, 0..80)) {
        prop_assert_eq!(feed(&encode_all(&frames), pieces), frames);
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut buffer = BytesMut::from(&bytes[..]);
        while let Ok(Some(_)) = Frame::decode(&mut buffer, LIMIT) {}
    }
}
