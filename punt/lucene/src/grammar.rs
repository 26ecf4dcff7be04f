//! From Lucene's tokens to nodes.

use crate::lex::{self, Token, has_wildcard, unescape};
use crate::node::{Flavor, Node, Operator};

/// Deepest nesting of parentheses.
const MAX_DEPTH: usize = 64;

struct Parser {
    tokens: Vec<Token>,
    at: usize,
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
///
/// # Errors
/// What is wrong with it, in the full flavour; the simple one takes anything.
pub fn parse(text: &str, operator: Operator, flavor: Flavor) -> Result<Node, String> {
    let mut parser = Parser {
        tokens: lex::lex(text, flavor)?,
        at: 0,
        operator,
        flavor,
        depth: 0,
    };
    let node = parser.clauses(None)?;
    if parser.at < parser.tokens.len() && flavor == Flavor::Full {
        return Err("unexpected \")\"".to_owned());
    }
    Ok(node)
}

// === impl Parser ===

impl Parser {
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
    fn clauses(&mut self, field: Option<&str>) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH}"));
        }
        let mut clauses: Vec<(Occur, Node)> = Vec::new();
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
            let node = self.clause(field)?;
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
            clauses.push((occur, node));
        }
        self.depth -= 1;
        Ok(match clauses.len() {
            0 => Node::Nothing,
            1 if clauses[0].0 != Occur::MustNot => clauses.remove(0).1,
            _ => {
                let (mut must, mut should, mut must_not) = (Vec::new(), Vec::new(), Vec::new());
                for (occur, node) in clauses {
                    match occur {
                        Occur::Must => must.push(node),
                        Occur::Should => should.push(node),
                        Occur::MustNot => must_not.push(node),
                    }
                }
                Node::Bool {
                    must,
                    should,
                    must_not,
                }
            }
        })
    }

    fn clause(&mut self, field: Option<&str>) -> Result<Node, String> {
        let named;
        let field = match self.peek() {
            Some(Token::Field(name)) => {
                named = name.clone();
                self.at += 1;
                Some(named.as_str())
            }
            _ => field,
        };
        let owned = || field.map(str::to_owned);
        let mut node = match self.take() {
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
            Some(Token::Regexp(pattern)) => Node::Regexp {
                field: owned(),
                pattern,
            },
            Some(Token::Range {
                from,
                from_included,
                to,
                to_included,
            }) => Node::Range {
                field: owned(),
                from: from.map(|text| (text, from_included)),
                to: to.map(|text| (text, to_included)),
            },
            Some(Token::Compare {
                greater,
                included,
                value,
            }) => {
                let bound = Some((value, included));
                let (from, to) = if greater { (bound, None) } else { (None, bound) };
                Node::Range {
                    field: owned(),
                    from,
                    to,
                }
            }
            // What makes no sense is passed over.
            Some(_) if self.flavor == Flavor::Simple => Node::Nothing,
            Some(token) => return Err(format!("unexpected {token:?}")),
        };
        while let Some(Token::Boost(boost)) = self.peek() {
            node = Node::Boost(Box::new(node), *boost);
            self.at += 1;
        }
        Ok(node)
    }

    fn word(&mut self, field: Option<&str>, word: &str) -> Node {
        let owned = field.map(str::to_owned);
        if word == "*" {
            return match field {
                None | Some("*") => Node::All,
                Some(field) => Node::Exists(field.to_owned()),
            };
        }
        if field == Some("_exists_") {
            return Node::Exists(unescape(word));
        }
        if let Some(Token::Tilde(distance)) = self.peek() {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
            let distance = distance.unwrap_or(2.0).clamp(0.0, 2.0) as u8;
            self.at += 1;
            return Node::Fuzzy {
                field: owned,
                text: unescape(word).to_lowercase(),
                distance,
            };
        }
        if has_wildcard(word) {
            return Node::Wildcard {
                field: owned,
                pattern: word.to_owned(),
            };
        }
        Node::Word {
            field: owned,
            text: unescape(word),
        }
    }

    fn quoted(&mut self, field: Option<&str>, text: String) -> Node {
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
            Some("_exists_") => Node::Exists(text),
            field => Node::Phrase {
                field: field.map(str::to_owned),
                text,
                slop,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Node {
        parse(text, Operator::Or, Flavor::Full).unwrap()
    }

    #[test]
    fn a_clause_without_a_field_has_none() {
        let word = |field: Option<&str>, text: &str| Node::Word {
            field: field.map(str::to_owned),
            text: text.to_owned(),
        };
        assert_eq!(read(r"a\:b"), word(None, "a:b"));
        assert_eq!(read("service.name:guilds"), word(Some("service.name"), "guilds"));
        assert_eq!(read("f:*"), Node::Exists("f".to_owned()));
        assert_eq!(read("*:*"), Node::All);
        assert_eq!(read(""), Node::Nothing);
    }

    #[test]
    fn deep_nesting_is_refused() {
        let deep = "(".repeat(MAX_DEPTH + 1);
        let reason = parse(&deep, Operator::Or, Flavor::Full).unwrap_err();
        assert!(reason.contains("deeper"), "{reason}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(text in r#"[a-c:()\[\]{}"*?~^+\-!&|/\\<>= TOAND]{0,40}"#) {
            let _full = parse(&text, Operator::Or, Flavor::Full);
            prop_assert!(parse(&text, Operator::Or, Flavor::Simple).is_ok());
        }
    }
}
