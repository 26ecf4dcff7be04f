//! What a query looks for, and where it is in a text.

use regex::Regex;
use tantivy::tokenizer::TokenStream as _;

use crate::engine::tokenizer;
use crate::mapping::{Field, Kind, pattern};
use crate::query::ast::{Fuzziness, Pattern, Query};
use crate::query::{dsl, terms};

/// Something that is looked for.
#[derive(Debug, Clone)]
pub enum Mark {
    /// Words.
    Text(String),
    /// Words next to one another.
    Phrase {
        /// The words.
        text: String,
        /// How far they may be apart.
        slop: u32,
        /// Whether the last one is a prefix.
        prefix: bool,
    },
    /// One exact term.
    Exact(String),
    /// Terms of a shape.
    Shaped(Pattern, bool),
    /// Terms a few edits away.
    Fuzzy(String, u8),
}

/// A match in a text, in bytes; `term` tells what was matched, for scores of fragments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Where it starts.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What was matched.
    pub term: String,
}

/// Everything looked for in one field.
#[derive(Debug, Default)]
pub struct Wanted {
    words: Vec<String>,
    exact: Vec<String>,
    phrases: Vec<(Vec<String>, u32, bool)>,
    shapes: Vec<Regex>,
    fuzzy: Vec<(String, u8)>,
}

/// What a query looks for, with the field or the wildcard over fields that it looks in.
pub fn collect(query: &Query) -> Vec<(String, Mark)> {
    let mut out = Vec::new();
    walk(query, &mut out);
    out
}

fn walk(query: &Query, out: &mut Vec<(String, Mark)>) {
    match query {
        Query::Term {
            field,
            value,
            ignore_case,
        } => {
            let text = dsl::text(value);
            out.push((
                field.clone(),
                if *ignore_case {
                    Mark::Shaped(Pattern::Regexp(regex::escape(&text)), true)
                } else {
                    Mark::Exact(text)
                },
            ));
        }
        Query::Terms { field, values } => {
            out.extend(
                values
                    .iter()
                    .map(|value| (field.clone(), Mark::Exact(dsl::text(value)))),
            );
        }
        Query::Match { field, text, words } => {
            out.push((field.clone(), Mark::Text(text.clone())));
            if let Some(fuzziness) = words.fuzziness {
                fuzzy_words(field, text, fuzziness, out);
            }
            if words.prefix
                && let Some(last) = tokenizer::tokens(text).pop()
            {
                out.push((field.clone(), Mark::Shaped(Pattern::Prefix(last), false)));
            }
        }
        Query::Phrase {
            field,
            text,
            slop,
            prefix,
        } => out.push((
            field.clone(),
            Mark::Phrase {
                text: text.clone(),
                slop: *slop,
                prefix: *prefix,
            },
        )),
        Query::MultiMatch(multi) => {
            use crate::query::ast::MultiKind;
            for (field, _) in &multi.fields {
                let phrase = |prefix| Mark::Phrase {
                    text: multi.text.clone(),
                    slop: multi.slop,
                    prefix,
                };
                out.push((
                    field.clone(),
                    match multi.kind {
                        MultiKind::Phrase => phrase(false),
                        MultiKind::PhrasePrefix => phrase(true),
                        _ => Mark::Text(multi.text.clone()),
                    },
                ));
                if let Some(fuzziness) = multi.words.fuzziness {
                    fuzzy_words(field, &multi.text, fuzziness, out);
                }
            }
        }
        Query::Pattern {
            field,
            pattern,
            ignore_case,
        } => {
            out.push((field.clone(), Mark::Shaped(pattern.clone(), *ignore_case)));
        }
        Query::Fuzzy {
            field,
            text,
            fuzziness,
            ..
        } => out.push((field.clone(), Mark::Fuzzy(text.clone(), fuzziness.edits(text)))),
        Query::Bool(clauses) => {
            for query in clauses.must.iter().chain(&clauses.filter).chain(&clauses.should) {
                walk(query, out);
            }
        }
        Query::DisMax { queries, .. } => queries.iter().for_each(|query| walk(query, out)),
        Query::Scored(scored) => walk(&scored.query, out),
        Query::Constant(inner, _) | Query::Boost(inner, _) | Query::Named(inner, _) => walk(inner, out),
        Query::Nested { query, .. } => walk(query, out),
        _ => {}
    }
}

fn fuzzy_words(field: &str, text: &str, fuzziness: Fuzziness, out: &mut Vec<(String, Mark)>) {
    for word in tokenizer::tokens(text) {
        let edits = fuzziness.edits(&word);
        out.push((field.to_owned(), Mark::Fuzzy(word, edits)));
    }
}

// === impl Wanted ===

