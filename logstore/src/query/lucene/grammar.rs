//! Builds the query tree from Lucene's tokens.

use serde_json::Value;

use super::Flavor;
use super::lex::{self, Token, has_wildcard, unescape};
use crate::error::{ApiError, ApiResult};
use crate::query::ast::{Bool, Fuzziness, MultiKind, MultiMatch, Operator, Pattern, Query, Range, Words};

/// Deepest nesting of parentheses.
const MAX_DEPTH: usize = 64;

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    default_fields: &'a [(String, f32)],
    operator: Operator,
    flavor: Flavor,
    depth: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Occur {
    Must,
    Should,
    MustNot,
}

/// Reads a query.
pub fn parse(text: &str, fields: &[(String, f32)], operator: Operator, flavor: Flavor) -> ApiResult<Query> {
    let failed = |reason: String| {
        ApiError::new(
            400,
            "query_shard_exception",
            format!("Failed to parse query [{text}]: {reason}"),
        )
    };
    let tokens = lex::lex(text, flavor).map_err(failed)?;
    let mut parser = Parser {
        tokens,
        at: 0,
        default_fields: fields,
        operator,
        flavor,
        depth: 0,
    };
    let query = parser.clauses(None).map_err(failed)?;
    if parser.at < parser.tokens.len() && flavor == Flavor::Full {
        return Err(failed("unexpected \")\"".to_owned()));
    }
    Ok(query)
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn eat(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        if found {
            self.at += 1;
        }
        found
    }

    /// Clauses up to a closing parenthesis or the end, by the rules of Lucene's classic parser.
    fn clauses(&mut self, field: Option<&str>) -> Result<Query, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH}"));
        }
        let mut clauses: Vec<(Occur, Query)> = Vec::new();
        while let Some(token) = self.peek() {
            if *token == Token::Close {
                break;
            }
            let (mut and, mut or) = (false, false);
            while let Some(token @ (Token::And | Token::Or)) = self.peek() {
                and |= *token == Token::And;
                or |= *token == Token::Or;
                self.at += 1;
                if clauses.is_empty() && self.flavor == Flavor::Full {
                    return Err("an operator at the start".to_owned());
                }
            }
            let mut modifier = None;
            while let Some(token @ (Token::Plus | Token::Minus | Token::Not)) = self.peek() {
                modifier = Some(if *token == Token::Plus {
                    Occur::Must
                } else {
                    Occur::MustNot
                });
                self.at += 1;
            }
            if matches!(self.peek(), None | Some(Token::Close)) {
                if self.flavor == Flavor::Full && (and || or || modifier.is_some()) {
                    return Err("an operator at the end".to_owned());
                }
                break;
            }
            let query = self.clause(field)?;
            if let Some((occur, _)) = clauses.last_mut()
                && *occur != Occur::MustNot
            {
                match self.operator {
                    Operator::Or if and => *occur = Occur::Must,
                    Operator::And if or => *occur = Occur::Should,
                    _ => {}
                }
            }
            let occur = modifier.unwrap_or(match self.operator {
                Operator::Or if and => Occur::Must,
                Operator::And if !or => Occur::Must,
                _ => Occur::Should,
            });
            clauses.push((occur, query));
        }
        self.depth -= 1;
        Ok(match clauses.len() {
            0 => Query::Nothing,
            1 if clauses[0].0 != Occur::MustNot => clauses.remove(0).1,
            _ => {
                let mut tree = Bool::default();
                for (occur, query) in clauses {
                    match occur {
                        Occur::Must => tree.must.push(query),
                        Occur::Should => tree.should.push(query),
                        Occur::MustNot => tree.must_not.push(query),
                    }
                }
                Query::bool(tree)
            }
        })
    }

    fn clause(&mut self, field: Option<&str>) -> Result<Query, String> {
        let named;
        let field = match self.peek() {
            Some(Token::Field(name)) => {
                named = name.clone();
                self.at += 1;
                Some(named.as_str())
            }
            _ => field,
        };
        let mut query = match self.take() {
            None => return Err("a field without a value".to_owned()),
            Some(Token::Open) => {
                let inner = self.clauses(field)?;
                if !self.eat(&Token::Close) && self.flavor == Flavor::Full {
                    return Err("a parenthesis is not closed".to_owned());
                }
                inner
            }
            Some(Token::Word(word)) => self.word(field, &word),
            Some(Token::Quoted(text)) => self.quoted(field, text),
            Some(Token::Regexp(pattern)) => self.each_field(field, |field| Query::Pattern {
                field,
                pattern: Pattern::Regexp(pattern.clone()),
                ignore_case: false,
            }),
            Some(Token::Range {
                from,
                from_included,
                to,
                to_included,
            }) => self.each_field(field, |field| {
                let bound = |text: &Option<String>, included| {
                    text.clone().map(|text| (Value::String(text), included))
                };
                Query::Range(Range {
                    field,
                    from: bound(&from, from_included),
                    to: bound(&to, to_included),
                    ..Range::default()
                })
            }),
            Some(Token::Compare {
                greater,
                included,
                value,
            }) => self.each_field(field, |field| {
                let bound = Some((Value::String(value.clone()), included));
                let (from, to) = if greater { (bound, None) } else { (None, bound) };
                Query::Range(Range {
                    field,
                    from,
                    to,
                    ..Range::default()
                })
            }),
            Some(token) if self.flavor == Flavor::Simple => {
                let _skipped = token;
                Query::Nothing
            }
            Some(token) => return Err(format!("unexpected {token:?}")),
        };
        while let Some(Token::Boost(boost)) = self.peek() {
            query = Query::Boost(Box::new(query), *boost);
            self.at += 1;
        }
        Ok(query)
    }

    fn word(&mut self, field: Option<&str>, word: &str) -> Query {
        if word == "*" {
            return match field {
                None | Some("*") => Query::All,
                Some(field) => Query::Exists(field.to_owned()),
            };
        }
        if field == Some("_exists_") {
            return Query::Exists(unescape(word));
        }
        if let Some(Token::Tilde(distance)) = self.peek() {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
            let distance = distance.unwrap_or(2.0).clamp(0.0, 2.0) as u8;
            self.at += 1;
            let text = unescape(word).to_lowercase();
            return self.each_field(field, |field| Query::Fuzzy {
                field,
                text: text.clone(),
                fuzziness: Fuzziness::Edits(distance),
                prefix: 0,
            });
        }
        if has_wildcard(word) {
            return self.each_field(field, |field| Query::Pattern {
                field,
                pattern: Pattern::Wildcard(word.to_owned()),
                ignore_case: false,
            });
        }
        self.text(field, unescape(word), MultiKind::Best)
    }

    fn quoted(&mut self, field: Option<&str>, text: String) -> Query {
        let slop = match self.peek() {
            Some(Token::Tilde(slop)) => {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
                let slop = slop.unwrap_or(0.0).clamp(0.0, 1000.0) as u32;
                self.at += 1;
                slop
            }
            _ => 0,
        };
        match field {
            Some("_exists_") => Query::Exists(text),
            Some(field) if slop > 0 => Query::Phrase {
                field: field.to_owned(),
                text,
                slop,
                prefix: false,
            },
            _ => self.text(field, text, MultiKind::Phrase),
        }
    }

    fn text(&self, field: Option<&str>, text: String, kind: MultiKind) -> Query {
        let fields = match field {
            Some(field) => vec![(field.to_owned(), 1.0)],
            None => self.default_fields.to_vec(),
        };
        let words = Words {
            operator: self.operator,
            ..Words::default()
        };
        match fields.as_slice() {
            [(field, _)] if !field.contains('*') => {
                let field = field.clone();
                if kind == MultiKind::Phrase {
                    Query::Phrase {
                        field,
                        text,
                        slop: 0,
                        prefix: false,
                    }
                } else {
                    Query::Match { field, text, words }
                }
            }
            _ => Query::MultiMatch(Box::new(MultiMatch {
                fields,
                text,
                kind,
                words,
                slop: 0,
                tie_breaker: None,
            })),
        }
    }

    /// One query for the named field, or one for each default field.
    fn each_field(&self, field: Option<&str>, make: impl Fn(String) -> Query) -> Query {
        match (field, self.default_fields) {
            (Some(field), _) => make(field.to_owned()),
            (None, [(field, _)]) => make(field.clone()),
            (None, fields) => Query::bool(Bool {
                should: fields.iter().map(|(field, _)| make(field.clone())).collect(),
                ..Bool::default()
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Query {
        parse(text, &[("d".to_owned(), 1.0)], Operator::Or, Flavor::Full).unwrap()
    }

    fn word(field: &str, text: &str) -> Query {
        Query::Match {
            field: field.into(),
            text: text.into(),
            words: Words::default(),
        }
    }

    #[test]
    fn fields_phrases_and_words() {
        assert_eq!(read("service.name:guilds"), word("service.name", "guilds"));
        assert_eq!(read(r"a\:b"), word("d", "a:b"));
        assert_eq!(
            read(r#"m:"a b""#),
            Query::Phrase {
                field: "m".into(),
                text: "a b".into(),
                slop: 0,
                prefix: false
            }
        );
        assert_eq!(read("_exists_:log.level"), Query::Exists("log.level".into()));
        assert_eq!(read("log.level:*"), Query::Exists("log.level".into()));
        assert_eq!(read("*:*"), Query::All);
        assert_eq!(read("*"), Query::All);
        assert_eq!(read(""), Query::Nothing);
    }

    #[test]
    fn operators_follow_lucenes_classic_parser() {
        let (a, b, c) = (word("d", "a"), word("d", "b"), word("d", "c"));
        let tree = |must: &[&Query], should: &[&Query], must_not: &[&Query]| {
            let own = |list: &[&Query]| list.iter().copied().cloned().collect();
            Query::bool(Bool {
                must: own(must),
                should: own(should),
                must_not: own(must_not),
                ..Bool::default()
            })
        };
        assert_eq!(read("a AND b"), tree(&[&a, &b], &[], &[]));
        assert_eq!(read("a && b"), tree(&[&a, &b], &[], &[]));
        assert_eq!(read("a OR b"), tree(&[], &[&a, &b], &[]));
        assert_eq!(read("a b"), tree(&[], &[&a, &b], &[]));
        assert_eq!(read("a AND NOT b"), tree(&[&a], &[], &[&b]));
        assert_eq!(read("+a -b c"), tree(&[&a], &[&c], &[&b]));
        assert_eq!(read("a OR b AND c"), tree(&[&b, &c], &[&a], &[]));
        assert_eq!(read("NOT a"), tree(&[], &[], &[&a]));
        let group = tree(&[], &[&word("f", "a"), &word("f", "b")], &[]);
        assert_eq!(read("f:(a OR b)"), group);
    }

    #[test]
    fn ranges_in_all_their_forms() {
        let range = |from: Option<(&str, bool)>, to: Option<(&str, bool)>| {
            let own =
                |bound: Option<(&str, bool)>| bound.map(|(v, included)| (Value::String(v.into()), included));
            Query::Range(Range {
                field: "n".into(),
                from: own(from),
                to: own(to),
                ..Range::default()
            })
        };
        assert_eq!(read("n:[1 TO 5]"), range(Some(("1", true)), Some(("5", true))));
        assert_eq!(read("n:{1 TO 5]"), range(Some(("1", false)), Some(("5", true))));
        assert_eq!(read("n:[* TO 5}"), range(None, Some(("5", false))));
        assert_eq!(read("n:>=5"), range(Some(("5", true)), None));
        assert_eq!(read("n:<now-1h"), range(None, Some(("now-1h", false))));
        assert_eq!(
            read("n:[2026-11-24T00:00:00Z TO now]"),
            range(Some(("2026-11-24T00:00:00Z", true)), Some(("now", true)))
        );
    }

    #[test]
    fn mistakes_are_errors_that_show_the_query() {
        for text in [
            "(a", "a)", "f:", "\"a", "AND a", "a AND", "[1 TO", "n:[1 2]", "a:]",
        ] {
            let error = parse(text, &[("d".to_owned(), 1.0)], Operator::Or, Flavor::Full).unwrap_err();
            assert!(error.reason.contains(text), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(text in r#"[a-c:()\[\]{}"*?~^+\-!&|/\\<>= TOAND]{0,40}"#) {
            let _full = parse(&text, &[("d".to_owned(), 1.0)], Operator::Or, Flavor::Full);
            prop_assert!(parse(&text, &[("d".to_owned(), 1.0)], Operator::Or, Flavor::Simple).is_ok());
        }
    }
}
