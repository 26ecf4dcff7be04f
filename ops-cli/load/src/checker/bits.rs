//! A growing set of message numbers, one bit each: a seat's memory of an hour costs kilobytes.

/// A set of small numbers.
#[derive(Debug, Default)]
pub(super) struct Bits {
    words: Vec<u64>,
}

// === impl Bits ===

impl Bits {
    /// Puts a number in; whether it is new.
    pub(super) fn insert(&mut self, number: u32) -> bool {
        let (word, bit) = place(number);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        new
    }

    /// Whether a number is in it.
    pub(super) fn contains(&self, number: u32) -> bool {
        let (word, bit) = place(number);
        self.words.get(word).is_some_and(|found| found & bit != 0)
    }
}

fn place(number: u32) -> (usize, u64) {
    (number as usize / 64, 1 << (number % 64))
}
