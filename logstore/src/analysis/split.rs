//! Tokenizers: where a text is cut.

use regex::Regex;
use tantivy::tokenizer::{TokenStream as _, Tokenizer as _};

use super::analyzer::Token;
use crate::engine::tokenizer::Standard;

/// A tokenizer.
#[derive(Debug, Clone)]
pub enum Splitter {
    /// Unicode's words; the longest token in characters.
    Standard(usize),
    /// The whole text is one token.
    Keyword,
    /// At white space.
    Whitespace,
    /// At everything that is no letter.
    Letter,
    /// At these characters.
    Chars(Vec<char>),
    /// At what matches; with a group, the group of what matches is the token.
    Pattern(Regex, Option<usize>),
    /// Every run of so many characters, of characters of these kinds.
    Ngram {
        /// Shortest run.
        min: usize,
        /// Longest run.
        max: usize,
        /// Only runs that start a token.
        edge: bool,
        /// Which characters belong to tokens.
        kinds: Vec<CharKind>,
    },
    /// Every leading part of a path.
    Path(char),
}

/// Kinds of characters, as `token_chars` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CharKind {
    /// Letters.
    Letter,
    /// Digits.
    Digit,
    /// White space.
    Whitespace,
    /// Punctuation.
    Punctuation,
    /// Symbols.
    Symbol,
}

impl CharKind {
    fn takes(self, c: char) -> bool {
        match self {
            Self::Letter => c.is_alphabetic(),
            Self::Digit => c.is_numeric(),
            Self::Whitespace => c.is_whitespace(),
            Self::Punctuation => c.is_ascii_punctuation() && !"$+<=>^`|~".contains(c),
            Self::Symbol => {
                "$+<=>^`|~".contains(c) || (!c.is_ascii() && !c.is_alphanumeric() && !c.is_whitespace())
            }
        }
    }
}

impl Splitter {
    /// The tokens of a text.
    pub fn split(&self, text: &str) -> Vec<Token> {
        let mut tokens = Vec::new();
        let mut push = |start: usize, end: usize| {
            if start < end {
                let position = tokens.len();
                tokens.push(Token {
                    text: text[start..end].to_owned(),
                    position,
                    start,
                    end,
                });
            }
        };
        match self {
            Self::Standard(longest) => return standard(text, *longest),
            Self::Keyword => push(0, text.len()),
            Self::Whitespace => runs(text, |c| !c.is_whitespace(), push),
            Self::Letter => runs(text, char::is_alphabetic, push),
            Self::Chars(marks) => runs(text, |c| !marks.contains(&c), push),
            Self::Pattern(pattern, None) => {
                let mut at = 0;
                for found in pattern.find_iter(text) {
                    push(at, found.start());
                    at = found.end();
                }
                push(at, text.len());
            }
            Self::Pattern(pattern, Some(group)) => {
                for found in pattern.captures_iter(text) {
                    if let Some(found) = found.get(*group) {
                        push(found.start(), found.end());
                    }
                }
            }
            Self::Ngram {
                min,
                max,
                edge,
                kinds,
            } => {
                let belongs = |c: char| kinds.is_empty() || kinds.iter().any(|kind| kind.takes(c));
                runs(text, belongs, |start, end| {
                    grams(text, start, end, (*min, *max), *edge, &mut push)
                });
            }
            Self::Path(mark) => {
                for (place, _) in text.match_indices(*mark).filter(|(place, _)| *place > 0) {
                    push(0, place);
                }
                push(0, text.len());
                // Each part stands where the path starts.
                tokens.iter_mut().for_each(|token| token.position = 0);
            }
        }
        tokens
    }
}

/// Calls `push` with every longest run of characters that belong to tokens.
fn runs(text: &str, belongs: impl Fn(char) -> bool, mut push: impl FnMut(usize, usize)) {
    let mut start = None;
    for (place, c) in text.char_indices() {
        match (belongs(c), start) {
            (true, None) => start = Some(place),
            (false, Some(from)) => {
                push(from, place);
                start = None;
            }
            _ => {}
        }
    }
    if let Some(from) = start {
        push(from, text.len());
    }
}

/// Every run of `min` to `max` characters of a stretch.
pub(super) fn grams(
    text: &str,
    start: usize,
    end: usize,
    (min, max): (usize, usize),
    edge: bool,
    push: &mut impl FnMut(usize, usize),
) {
    let mut places: Vec<usize> = text[start..end]
        .char_indices()
        .map(|(place, _)| start + place)
        .collect();
    places.push(end);
    let chars = places.len() - 1;
    for from in 0..if edge { chars.min(1) } else { chars } {
        for length in min..=max.min(chars - from) {
            push(places[from], places[from + length]);
        }
    }
}

fn standard(text: &str, longest: usize) -> Vec<Token> {
    let mut tokenizer = Standard::default();
    let mut stream = tokenizer.token_stream(text);
    let mut tokens: Vec<Token> = Vec::new();
    while stream.advance() {
        let token = stream.token();
        let mut start = token.offset_from;
        // A token that is too long is cut into several, as in Elasticsearch.
        while start < token.offset_to {
            let rest = &text[start..token.offset_to];
            let end = rest
                .char_indices()
                .nth(longest)
                .map_or(token.offset_to, |(place, _)| start + place);
            let position = tokens.len();
            tokens.push(Token {
                text: text[start..end].to_owned(),
                position,
                start,
                end,
            });
            start = end;
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(splitter: &Splitter, text: &str) -> Vec<String> {
        splitter.split(text).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn each_tokenizer_cuts_where_elasticsearch_cuts() {
        assert_eq!(words(&Splitter::Whitespace, " a-b  C "), ["a-b", "C"]);
        assert_eq!(words(&Splitter::Letter, "a1b é"), ["a", "b", "é"]);
        assert_eq!(words(&Splitter::Keyword, "a b"), ["a b"]);
        assert!(words(&Splitter::Keyword, "").is_empty());
        let pattern = Regex::new(r"\W+").unwrap();
        assert_eq!(
            words(&Splitter::Pattern(pattern, None), "a, b;c"),
            ["a", "b", "c"]
        );
        let group = Regex::new(r#""(.*?)""#).unwrap();
        assert_eq!(
            words(&Splitter::Pattern(group, Some(1)), r#""x" y "z""#),
            ["x", "z"]
        );
        assert_eq!(words(&Splitter::Path('/'), "/a/b"), ["/a", "/a/b"]);
        let grams = Splitter::Ngram {
            min: 2,
            max: 3,
            edge: false,
            kinds: vec![CharKind::Letter],
        };
        assert_eq!(words(&grams, "abc d"), ["ab", "abc", "bc"]);
        assert_eq!(words(&Splitter::Standard(3), "abcdé f"), ["abc", "dé", "f"]);
    }
}