impl Wanted {
    /// What concerns a field: of the named fields, or whatever field it was looked for in.
    pub fn of(marks: &[(String, Mark)], field: &Field, names: Option<&Vec<&str>>) -> Self {
        let mut wanted = Self::default();
        let analysed = field.kind == Kind::Text;
        for (name, mark) in marks {
            if names.is_some_and(|names| !names.iter().any(|one| pattern::matches(name, one))) {
                continue;
            }
            match mark {
                Mark::Text(text) if analysed => wanted.words.extend(tokenizer::tokens(text)),
                Mark::Phrase { text, slop, prefix } if analysed => {
                    let tokens = tokenizer::tokens(text);
                    if !tokens.is_empty() {
                        wanted.phrases.push((tokens, *slop, *prefix));
                    }
                }
                Mark::Phrase {
                    text, prefix: true, ..
                } => {
                    wanted.shapes.extend(shape(&Pattern::Prefix(text.clone()), false));
                }
                Mark::Text(text) | Mark::Phrase { text, .. } | Mark::Exact(text) => {
                    wanted.exact.push(text.clone())
                }
                Mark::Shaped(pattern, ignore_case) => {
                    wanted.shapes.extend(shape(pattern, *ignore_case || analysed))
                }
                Mark::Fuzzy(text, distance) => wanted.fuzzy.push((text.clone(), *distance)),
            }
        }
        wanted
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
            && self.exact.is_empty()
            && self.phrases.is_empty()
            && self.shapes.is_empty()
            && self.fuzzy.is_empty()
    }

    fn takes(&self, term: &str) -> bool {
        self.words.iter().chain(&self.exact).any(|word| word == term)
            || self.shapes.iter().any(|shape| shape.is_match(term))
            || self
                .fuzzy
                .iter()
                .any(|(word, distance)| is_near(word, term, usize::from(*distance)))
    }

    /// Where it is in a text, in order and without overlaps.
    pub fn find(&self, text: &str, field: &Field) -> Vec<Span> {
        if field.kind != Kind::Text {
            return if self.takes(text) {
                vec![Span {
                    start: 0,
                    end: text.len(),
                    term: text.to_owned(),
                }]
            } else {
                Vec::new()
            };
        }
        let mut tokens: Vec<Span> = Vec::new();
        let mut analyzer = tokenizer::standard();
        let mut stream = analyzer.token_stream(text);
        stream.process(&mut |token| {
            tokens.push(Span {
                start: token.offset_from,
                end: token.offset_to,
                term: token.text.clone(),
            });
        });
        let mut marked: Vec<bool> = tokens.iter().map(|token| self.takes(&token.term)).collect();
        for (words, slop, prefix) in &self.phrases {
            mark_phrase(words, *slop as usize, *prefix, &tokens, &mut marked);
        }
        tokens
            .into_iter()
            .zip(marked)
            .filter_map(|(token, is_marked)| is_marked.then_some(token))
            .collect()
    }
}

fn mark_phrase(words: &[String], slop: usize, prefix: bool, tokens: &[Span], marked: &mut [bool]) {
    let fits = |place: usize, token: &str| {
        if prefix && place + 1 == words.len() {
            token.starts_with(words[place].as_str())
        } else {
            token == words[place]
        }
    };
    if slop == 0 {
        for start in 0..=tokens.len().saturating_sub(words.len()) {
            let here = (0..words.len()).all(|place| {
                tokens
                    .get(start + place)
                    .is_some_and(|token| fits(place, &token.term))
            });
            if here {
                marked[start..start + words.len()].fill(true);
            }
        }
        return;
    }
    // With slop: each word at its place, give or take; what counts is how far the places are spread.
    for start in 0..tokens.len() {
        if !(0..words.len()).any(|place| fits(place, &tokens[start].term)) {
            continue;
        }
        let window = start..tokens.len().min(start + words.len() + slop);
        let found: Vec<Option<usize>> = (0..words.len())
            .map(|place| window.clone().find(|at| fits(place, &tokens[*at].term)))
            .collect();
        if found.iter().all(Option::is_some) {
            for at in found.into_iter().flatten() {
                marked[at] = true;
            }
        }
    }
}

fn shape(pattern: &Pattern, ignore_case: bool) -> Option<Regex> {
    let expression = terms::expression(pattern).ok()?;
    let flags = if ignore_case { "(?is)" } else { "(?s)" };
    Regex::new(&format!("{flags}^(?:{expression})$")).ok()
}

/// Whether two words are at most so many edits apart, a swap of neighbours being one.
pub fn is_near(a: &str, b: &str, distance: usize) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > distance {
        return false;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            next[j] = (row[j] + 1).min(next[j - 1] + 1).min(row[j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                next[j] = next[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()] <= distance
}
