//! Cutting a file that grows into lines, with the offset of each, in bounded memory.

/// Cuts what is pushed into lines. How it was chunked never changes the lines.
#[derive(Debug)]
pub(super) struct Lines {
    max_bytes: usize,
    buffer: Vec<u8>,
    /// Where in `buffer` the next line starts.
    start: usize,
    /// Where after `start` the search for its end goes on.
    scanned: usize,
    /// The offset in the file of `start`.
    offset: u64,
    /// Bytes of the current line that were dropped because it is too long.
    cut: u64,
    /// So many bytes before `start` are those of the file, without a gap.
    behind: usize,
}

/// So many bytes of what was cut into lines are kept, for [`Lines::before`].
const KEPT: usize = 256;

/// One line, without its line end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) bytes: &'a [u8],
    /// Where it starts in the file.
    pub(super) offset: u64,
    /// Where the next one starts.
    pub(super) end: u64,
    /// How many bytes of it are missing.
    pub(super) cut: u64,
}

// === impl Lines ===

impl Lines {
    /// Lines of a file that is read from `offset` on.
    pub(super) fn new(offset: u64, max_bytes: usize) -> Self {
        Self {
            max_bytes,
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            offset,
            cut: 0,
            behind: 0,
        }
    }

    /// The `length` bytes of the file before the next line, if they are still here.
    pub(super) fn before(&self, offset: u64, length: usize) -> Option<&[u8]> {
        let known = offset == self.offset && length <= self.behind;
        known.then(|| &self.buffer[self.start - length..self.start])
    }

    /// The offset up to which bytes were pushed.
    pub(super) fn pushed(&self) -> u64 {
        self.offset + self.cut + (self.buffer.len() - self.start) as u64
    }

    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.behind = self.behind.min(KEPT);
        self.buffer.drain(..self.start - self.behind);
        self.start = self.behind;
        self.buffer.extend_from_slice(chunk);
    }

    /// The next line that has an end.
    pub(super) fn next_line(&mut self) -> Option<Line<'_>> {
        let searched = &self.buffer[self.start + self.scanned..];
        match memchr::memchr(b'\n', searched) {
            Some(at) => Some(self.take(self.scanned + at, 1)),
            None => {
                let length = self.buffer.len() - self.start;
                if length > self.max_bytes {
                    self.cut += (length - self.max_bytes) as u64;
                    self.buffer.truncate(self.start + self.max_bytes);
                }
                self.scanned = self.buffer.len() - self.start;
                None
            }
        }
    }

    /// What stands after the last line end, when nothing more will follow.
    pub(super) fn rest(&mut self) -> Option<Line<'_>> {
        let length = self.buffer.len() - self.start;
        (length > 0).then(|| self.take(length, 0))
    }

    fn take(&mut self, length: usize, line_end: usize) -> Line<'_> {
        let from = self.start;
        let kept = length.min(self.max_bytes);
        let cut = std::mem::take(&mut self.cut) + (length - kept) as u64;
        let offset = self.offset;
        self.start += length + line_end;
        self.behind = match cut {
            0 => self.behind + length + line_end,
            _ => 0,
        };
        self.scanned = 0;
        self.offset = offset + cut + (kept + line_end) as u64;
        let bytes = &self.buffer[from..from + kept];
        Line {
            bytes: bytes.strip_suffix(b"\r").unwrap_or(bytes),
            offset,
            end: self.offset,
            cut,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Found = (Vec<u8>, u64, u64, u64);

    fn lines(chunks: &[&[u8]], max: usize) -> Vec<Found> {
        let mut lines = Lines::new(100, max);
        let mut found = Vec::new();
        let own = |line: Line<'_>| (line.bytes.to_vec(), line.offset, line.end, line.cut);
        for chunk in chunks {
            lines.push(chunk);
            while let Some(line) = lines.next_line() {
                found.push(own(line));
            }
        }
        found.extend(lines.rest().map(own));
        found
    }

    #[test]
    fn offsets_count_every_byte_of_a_line_that_was_cut() {
        assert_eq!(
            lines(&[b"abcdefgh\nxy\n", b"z"], 4),
            [
                (b"abcd".to_vec(), 100, 109, 4),
                (b"xy".to_vec(), 109, 112, 0),
                (b"z".to_vec(), 112, 113, 0)
            ]
        );
    }

    proptest! {
        #[test]
        fn what_is_before_a_line_is_what_stands_there(text in "[a-c\n]{0,2000}", chunk in 1_usize..700, max in 1_usize..100) {
            let mut lines = Lines::new(0, max);
            for part in text.as_bytes().chunks(chunk) {
                lines.push(part);
                while let Some(end) = lines.next_line().map(|line| line.end) {
                    let at = usize::try_from(end).unwrap();
                    for length in [1, KEPT].into_iter().filter(|length| *length <= at) {
                        if let Some(before) = lines.before(end, length) {
                            prop_assert_eq!(before, &text.as_bytes()[at - length..at]);
                        }
                    }
                }
            }
        }

        #[test]
        fn any_chunking_gives_the_same_lines(
            text in "[a-c\n]{0,80}",
            cuts in prop::collection::vec(1_usize..7, 1..80),
            max in 1_usize..12,
        ) {
            let (mut chunks, mut rest) = (Vec::new(), text.as_bytes());
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (chunk, more) = rest.split_at((*cut).min(rest.len()));
                chunks.push(chunk);
                rest = more;
            }
            prop_assert_eq!(lines(&chunks, max), lines(&[text.as_bytes()], max));
        }
    }
}
