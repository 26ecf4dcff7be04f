//! One analyzer.

use super::chars::CharFilter;
use super::filter::Filter;
use super::split::Splitter;

/// A token of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What is indexed.
    pub text: String,
    /// Its place among the tokens; what a filter removed leaves a gap.
    pub position: usize,
    /// Where it starts in the text, in bytes (of the filtered text, if a character filter changed its length).
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// Character filters, a tokenizer and token filters; or for a normalizer no tokenizer but the whole text.
#[derive(Debug, Clone)]
pub struct Analyzer {
    /// Its name in mappings.
    pub name: String,
    pub(super) chars: Vec<CharFilter>,
    pub(super) splitter: Splitter,
    pub(super) filters: Vec<Filter>,
    /// Whether the streaming analyzer does the same.
    pub(super) builtin_standard: bool,
}

// === impl Analyzer ===

impl Analyzer {
    pub(super) fn new(name: &str, splitter: Splitter, filters: Vec<Filter>) -> Self {
        Self {
            name: name.to_owned(),
            chars: Vec::new(),
            splitter,
            filters,
            builtin_standard: false,
        }
    }

    /// Whether it does what the streaming `standard` analyzer does.
    pub fn is_standard(&self) -> bool {
        self.builtin_standard
    }

    /// The tokens of a text, in order.
    pub fn tokens(&self, text: &str) -> Vec<Token> {
        let mut changed = None;
        for filter in &self.chars {
            changed = Some(filter.apply(changed.as_deref().unwrap_or(text)));
        }
        let mut tokens = self.splitter.split(changed.as_deref().unwrap_or(text));
        for filter in &self.filters {
            tokens = filter.apply(tokens);
        }
        tokens
    }

    /// The whole text as one term: what a normalizer makes of a keyword.
    pub fn normalize(&self, text: &str) -> String {
        self.tokens(text).into_iter().map(|token| token.text).collect()
    }

    /// What becomes of a part of a term, such as a prefix: only the filters that work letter by letter.
    pub fn normalize_part(&self, text: &str) -> String {
        let whole = Token {
            text: text.to_owned(),
            position: 0,
            start: 0,
            end: text.len(),
        };
        let letters = self.filters.iter().filter(|filter| filter.is_letterwise());
        let tokens = letters.fold(vec![whole], |tokens, filter| filter.apply(tokens));
        tokens.into_iter().map(|token| token.text).collect()
    }
}
