//! `query_string` and `simple_query_string`: Lucene's syntax with the options of the query language.
//!
//! The syntax is read by [`lucene`]; what the options say is written into the tree that comes out.

use super::ast::{Fuzziness, MultiKind, Operator, Query};
use super::lucene::{self, Flavor};
use crate::error::{ApiError, ApiResult};

/// Characters that mean something to `query_string`.
const SPECIAL: &str = r#"+-=&|><!(){}[]^"~*?:\/"#;

/// The operators of `simple_query_string` that `flags` can turn off, with their characters.
const FLAGS: &[(&str, &str)] = &[
    ("AND", "+"),
    ("NOT", "-"),
    ("OR", "|"),
    ("PREFIX", "*"),
    ("PHRASE", "\""),
    ("PRECEDENCE", "()"),
    ("ESCAPE", "\\"),
    ("WHITESPACE", ""),
    ("FUZZY", ""),
    ("NEAR", "~"),
    ("SLOP", "~"),
];

/// What is said beside the text.
#[derive(Debug, Clone)]
pub struct Options {
    /// Fields of words without a field.
    pub fields: Vec<(String, f32)>,
    /// How words are combined.
    pub operator: Operator,
    /// Which of the two syntaxes.
    pub flavor: Flavor,
    /// Values that do not fit a field's type match nothing instead of being errors.
    pub lenient: bool,
    /// `minimum_should_match` of the outermost clauses.
    pub minimum: Option<String>,
    /// How far words of a phrase may be apart unless the text says so.
    pub slop: u32,
    /// Edits of `word~`.
    pub fuzziness: Option<Fuzziness>,
    /// How several fields count together.
    pub kind: MultiKind,
    /// What part of the scores of the other fields is added to the best.
    pub tie_breaker: Option<f32>,
    /// The analyzer of the words.
    pub analyzer: Option<String>,
    /// The time zone of dates.
    pub time_zone: Option<String>,
    /// Characters of operators that are turned off.
    pub literal: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            fields: vec![("*".to_owned(), 1.0)],
            operator: Operator::Or,
            flavor: Flavor::Full,
            lenient: false,
            minimum: None,
            slop: 0,
            fuzziness: None,
            kind: MultiKind::Best,
            tie_breaker: None,
            analyzer: None,
            time_zone: None,
            literal: String::new(),
        }
    }
}

// === impl Options ===

impl Options {
    /// Turns every operator off.
    pub fn escape(&mut self) {
        SPECIAL.clone_into(&mut self.literal);
    }

    /// Turns the operators off that are not among `A|B|C`.
    pub fn flags(&mut self, text: &str) -> ApiResult<()> {
        let mut allowed = Vec::new();
        for flag in text.split('|').map(|flag| flag.trim().to_uppercase()) {
            match flag.as_str() {
                "ALL" | "-1" => return Ok(()),
                "NONE" | "" => {}
                known if FLAGS.iter().any(|(name, _)| *name == known) => allowed.push(flag),
                _ => {
                    return Err(ApiError::argument(format!(
                        "Unknown simple_query_string flag [{flag}]"
                    )));
                }
            }
        }
        for (name, characters) in FLAGS {
            let on = allowed.iter().any(|flag| flag == name)
                || *characters == "~"
                    && allowed
                        .iter()
                        .any(|flag| matches!(flag.as_str(), "FUZZY" | "NEAR" | "SLOP"));
            if !on {
                self.literal.push_str(characters);
            }
        }
        Ok(())
    }

    /// Reads a text.
    pub fn parse(&self, text: &str) -> ApiResult<Query> {
        let escaped;
        let text = if self.literal.is_empty() {
            text
        } else {
            escaped = escape(text, &self.literal);
            &escaped
        };
        let mut query = lucene::parse(text, &self.fields, self.operator, self.flavor)?;
        if let (Some(minimum), Query::Bool(clauses)) = (&self.minimum, &mut query)
            && !clauses.should.is_empty()
        {
            clauses.minimum = Some(minimum.clone());
        }
        self.apply(&mut query);
        Ok(query)
    }

    fn apply(&self, query: &mut Query) {
        match query {
            Query::Match { words, .. } => {
                words.lenient |= self.lenient;
                words.analyzer.clone_from(&self.analyzer);
            }
            Query::MultiMatch(multi) => {
                multi.words.lenient |= self.lenient;
                multi.words.analyzer.clone_from(&self.analyzer);
                multi.tie_breaker = self.tie_breaker;
                if multi.kind == MultiKind::Best {
                    multi.kind = self.kind;
                } else if multi.slop == 0 {
                    multi.slop = self.slop;
                }
            }
            Query::Phrase { slop, .. } if *slop == 0 => *slop = self.slop,
            Query::Fuzzy { fuzziness, .. } => {
                if let Some(own) = self.fuzziness {
                    *fuzziness = own;
                }
            }
            Query::Range(range) if self.time_zone.is_some() => range.time_zone.clone_from(&self.time_zone),
            _ => {}
        }
        let applied: Result<(), std::convert::Infallible> = query.each_child_mut(&mut |child| {
            self.apply(child);
            Ok(())
        });
        match applied {
            Ok(()) => {}
            Err(never) => match never {},
        }
    }
}

fn escape(text: &str, literal: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if literal.contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
