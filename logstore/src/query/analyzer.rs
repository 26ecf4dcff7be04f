//! The analyzers that a query or `_analyze` can name.

use tantivy::tokenizer::{
    LowerCaser, RawTokenizer, RemoveLongFilter, SimpleTokenizer, StopWordFilter, TextAnalyzer, Token,
    TokenStream as _, WhitespaceTokenizer,
};

use crate::engine::tokenizer::{self, Standard};
use crate::error::{ApiError, ApiResult};

/// Lucene's English stop words.
const STOP_WORDS: &[&str] = &[
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no",
    "not", "of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to",
    "was", "will", "with",
];

/// Longest token, in bytes.
const MAX_TOKEN: usize = 1_020;

/// An analyzer by its name.
pub fn analyzer(name: &str) -> Option<TextAnalyzer> {
    Some(match name {
        "standard" | "default" => tokenizer::standard(),
        "simple" => TextAnalyzer::builder(SimpleTokenizer::default())
            .filter(LowerCaser)
            .build(),
        "whitespace" => TextAnalyzer::builder(WhitespaceTokenizer::default())
            .filter(RemoveLongFilter::limit(MAX_TOKEN))
            .build(),
        "keyword" => TextAnalyzer::builder(RawTokenizer::default()).build(),
        "stop" => TextAnalyzer::builder(Standard::default())
            .filter(LowerCaser)
            .filter(StopWordFilter::remove(
                STOP_WORDS.iter().map(|word| (*word).to_owned()),
            ))
            .build(),
        _ => return None,
    })
}

/// The tokens of a text.
pub fn tokens(text: &str, name: Option<&str>) -> ApiResult<Vec<String>> {
    Ok(full_tokens(text, name)?
        .into_iter()
        .map(|token| token.text)
        .collect())
}

/// The tokens of a text with their places.
pub fn full_tokens(text: &str, name: Option<&str>) -> ApiResult<Vec<Token>> {
    let name = name.unwrap_or("standard");
    let mut analyzer = analyzer(name)
        .ok_or_else(|| ApiError::argument(format!("failed to find global analyzer [{name}]")))?;
    let mut stream = analyzer.token_stream(text);
    let mut tokens = Vec::new();
    stream.process(&mut |token| tokens.push(token.clone()));
    Ok(tokens)
}
