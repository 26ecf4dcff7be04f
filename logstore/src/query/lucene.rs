//! Lucene's query syntax as queries of the store: `query_string`, `q=` and the search bars of dashboards.
//!
//! The syntax itself is `punt_lucene`'s; here a clause gets its fields, and becomes a query.

use punt_lucene::{Bound, Node};
use serde_json::Value;

use super::ast::{Bool, Fuzziness, MultiKind, MultiMatch, Operator, Pattern, Query, Range, Words};
use crate::error::{ApiError, ApiResult};

pub use punt_lucene::Flavor;

/// What a clause without a field is meant for, and how words are combined.
struct Defaults<'a> {
    fields: &'a [(String, f32)],
    operator: Operator,
}

/// Reads a query; words without a field are looked for in `fields`.
pub fn parse(text: &str, fields: &[(String, f32)], operator: Operator, flavor: Flavor) -> ApiResult<Query> {
    match punt_lucene::parse(text, operator, flavor) {
        Ok(node) => Ok(Defaults { fields, operator }.query(node)),
        Err(reason) => Err(ApiError::new(
            400,
            "query_shard_exception",
            format!("Failed to parse query [{text}]: {reason}"),
        )),
    }
}

// === impl Defaults ===

impl Defaults<'_> {
    fn query(&self, node: Node) -> Query {
        match node {
            Node::All => Query::All,
            Node::Nothing => Query::Nothing,
            Node::Exists(field) => Query::Exists(field),
            Node::Word { field, text } => self.text(field, text, MultiKind::Best),
            Node::Phrase {
                field: Some(field),
                text,
                slop: slop @ 1..,
            } => Query::Phrase {
                field,
                text,
                slop,
                prefix: false,
            },
            Node::Phrase { field, text, .. } => self.text(field, text, MultiKind::Phrase),
            Node::Wildcard { field, pattern } => self.pattern(field, &Pattern::Wildcard(pattern)),
            Node::Regexp { field, pattern } => self.pattern(field, &Pattern::Regexp(pattern)),
            Node::Fuzzy {
                field,
                text,
                distance,
            } => self.each_field(field, |field| Query::Fuzzy {
                field,
                text: text.clone(),
                fuzziness: Fuzziness::Edits(distance),
                prefix: 0,
            }),
            Node::Range { field, from, to } => self.each_field(field, |field| {
                Query::Range(Range {
                    field,
                    from: bound(from.as_ref()),
                    to: bound(to.as_ref()),
                    ..Range::default()
                })
            }),
            Node::Bool {
                must,
                should,
                must_not,
            } => {
                let queries = |nodes: Vec<Node>| nodes.into_iter().map(|node| self.query(node)).collect();
                Query::bool(Bool {
                    must: queries(must),
                    should: queries(should),
                    must_not: queries(must_not),
                    ..Bool::default()
                })
            }
            Node::Boost(node, boost) => Query::Boost(Box::new(self.query(*node)), boost),
        }
    }

    fn text(&self, field: Option<String>, text: String, kind: MultiKind) -> Query {
        let fields = match field {
            Some(field) => vec![(field, 1.0)],
            None => self.fields.to_vec(),
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

    fn pattern(&self, field: Option<String>, pattern: &Pattern) -> Query {
        self.each_field(field, |field| Query::Pattern {
            field,
            pattern: pattern.clone(),
            ignore_case: false,
        })
    }

    /// One query for the named field, or one for each default field.
    fn each_field(&self, field: Option<String>, make: impl Fn(String) -> Query) -> Query {
        match (field, self.fields) {
            (Some(field), _) => make(field),
            (None, [(field, _)]) => make(field.clone()),
            (None, fields) => Query::DisMax {
                queries: fields.iter().map(|(field, _)| make(field.clone())).collect(),
                tie_breaker: 0.0,
            },
        }
    }
}

fn bound(bound: Option<&Bound>) -> Option<(Value, bool)> {
    bound.map(|(text, included)| (Value::String(text.clone()), *included))
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
