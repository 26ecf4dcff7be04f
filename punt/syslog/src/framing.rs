//! Cutting a byte stream into frames (RFC 6587): by newline, by octet counting, or both on one connection.
//!
//! ```text
//! <34>first\n            newline: the frame ends at LF or NUL (glibc's syslog(3) on a stream); CR before it is dropped
//! 9 <34>secon            octet counting: digits, space, and a message, which starts with `<`
//! ```
//!
//! How the stream was chunked never changes the frames. A frame longer than the limit is cut there, marked and
//! counted, and the rest of it is skipped. Once a connection has counted octets, a frame that starts with
//! neither a count nor a priority means that a count was wrong: the framer searches for the next
//! newline or `count <pri>` and goes on from there. What it passes over comes out as a frame, not lost.

/// The longest count that is believed: digits beyond this are text.
const COUNT_DIGITS: usize = 10;

/// A count up to this many times the limit is taken for an oversize frame; a larger one is corrupt.
const BELIEVABLE: usize = 64;

/// `count <pri>` at its longest, which is how far a delimiter can reach beyond its first byte.
const DELIMITER: usize = COUNT_DIGITS + " <191>".len();

/// Cuts one stream. Push what was read, take frames until there are none, [`Framer::finish`] at its end.
#[derive(Debug)]
pub struct Framer {
    max_frame_bytes: usize,
    buffer: Vec<u8>,
    start: usize,
    /// Where after `start` the search for a delimiter goes on, so that nothing is looked at twice.
    scanned: usize,
    state: State,
    counted_octets: bool,
    finished: bool,
    counts: FramingCounts,
}

/// One frame.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The frame, without its delimiter. Not empty.
    pub bytes: &'a [u8],
    /// Whether bytes of it are missing: it exceeded the limit, or the stream ended within it.
    pub truncated: bool,
}

/// What went wrong so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FramingCounts {
    /// Frames that came out cut.
    pub truncated: u64,
    /// Bytes that were skipped because their frame was over the limit.
    pub skipped_bytes: u64,
    /// Times that an octet count was corrupt and the framer had to search for the next frame.
    pub resyncs: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Line,
    SkipLine,
    Count(usize),
    SkipCount(usize),
}

enum Prefix {
    None,
    Unsure,
    Count { header: usize, count: usize },
}

enum Around {
    None,
    Unsure,
    Count(usize),
}

// === impl Framer ===

impl Framer {
    /// A framer that cuts frames longer than `max_frame_bytes`.
    pub fn new(max_frame_bytes: usize) -> Self {
        Self {
            max_frame_bytes: max_frame_bytes.max(1),
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            state: State::Start,
            counted_octets: false,
            finished: false,
            counts: FramingCounts::default(),
        }
    }

