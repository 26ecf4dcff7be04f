//! What tantivy calls for each text: the `standard` analyzer, or the one that the text is marked with.
//!
//! Every text field of an index lies in one field of tantivy, which has one tokenizer. So a text whose mapping names
//! another analyzer than `standard` comes with the analyzer's name in front ([`marked`]), and [`Analyzing`] looks
//! it up. The `standard` analyzer streams: words by Unicode's rules (UAX #29, the part that matters to logs), lower-cased.
//!
//! A letter run keeps inner `.`, `'` and `:` between letters and `.`, `,` between digits, so that
//! `guilds.owner`, `10.0.0.1` and `3.14` are one token each, as in Elasticsearch; `_` joins; everything else
//! separates. Ideographs are tokens of their own.

use std::sync::{Arc, PoisonError, RwLock};

use tantivy::tokenizer::{LowerCaser, TextAnalyzer, Token, TokenStream, Tokenizer};

use crate::analysis::{self, Analysis, Analyzer};

/// The analyzer's name in the schema.
pub const STANDARD: &str = "standard";

/// Elasticsearch's `max_token_length`.
const MAX_TOKEN_CHARS: usize = 255;

/// Stands before and after an analyzer's name.
const MARK: char = '\u{1}';

/// The analyzers of one index; they change only while the index is closed.
pub type SharedAnalysis = Arc<RwLock<Arc<Analysis>>>;

/// A text, with its analyzer's name in front if that is not `standard`.
pub fn marked(analyzer: Option<&Analyzer>, text: Arc<str>) -> Arc<str> {
    match analyzer {
        Some(analyzer) => format!("{MARK}{}{MARK}{text}", analyzer.name).into(),
        // A text that happens to start with the mark must not be taken for a marked one.
        None if text.starts_with(MARK) => format!("{MARK}{MARK}{text}").into(),
        None => text,
    }
}

/// The tokenizer of the text family.
pub fn analyzing(analysis: SharedAnalysis) -> TextAnalyzer {
    TextAnalyzer::builder(Analyzing {
        analysis,
        standard: Standard::default(),
        token: Token::default(),
    })
    .build()
}

/// Calls the analyzer that a text is marked with.
#[derive(Clone)]
struct Analyzing {
    analysis: SharedAnalysis,
    standard: Standard,
    token: Token,
}

/// The tokens of one text.
enum Stream<'a> {
    Words(Words<'a>),
    Listed(std::vec::IntoIter<analysis::Token>, &'a mut Token),
}

impl Tokenizer for Analyzing {
    type TokenStream<'a> = Stream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Stream<'a> {
        let Some((name, body)) = text.strip_prefix(MARK).and_then(|rest| rest.split_once(MARK)) else {
            return Stream::Words(self.standard.token_stream(text));
        };
        let analyzer = self
            .analysis
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .analyzer(name);
        match analyzer {
            Some(analyzer) => {
                self.token.reset();
                Stream::Listed(analyzer.tokens(body).into_iter(), &mut self.token)
            }
            None => Stream::Words(self.standard.token_stream(body)),
        }
    }
}

impl TokenStream for Stream<'_> {
    fn advance(&mut self) -> bool {
        match self {
            Self::Words(words) => {
                let more = words.advance();
                lower_case(&mut words.token.text);
                more
            }
            Self::Listed(tokens, token) => match tokens.next() {
                Some(next) => {
                    (token.text, token.position) = (next.text, next.position);
                    (token.offset_from, token.offset_to) = (next.start, next.end);
                    true
                }
                None => false,
            },
        }
    }

    fn token(&self) -> &Token {
        match self {
            Self::Words(words) => words.token(),
            Self::Listed(_, token) => token,
        }
    }

    fn token_mut(&mut self) -> &mut Token {
        match self {
            Self::Words(words) => words.token_mut(),
            Self::Listed(_, token) => token,
        }
    }
}

fn lower_case(text: &mut String) {
    if text.is_ascii() {
        text.make_ascii_lowercase();
    } else {
        *text = text.to_lowercase();
    }
}

