//! Framing. The first byte of an input is the limit, the second decides how it is chunked.

use punt_syslog::{Framer, FramingCounts};

pub(super) const CORPUS: &[&[u8]] = &[
    b"<34>1 - h a 1 - - text",
    b"<13>Nov 24 09:46:51 h app: x",
    b"<1>x",
    b"4 <1>x",
    b"22 <34>1 - h a 1 - - text",
    b"12 <34>",
    b"9999999999 <1>",
    b"99999999999 <1>",
    b"5 ",
    b" <",
    b"0",
    b"7",
    b"\n",
    b"\r\n",
    b"\0",
    b" ",
    b"x",
    b"\xff",
];

/// Where the frames end in what they are joined to, and which were cut.
type Frames = (Vec<u8>, Vec<(usize, bool)>, FramingCounts);

pub(super) fn run(input: &[u8]) {
    let [limit, size, stream @ ..] = input else {
        return;
    };
    let limit = usize::from(*limit) + 1;
    let whole = frames(stream, limit, stream.len().max(1));
    let chunked = frames(stream, limit, usize::from(*size) % 23 + 1);
    assert!(whole == chunked, "the chunking changes the frames");
    assert!(whole.1.len() <= stream.len(), "there are more frames than bytes");
}

fn frames(stream: &[u8], limit: usize, chunk: usize) -> Frames {
    let (mut framer, mut bytes, mut ends) = (Framer::new(limit), Vec::new(), Vec::new());
    let mut take = |framer: &mut Framer| {
        while let Some(frame) = framer.next_frame() {
            assert!(!frame.bytes.is_empty() && frame.bytes.len() <= limit);
            bytes.extend_from_slice(frame.bytes);
            ends.push((bytes.len(), frame.truncated));
        }
    };
    for chunk in stream.chunks(chunk) {
        framer.push(chunk);
        take(&mut framer);
    }
    framer.finish();
    take(&mut framer);
    let counts = framer.counts();
    (bytes, ends, counts)
}