    /// Appends what was read. The buffer stays below the limit plus one chunk if frames are taken in between.
    pub fn push(&mut self, chunk: &[u8]) {
        if self.start > 0 {
            self.buffer.copy_within(self.start.., 0);
            self.buffer.truncate(self.buffer.len() - self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(chunk);
    }

    /// Says that the stream has ended: what is left comes out as the last frame.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// What went wrong so far.
    pub fn counts(&self) -> FramingCounts {
        self.counts
    }

    /// The next whole frame.
    pub fn next_frame(&mut self) -> Option<Frame<'_>> {
        loop {
            let found = match self.state {
                State::Start => {
                    if !self.begin() {
                        return None;
                    }
                    continue;
                }
                State::Line => self.line()?,
                State::SkipLine => {
                    if !self.skip_line() {
                        return None;
                    }
                    continue;
                }
                State::Count(count) => self.counted(count)?,
                State::SkipCount(left) => {
                    let step = left.min(self.rest().len());
                    self.consume(step);
                    self.counts.skipped_bytes += step as u64;
                    if step < left {
                        self.state = State::SkipCount(left - step);
                        return None;
                    }
                    self.state = State::Start;
                    continue;
                }
            };
            let (from, to, truncated) = found;
            self.counts.truncated += u64::from(truncated);
            let bytes = trim_end(&self.buffer[from..to]);
            if !bytes.is_empty() {
                // Borrowed again: returning the borrow above out of a loop is what the checker cannot follow.
                let to = from + bytes.len();
                return Some(Frame {
                    bytes: &self.buffer[from..to],
                    truncated,
                });
            }
        }
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        self.scanned = 0;
    }

    /// Decides what kind of frame starts here; false when that takes more bytes.
    fn begin(&mut self) -> bool {
        let blank = self
            .rest()
            .iter()
            .take_while(|b| matches!(b, b'\n' | b'\r' | 0))
            .count();
        self.consume(blank);
        let Some(first) = self.rest().first().copied() else {
            return false;
        };
        self.state = match count_prefix(self.rest()) {
            Prefix::Unsure if !self.finished => return false,
            Prefix::Count { header, count } if count <= self.max_frame_bytes.saturating_mul(BELIEVABLE) => {
                self.consume(header);
                self.counted_octets = true;
                State::Count(count)
            }
            Prefix::Count { header, .. } => {
                // Its message starts right here: only the number is wrong.
                self.consume(header);
                self.counted_octets = true;
                self.counts.resyncs += 1;
                State::Line
            }
            Prefix::None | Prefix::Unsure => {
                self.counts.resyncs += u64::from(self.counted_octets && first != b'<');
                State::Line
            }
        };
        true
    }

    /// A frame that ends at a delimiter: its bounds, and whether it was cut.
    fn line(&mut self) -> Option<(usize, usize, bool)> {
        let (from, max) = (self.start, self.max_frame_bytes);
        match self.delimiter() {
            Some(at) if at <= max => {
                self.consume(at);
                self.state = State::Start;
                Some((from, from + at, false))
            }
            None if self.finished && self.rest().len() <= max => {
                let length = self.rest().len();
                self.consume(length);
                self.state = State::Start;
                Some((from, from + length, false))
            }
            // Only now is it sure that no delimiter starts within the limit.
            found => (found.is_some() || self.finished || self.rest().len() >= max + DELIMITER).then(|| {
                self.consume(max);
                self.state = State::SkipLine;
                (from, from + max, true)
            }),
        }
    }

    fn skip_line(&mut self) -> bool {
        let (step, found) = match self.delimiter() {
            Some(at) => (at, true),
            None if self.finished => (self.rest().len(), true),
            // The digits before a space that is still to be judged stay, and one byte more to judge them by.
            None => (self.scanned.saturating_sub(COUNT_DIGITS + 1), false),
        };
        self.counts.skipped_bytes += step as u64;
        if found {
            self.consume(step);
            self.state = State::Start;
        } else {
            self.start += step;
            self.scanned -= step;
        }
        found
    }

    fn counted(&mut self, count: usize) -> Option<(usize, usize, bool)> {
        let (from, available) = (self.start, self.rest().len());
        let keep = count.min(self.max_frame_bytes);
        if available < keep && !self.finished {
            return None;
        }
        let length = keep.min(available);
        self.consume(length);
        self.state = match count - keep {
            0 => State::Start,
            more => State::SkipCount(more),
        };
        Some((from, from + length, length < count))
    }

    /// Where the next delimiter starts: a newline, or (once octets were counted) `count <pri>`.
    fn delimiter(&mut self) -> Option<usize> {
        let rest = &self.buffer[self.start..];
        let newline = memchr::memchr2(b'\n', 0, &rest[self.scanned..]).map(|at| self.scanned + at);
        if !self.counted_octets {
            self.scanned = newline.unwrap_or(rest.len());
            return newline;
        }
        let end = newline.unwrap_or(rest.len());
        for at in memchr::memmem::find_iter(&rest[self.scanned..end], b" <") {
            let space = self.scanned + at;
            match count_around(rest, space) {
                Around::Count(start) => return Some(start),
                Around::Unsure if !self.finished => {
                    self.scanned = space;
                    return None;
                }
                Around::None | Around::Unsure => {}
            }
        }
        if newline.is_none() {
            // The last byte may be the space before the next `<`.
            self.scanned = self.scanned.max(rest.len().saturating_sub(1));
        }
        newline
    }
}

/// Whether `rest` starts with digits, a space and `<`.
fn count_prefix(rest: &[u8]) -> Prefix {
    let digits = rest
        .iter()
        .take(COUNT_DIGITS + 1)
        .take_while(|b| b.is_ascii_digit())
        .count();
    if rest.first() == Some(&b'0') || digits > COUNT_DIGITS || (digits == 0 && !rest.is_empty()) {
        return Prefix::None;
    }
    match rest[digits..] {
        [] | [b' '] => Prefix::Unsure,
        [b' ', b'<', ..] => Prefix::Count {
            header: digits + 1,
            count: rest[..digits]
                .iter()
                .fold(0, |count, digit| count * 10 + usize::from(digit - b'0')),
        },
        _ => Prefix::None,
    }
}

/// Whether `count <pri>` stands around the space at `space`, and where it starts.
fn count_around(rest: &[u8], space: usize) -> Around {
    let digits = rest[..space]
        .iter()
        .rev()
        .take(COUNT_DIGITS + 1)
        .take_while(|b| b.is_ascii_digit())
        .count();
    let start = space - digits;
    if digits == 0 || digits > COUNT_DIGITS || rest[start] == b'0' {
        return Around::None;
    }
    let priority = &rest[space + 2..];
    let length = priority.iter().take(4).take_while(|b| b.is_ascii_digit()).count();
    match priority.get(length) {
        None if length <= 3 => Around::Unsure,
        Some(b'>') if (1..=3).contains(&length) => Around::Count(start),
        _ => Around::None,
    }
}

fn trim_end(bytes: &[u8]) -> &[u8] {
    let blank = bytes
        .iter()
        .rev()
        .take_while(|b| matches!(b, b'\n' | b'\r' | 0))
        .count();
    &bytes[..bytes.len() - blank]
}
