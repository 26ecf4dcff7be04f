//! The journal export format (systemd.io/JOURNAL_EXPORT_FORMATS): fields, and a blank line after each entry.
//!
//! ```text
//! __CURSOR=s=...\n
//! MESSAGE=text\n                          a value without line ends
//! MESSAGE\n<8 bytes, little endian>text\n   any value, by its length
//! \n
//! ```

/// Cuts a stream into entries. How it was chunked never changes them. An entry that the end of the stream cuts off
/// does not come out: it is read again, whole, from its cursor.
#[derive(Debug)]
pub(super) struct Export {
    max_bytes: usize,
    buffer: Vec<u8>,
    start: usize,
    fields: Vec<(String, Vec<u8>)>,
    /// Bytes of the values of the entry in hand.
    size: usize,
    cut: bool,
    /// Bytes of a value that is too long, still to be passed over.
    skip: usize,
}

/// One entry.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// Names and values in the order of the journal; a name may come more than once.
    pub(super) fields: Vec<(String, Vec<u8>)>,
    /// Values were left out because the entry is too long.
    pub(super) cut: bool,
}

// === impl Export ===

impl Export {
    /// Entries of up to so many bytes.
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            buffer: Vec::new(),
            start: 0,
            fields: Vec::new(),
            size: 0,
            cut: false,
            skip: 0,
        }
    }

    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(chunk);
    }

    /// The next whole entry.
    pub(super) fn next_entry(&mut self) -> Option<Entry> {
        loop {
            let passed = self.skip.min(self.buffer.len() - self.start);
            self.start += passed;
            self.skip -= passed;
            if self.skip > 0 {
                return None;
            }
            let rest = &self.buffer[self.start..];
            let Some(end) = memchr::memchr(b'\n', rest) else {
                self.bound_line();
                return None;
            };
            if end == 0 {
                self.start += 1;
                match self.take() {
                    Some(entry) => return Some(entry),
                    None => continue,
                }
            }
            let line = &rest[..end];
            match memchr::memchr(b'=', line) {
                Some(at) => {
                    let (name, value) = (text(&line[..at]), line[at + 1..].to_vec());
                    self.start += end + 1;
                    self.add(name, value);
                }
                None => {
                    let length = rest[end + 1..]
                        .first_chunk::<8>()
                        .copied()
                        .map(u64::from_le_bytes)?;
                    // A length that is absurd is passed over for what it says, like one that is only too long.
                    let length = usize::try_from(length).unwrap_or(usize::MAX - 16);
                    if length > self.max_bytes {
                        self.cut = true;
                        self.start += end + 9;
                        self.skip = length.saturating_add(1);
                        continue;
                    }
                    let value = rest.get(end + 9..end + 9 + length)?.to_vec();
                    // The line end behind the value.
                    rest.get(end + 9 + length)?;
                    let name = text(line);
                    self.start += end + 9 + length + 1;
                    self.add(name, value);
                }
            }
        }
    }

    fn add(&mut self, name: String, value: Vec<u8>) {
        if self.size + value.len() > self.max_bytes {
            self.cut = true;
            return;
        }
        self.size += name.len() + value.len();
        self.fields.push((name, value));
    }

    fn take(&mut self) -> Option<Entry> {
        self.size = 0;
        let cut = std::mem::take(&mut self.cut);
        let fields = std::mem::take(&mut self.fields);
        (!fields.is_empty()).then_some(Entry { fields, cut })
    }

    /// A line without an end is bounded like a value with a length.
    fn bound_line(&mut self) {
        let length = self.buffer.len() - self.start;
        if length > 2 * self.max_bytes {
            self.cut = true;
            // Keeps the name, so that the line is still a field once its end comes.
            let from = self.start + self.max_bytes;
            self.buffer.truncate(from);
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries(chunks: &[&[u8]], max: usize) -> Vec<Entry> {
        let (mut export, mut found) = (Export::new(max), Vec::new());
        for chunk in chunks {
            export.push(chunk);
            found.extend(std::iter::from_fn(|| export.next_entry()));
        }
        found
    }

    fn binary(name: &str, value: &[u8]) -> Vec<u8> {
        let mut out = format!("{name}\n").into_bytes();
        out.extend((value.len() as u64).to_le_bytes());
        out.extend(value);
        out.push(b'\n');
        out
    }

    #[test]
    fn values_with_and_without_a_length_are_read() {
        let mut stream = b"__CURSOR=s=1;i=2\nMESSAGE=one=two\n".to_vec();
        stream.extend(binary("STACK", b"a\nb\n\nc"));
        stream.extend(b"\n\n__CURSOR=x\n\n__CURSOR=torn\nMESS");
        let found = entries(&[&stream], 1000);
        assert_eq!(found.len(), 2);
        let fields = &found[0].fields;
        assert_eq!(fields[0], ("__CURSOR".into(), b"s=1;i=2".to_vec()));
        assert_eq!(fields[1], ("MESSAGE".into(), b"one=two".to_vec()));
        assert_eq!(fields[2], ("STACK".into(), b"a\nb\n\nc".to_vec()));
    }

    #[test]
    fn a_value_that_is_too_long_is_left_out_and_the_entry_says_so() {
        let mut stream = b"A=1\n".to_vec();
        stream.extend(binary("CORE", &[b'x'; 500]));
        stream.extend(b"B=2\n\nC=3\n\n");
        let found = entries(&[&stream], 100);
        let names: Vec<&str> = found[0].fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((names, found[0].cut), (vec!["A", "B"], true));
        assert!(!found[1].cut);
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_entries(
            values in prop::collection::vec(("[A-Z_]{1,6}", prop::collection::vec(any::<u8>(), 0..30), any::<bool>()), 0..20),
            cuts in prop::collection::vec(1_usize..9, 1..60),
        ) {
            let mut stream = Vec::new();
            for (name, value, ends) in &values {
                stream.extend(binary(name, value));
                if *ends {
                    stream.push(b'\n');
                }
            }
            let (mut chunks, mut rest) = (Vec::new(), stream.as_slice());
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (chunk, more) = rest.split_at((*cut).min(rest.len()));
                chunks.push(chunk);
                rest = more;
            }
            prop_assert_eq!(entries(&chunks, 20), entries(&[&stream], 20));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            entries(&[&bytes], 50);
        }
    }
}
