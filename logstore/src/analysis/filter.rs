//! Token filters: what happens to tokens after a text was cut.

use std::collections::HashSet;

use regex::Regex;
use tantivy::tokenizer::{AsciiFoldingFilter, Language, RawTokenizer, Stemmer, TextAnalyzer};

use super::analyzer::Token;
use super::split::grams;

/// The stop words of Lucene's English analyzer.
pub const ENGLISH_STOP_WORDS: &[&str] = &[
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no",
    "not", "of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to",
    "was", "will", "with",
];

/// A token filter.
#[derive(Clone)]
pub enum Filter {
    /// Lower case.
    Lowercase,
    /// Upper case.
    Uppercase,
    /// `é` becomes `e`.
    AsciiFolding(TextAnalyzer),
    /// These words go; whether case matters is decided when the list is made.
    Stop(HashSet<String>, bool),
    /// A word's stem.
    Stem(TextAnalyzer),
    /// `'s` goes.
    Possessive,
    /// White space around goes.
    Trim,
    /// Only tokens of so many characters stay.
    Length(usize, usize),
    /// Tokens are cut after so many characters.
    Truncate(usize),
    /// A token that came before goes; with `true` only at the same place.
    Unique(bool),
    /// Back to front.
    Reverse,
    /// What matches is replaced, everywhere or once.
    PatternReplace(Regex, String, bool),
    /// Runs of characters instead of tokens.
    Ngram(usize, usize, bool),
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Lowercase => "lowercase",
            Self::Uppercase => "uppercase",
            Self::AsciiFolding(_) => "asciifolding",
            Self::Stop(..) => "stop",
            Self::Stem(_) => "stemmer",
            Self::Possessive => "possessive",
            Self::Trim => "trim",
            Self::Length(..) => "length",
            Self::Truncate(_) => "truncate",
            Self::Unique(_) => "unique",
            Self::Reverse => "reverse",
            Self::PatternReplace(..) => "pattern_replace",
            Self::Ngram(..) => "ngram",
        })
    }
}

// === impl Filter ===

impl Filter {
    /// Folds to ASCII.
    pub fn ascii_folding() -> Self {
        Self::AsciiFolding(
            TextAnalyzer::builder(RawTokenizer::default())
                .filter(AsciiFoldingFilter)
                .build(),
        )
    }

    /// English stems.
    pub fn english_stems() -> Self {
        Self::Stem(
            TextAnalyzer::builder(RawTokenizer::default())
                .filter(Stemmer::new(Language::English))
                .build(),
        )
    }

    /// Lucene's English stop words.
    pub fn english_stop() -> Self {
        Self::Stop(
            ENGLISH_STOP_WORDS.iter().map(|word| (*word).to_owned()).collect(),
            false,
        )
    }

    /// Whether it changes letters without looking at the whole token, so that it also fits part of one.
    pub fn is_letterwise(&self) -> bool {
        matches!(self, Self::Lowercase | Self::Uppercase | Self::AsciiFolding(_))
    }

    /// Filters tokens.
    pub fn apply(&self, mut tokens: Vec<Token>) -> Vec<Token> {
        match self {
            Self::Lowercase => each(&mut tokens, |text| text.to_lowercase()),
            Self::Uppercase => each(&mut tokens, |text| text.to_uppercase()),
            Self::AsciiFolding(one) | Self::Stem(one) => {
                let mut one = one.clone();
                each(&mut tokens, |text| {
                    let mut out = String::new();
                    one.token_stream(text)
                        .process(&mut |token| out.push_str(&token.text));
                    out
                });
            }
            Self::Stop(words, ignore_case) => tokens.retain(|token| {
                !if *ignore_case {
                    words.contains(&token.text.to_lowercase())
                } else {
                    words.contains(&token.text)
                }
            }),
            Self::Possessive => each(&mut tokens, |text| {
                let plain = ["'s", "'S", "’s", "’S"]
                    .iter()
                    .find_map(|end| text.strip_suffix(end));
                plain.unwrap_or(text).to_owned()
            }),
            Self::Trim => each(&mut tokens, |text| text.trim().to_owned()),
            Self::Length(min, max) => {
                tokens.retain(|token| (*min..=*max).contains(&token.text.chars().count()))
            }
            Self::Truncate(length) => each(&mut tokens, |text| text.chars().take(*length).collect()),
            Self::Unique(same_position) => {
                let mut seen = HashSet::new();
                tokens.retain(|token| {
                    let place = if *same_position { token.position } else { 0 };
                    seen.insert((place, token.text.clone()))
                });
            }
            Self::Reverse => each(&mut tokens, |text| text.chars().rev().collect()),
            Self::PatternReplace(pattern, to, all) => each(&mut tokens, |text| {
                if *all {
                    pattern.replace_all(text, to.as_str())
                } else {
                    pattern.replace(text, to.as_str())
                }
                .into_owned()
            }),
            Self::Ngram(min, max, edge) => {
                let mut out = Vec::new();
                for token in &tokens {
                    grams(
                        &token.text,
                        0,
                        token.text.len(),
                        (*min, *max),
                        *edge,
                        &mut |from, to| {
                            out.push(Token {
                                text: token.text[from..to].to_owned(),
                                ..token.clone()
                            });
                        },
                    );
                }
                return out;
            }
        }
        tokens
    }
}

fn each(tokens: &mut [Token], mut change: impl FnMut(&str) -> String) {
    for token in tokens {
        token.text = change(&token.text);
    }
}