/// The `standard` analyzer.
pub fn standard() -> TextAnalyzer {
    TextAnalyzer::builder(Standard::default())
        .filter(LowerCaser)
        .build()
}

/// The tokens of a text.
pub fn tokens(text: &str) -> Vec<String> {
    let mut analyzer = standard();
    let mut stream = analyzer.token_stream(text);
    let mut tokens = Vec::new();
    stream.process(&mut |token| tokens.push(token.text.clone()));
    tokens
}

/// Splits text into words.
#[derive(Debug, Clone, Default)]
pub struct Standard {
    token: Token,
}

/// The words of one text.
#[derive(Debug)]
pub struct Words<'a> {
    text: &'a str,
    at: usize,
    token: &'a mut Token,
}

impl Tokenizer for Standard {
    type TokenStream<'a> = Words<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Words<'a> {
        self.token.reset();
        Words {
            text,
            at: 0,
            token: &mut self.token,
        }
    }
}

fn is_ideograph(c: char) -> bool {
    matches!(u32::from(c), 0x3040..=0x309F | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3134F)
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Whether `mid` joins the characters around it.
fn joins(before: char, mid: char, after: char) -> bool {
    match mid {
        '.' | '\'' | '’' if before.is_alphabetic() && after.is_alphabetic() => true,
        ':' => before.is_alphabetic() && after.is_alphabetic(),
        '.' | ',' | '\'' | ';' => before.is_numeric() && after.is_numeric(),
        _ => false,
    }
}

impl Words<'_> {
    /// The end of the word that starts at `start`.
    fn end_of_word(&self, start: usize) -> usize {
        let rest = &self.text[start..];
        let mut chars = rest.char_indices().peekable();
        let mut before = '_';
        let mut count = 0;
        while let Some((offset, c)) = chars.next() {
            count += 1;
            if count > MAX_TOKEN_CHARS || (offset > 0 && is_ideograph(c)) {
                return start + offset;
            }
            if is_word(c) {
                if is_ideograph(c) {
                    return start + c.len_utf8();
                }
                before = c;
                continue;
            }
            match chars.peek() {
                Some((_, after)) if joins(before, c, *after) && !is_ideograph(*after) => {}
                _ => return start + offset,
            }
        }
        self.text.len()
    }
}

impl TokenStream for Words<'_> {
    fn advance(&mut self) -> bool {
        self.token.text.clear();
        while let Some(skipped) = self.text[self.at..].find(is_word) {
            let start = self.at + skipped;
            let end = self.end_of_word(start);
            self.at = end;
            let word = &self.text[start..end];
            // A run of underscores alone is no word.
            if word.bytes().all(|b| b == b'_') {
                continue;
            }
            self.token.position = self.token.position.wrapping_add(1);
            self.token.offset_from = start;
            self.token.offset_to = end;
            self.token.text.push_str(word);
            return true;
        }
        false
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_those_of_elasticsearch() {
        assert_eq!(tokens("Hello, World!"), ["hello", "world"]);
        assert_eq!(
            tokens("connect 10.0.0.1:9200 failed"),
            ["connect", "10.0.0.1", "9200", "failed"]
        );
        assert_eq!(tokens("guilds.owner started."), ["guilds.owner", "started"]);
        assert_eq!(
            tokens("user_id=42 don't /var/log/x.log"),
            ["user_id", "42", "don't", "var", "log", "x.log"]
        );
        assert_eq!(tokens("日本 x"), ["日", "本", "x"]);
        assert_eq!(tokens("___ a"), ["a"]);
        assert_eq!(tokens(""), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn any_text_is_split_without_panic_and_tokens_are_in_order(text in ".{0,80}") {
            let mut tokenizer = Standard::default();
            let mut stream = tokenizer.token_stream(&text);
            let mut last = 0;
            while stream.advance() {
                prop_assert!(stream.token().offset_from >= last);
                last = stream.token().offset_to;
            }
        }
    }
}
