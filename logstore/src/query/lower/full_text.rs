//! Words and phrases, in one field and in several.

use tantivy::Term;
use tantivy::query::{AllQuery, BooleanQuery, BoostQuery, EmptyQuery, Occur, PhrasePrefixQuery, PhraseQuery};

use serde_json::Value;

use super::{Boxed, Lowering, best_of};
use crate::error::{ApiError, ApiResult};
use crate::mapping::{Field, Kind};
use crate::query::ast::{self, MultiKind, MultiMatch, Operator, Pattern, Words};
use crate::query::terms;

/// Most words that the prefix at the end of a phrase stands for.
const MAX_EXPANSIONS: u32 = 50;

impl Lowering<'_> {
    /// The words of a text by the analyzer that the query names, or else the field's.
    fn tokens(&self, field: &Field, text: &str, analyzer: Option<&str>) -> ApiResult<Vec<String>> {
        match analyzer {
            Some(_) => crate::query::analyzer::tokens(text, analyzer),
            None => Ok(field.search_tokens(text)),
        }
    }

    /// Words of which a misfit matches nothing, if the query is lenient.
    pub(super) fn lenient_words(&self, field: &Field, text: &str, words: &Words) -> ApiResult<Boxed> {
        match self.words(field, text, words) {
            Err(_) if words.lenient => Ok(Box::new(EmptyQuery)),
            other => other,
        }
    }

    fn words(&self, field: &Field, text: &str, words: &Words) -> ApiResult<Boxed> {
        if field.kind != Kind::Text || field.unindexed {
            if let Some(fuzziness) = words.fuzziness
                && field.kind.is_exact_string()
            {
                return self.fuzzy(field, text, fuzziness, words.fuzzy_prefix);
            }
            if words.prefix && field.kind == Kind::Keyword {
                return self.pattern(field, &Pattern::Prefix(text.to_owned()), false);
            }
            return self.term(field, &Value::String(text.to_owned()));
        }
        let tokens = self.tokens(field, text, words.analyzer.as_deref())?;
        let last = tokens.len().saturating_sub(1);
        let mut clauses = tokens
            .iter()
            .enumerate()
            .map(|(place, token)| {
                if words.prefix && place == last {
                    return self.pattern(field, &Pattern::Prefix(token.clone()), false);
                }
                match words.fuzziness {
                    Some(fuzziness) => self.fuzzy(field, token, fuzziness, words.fuzzy_prefix),
                    None => Ok(self.word(field, token)),
                }
            })
            .collect::<ApiResult<Vec<Boxed>>>()?;
        match clauses.len() {
            0 if words.all_if_empty => return Ok(Box::new(AllQuery)),
            0 => return Ok(Box::new(EmptyQuery)),
            1 => return Ok(clauses.remove(0)),
            _ => {}
        }
        combined(clauses, words)
    }

    /// Words next to one another.
    pub(super) fn phrase(&self, field: &Field, text: &str, slop: u32, prefix: bool) -> ApiResult<Boxed> {
        if field.kind != Kind::Text || field.unindexed {
            return if prefix && field.kind == Kind::Keyword {
                self.pattern(field, &Pattern::Prefix(text.to_owned()), false)
            } else {
                self.term(field, &Value::String(text.to_owned()))
            };
        }
        let tokens = field.search_positions(text);
        let first = tokens.first().map_or(0, |(position, _)| *position);
        let list: Vec<(usize, Term)> = tokens
            .iter()
            .map(|(position, token)| {
                let term = terms::string(self.fields.text, &field.path, token);
                (position - first, term)
            })
            .collect();
        Ok(match (list.len(), prefix) {
            (0, _) => Box::new(EmptyQuery),
            (1, false) => self.word(field, &tokens[0].1),
            (1, true) => return self.pattern(field, &Pattern::Prefix(tokens[0].1.clone()), false),
            (_, false) => {
                let phrase = PhraseQuery::new_with_offset_and_slop(list, slop);
                self.scored_in(field, Box::new(phrase))
            }
            (_, true) => {
                let mut phrase = PhrasePrefixQuery::new_with_offset(list);
                phrase.set_max_expansions(MAX_EXPANSIONS);
                self.scored_in(field, Box::new(phrase))
            }
        })
    }

    /// A text in several fields.
    pub(super) fn multi_match(&self, multi: &MultiMatch) -> ApiResult<Boxed> {
        let mut fields = Vec::new();
        for (name, boost) in &multi.fields {
            let is_pattern = name.contains('*');
            for field in self.expand(name)? {
                // `*` means the fields themselves; a dynamic string's exact twin would only match again.
                if name == "*" && self.mapping.multi.contains_key(&field.path) {
                    continue;
                }
                fields.push((field, *boost, is_pattern));
            }
        }
        let boosted = |lowered: Boxed, boost: f32| -> Boxed {
            if (boost - 1.0).abs() > f32::EPSILON {
                Box::new(BoostQuery::new(lowered, boost))
            } else {
                lowered
            }
        };
        if multi.kind == MultiKind::Cross {
            // Words can lie across fields that are analysed alike; the best such group counts.
            let (text, exact): (Vec<_>, Vec<_>) = fields
                .into_iter()
                .partition(|(field, _, _)| field.kind == Kind::Text);
            let mut groups = Vec::new();
            if !text.is_empty() {
                groups.push(self.cross_fields(multi, &text, &boosted)?);
            }
            for (field, boost, is_pattern) in &exact {
                match self.words(field, &multi.text, &multi.words) {
                    Ok(lowered) => groups.push(boosted(lowered, *boost)),
                    Err(_) if *is_pattern || multi.words.lenient => {}
                    Err(error) => return Err(error),
                }
            }
            return Ok(best_of(groups, multi.tie_breaker.unwrap_or(0.0)));
        }
        let mut clauses = Vec::with_capacity(fields.len());
        for (field, boost, is_pattern) in &fields {
            let lowered = match multi.kind {
                MultiKind::Phrase => self.phrase(field, &multi.text, multi.slop, false),
                MultiKind::PhrasePrefix => self.phrase(field, &multi.text, multi.slop, true),
                _ => self.words(field, &multi.text, &multi.words),
            };
            match lowered {
                Ok(lowered) => clauses.push(boosted(lowered, *boost)),
                // A word that cannot be a number does not match a number, where the field was not named.
                Err(_) if *is_pattern || multi.words.lenient => {}
                Err(error) => return Err(error),
            }
        }
        let tie_breaker = multi.tie_breaker.unwrap_or(match multi.kind {
            MultiKind::Most | MultiKind::BoolPrefix => 1.0,
            _ => 0.0,
        });
        Ok(best_of(clauses, tie_breaker))
    }

    /// Each word in any of the fields.
    fn cross_fields(
        &self,
        multi: &MultiMatch,
        fields: &[(std::sync::Arc<Field>, f32, bool)],
        boosted: &dyn Fn(Boxed, f32) -> Boxed,
    ) -> ApiResult<Boxed> {
        let mut clauses = Vec::new();
        let one = Words {
            operator: Operator::Or,
            minimum: None,
            ..multi.words.clone()
        };
        for token in crate::query::analyzer::tokens(&multi.text, multi.words.analyzer.as_deref())? {
            let mut alternatives = Vec::new();
            for (field, boost, is_pattern) in fields {
                match self.words(field, &token, &one) {
                    Ok(lowered) => alternatives.push(boosted(lowered, *boost)),
                    Err(_) if *is_pattern || multi.words.lenient => {}
                    Err(error) => return Err(error),
                }
            }
            clauses.push(best_of(alternatives, multi.tie_breaker.unwrap_or(0.0)));
        }
        match clauses.len() {
            0 if multi.words.all_if_empty => Ok(Box::new(AllQuery)),
            0 => Ok(Box::new(EmptyQuery)),
            1 => Ok(clauses.remove(0)),
            _ => combined(clauses, &multi.words),
        }
    }
}

/// Several words, by the operator and how many must match.
fn combined(clauses: Vec<Boxed>, words: &Words) -> ApiResult<Boxed> {
    if words.operator == Operator::And {
        return Ok(Box::new(BooleanQuery::intersection(clauses)));
    }
    let count = clauses.len();
    let minimum = match &words.minimum {
        None => 1,
        Some(text) => ast::minimum(text, count)
            .ok_or_else(|| ApiError::argument(format!("[minimum_should_match] [{text}] is none")))?,
    };
    if minimum > count {
        return Ok(Box::new(EmptyQuery));
    }
    let clauses = clauses
        .into_iter()
        .map(|clause| (Occur::Should, clause))
        .collect();
    Ok(Box::new(BooleanQuery::with_minimum_required_clauses(
        clauses,
        minimum.max(1),
    )))
}
