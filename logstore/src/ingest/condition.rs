//! The `if` of a processor. Elasticsearch runs Painless there; this store reads the comparisons that pipelines
//! are mostly made of, joined by `&&` and `||`, and refuses the rest when the pipeline is put.
//!
//! ```text
//! ctx.log?.level == 'debug' && ctx.tags != null || !(ctx.message.contains('x'))
//! ```

use serde_json::Value;

use super::document::Ingested;
use crate::error::{ApiError, ApiResult};
use crate::query::dsl;

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Both hold.
    And(Box<Condition>, Box<Condition>),
    /// One holds.
    Or(Box<Condition>, Box<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// Two values compare so.
    Compare(Operand, Comparison, Operand),
    /// A text contains, starts or ends with another, or a list has it.
    Text(Operand, TextTest, Operand),
    /// A boolean field, or `true`.
    Truth(Operand),
}

/// A field or a constant.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// `ctx.a.b`.
    Field(String),
    /// `'x'`, `1`, `true`, `null`.
    Constant(Value),
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    Different,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// What is asked of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextTest {
    /// `contains`
    Contains,
    /// `startsWith`
    StartsWith,
    /// `endsWith`
    EndsWith,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Number(f64),
    Symbol(&'static str),
}

/// Deepest nesting of parentheses.
const MAX_DEPTH: usize = 32;

const SYMBOLS: &[&str] = &[
    "===", "!==", "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", ";",
];

// === impl Condition ===

impl Condition {
    /// Reads a condition.
    pub fn parse(text: &str) -> ApiResult<Self> {
        let refuse = || {
            ApiError::new(
                400,
                "script_exception",
                format!(
                    "the condition [{text}] is not supported: this store runs no scripts, but compares fields (`ctx.a.b == 'x' && ctx.n >= 3`)"
                ),
            )
        };
        let body = text.trim();
        let body = body.strip_prefix("return ").unwrap_or(body).trim_end_matches(';');
        let tokens = tokens(body).ok_or_else(refuse)?;
        let mut reader = Reader {
            tokens,
            at: 0,
            depth: 0,
        };
        let condition = reader.or().ok_or_else(refuse)?;
        if reader.at == reader.tokens.len() {
            Ok(condition)
        } else {
            Err(refuse())
        }
    }

    /// Whether it holds for a document.
    pub fn holds(&self, document: &Ingested) -> bool {
        match self {
            Self::And(a, b) => a.holds(document) && b.holds(document),
            Self::Or(a, b) => a.holds(document) || b.holds(document),
            Self::Not(inner) => !inner.holds(document),
            Self::Truth(operand) => operand.value(document) == Value::Bool(true),
            Self::Compare(a, comparison, b) => compare(&a.value(document), *comparison, &b.value(document)),
            Self::Text(a, test, b) => {
                let (a, b) = (a.value(document), dsl::text(&b.value(document)));
                match (&a, test) {
                    (Value::Array(items), TextTest::Contains) => {
                        items.iter().any(|item| dsl::text(item) == b)
                    }
                    (Value::String(a), TextTest::Contains) => a.contains(&b),
                    (Value::String(a), TextTest::StartsWith) => a.starts_with(&b),
                    (Value::String(a), TextTest::EndsWith) => a.ends_with(&b),
                    _ => false,
                }
            }
        }
    }
}

impl Operand {
    fn value(&self, document: &Ingested) -> Value {
        match self {
            Self::Field(path) => document.get(path).unwrap_or(Value::Null),
            Self::Constant(value) => value.clone(),
        }
    }
}

fn compare(a: &Value, comparison: Comparison, b: &Value) -> bool {
    let ordering = match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    };
    let equal = ordering.map_or_else(|| a == b, std::cmp::Ordering::is_eq);
    match comparison {
        Comparison::Equal => equal,
        Comparison::Different => !equal,
        Comparison::Less => ordering.is_some_and(std::cmp::Ordering::is_lt),
        Comparison::LessOrEqual => ordering.is_some_and(std::cmp::Ordering::is_le),
        Comparison::Greater => ordering.is_some_and(std::cmp::Ordering::is_gt),
        Comparison::GreaterOrEqual => ordering.is_some_and(std::cmp::Ordering::is_ge),
    }
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            out.push(Token::Symbol(symbol));
            rest = &rest[symbol.len()..];
        } else if first == '\'' || first == '"' {
            let body = &rest[1..];
            let end = body.find(first)?;
            out.push(Token::Text(body[..end].to_owned()));
            rest = &body[end + 1..];
        } else {
            // A word is a path with its `?.`, its `['x']` and its digits.
            let mut end = 0;
            let bytes = rest.as_bytes();
            while let Some(byte) = bytes.get(end) {
                if *byte == b'[' {
                    end += rest[end..].find(']')? + 1;
                } else if byte.is_ascii_alphanumeric() || b"_.@?-$".contains(byte) {
                    end += 1;
                } else {
                    break;
                }
            }
            if end == 0 {
                return None;
            }
            let word = &rest[..end];
            out.push(match word.parse::<f64>() {
                Ok(number) if !word.starts_with(char::is_alphabetic) => Token::Number(number),
                _ => Token::Word(word.to_owned()),
            });
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Some(out)
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Reader {
    fn eat(&mut self, symbols: &[&'static str]) -> Option<&'static str> {
        match self.tokens.get(self.at)? {
            Token::Symbol(symbol) if symbols.contains(symbol) => {
                self.at += 1;
                Some(symbol)
            }
            _ => None,
        }
    }

    fn or(&mut self) -> Option<Condition> {
        let mut left = self.and()?;
        while self.eat(&["||"]).is_some() {
            left = Condition::Or(Box::new(left), Box::new(self.and()?));
        }
        Some(left)
    }

    fn and(&mut self) -> Option<Condition> {
        let mut left = self.one()?;
        while self.eat(&["&&"]).is_some() {
            left = Condition::And(Box::new(left), Box::new(self.one()?));
        }
        Some(left)
    }

    fn one(&mut self) -> Option<Condition> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let condition = if self.eat(&["!"]).is_some() {
            Some(Condition::Not(Box::new(self.one()?)))
        } else if self.eat(&["("]).is_some() {
            let inner = self.or()?;
            self.eat(&[")"])?;
            Some(inner)
        } else {
            self.comparison()
        };
        self.depth -= 1;
        condition
    }

    fn comparison(&mut self) -> Option<Condition> {
        if let Some((field, test)) = self.text_test() {
            self.eat(&["("])?;
            let wanted = self.operand()?;
            self.eat(&[")"])?;
            return Some(Condition::Text(field, test, wanted));
        }
        let left = self.operand()?;
        let Some(symbol) = self.eat(&["===", "!==", "==", "!=", "<=", ">=", "<", ">"]) else {
            return Some(Condition::Truth(left));
        };
        let comparison = match symbol {
            "==" | "===" => Comparison::Equal,
            "!=" | "!==" => Comparison::Different,
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            _ => Comparison::GreaterOrEqual,
        };
        Some(Condition::Compare(left, comparison, self.operand()?))
    }

    /// `ctx.message.contains`, if a parenthesis follows.
    fn text_test(&mut self) -> Option<(Operand, TextTest)> {
        let Token::Word(word) = self.tokens.get(self.at)? else {
            return None;
        };
        if self.tokens.get(self.at + 1) != Some(&Token::Symbol("(")) {
            return None;
        }
        let (path, method) = word.rsplit_once('.')?;
        let test = match method {
            "contains" => TextTest::Contains,
            "startsWith" => TextTest::StartsWith,
            "endsWith" => TextTest::EndsWith,
            _ => return None,
        };
        let field = field(path.trim_end_matches('?'))?;
        self.at += 1;
        Some((field, test))
    }

    fn operand(&mut self) -> Option<Operand> {
        let operand = match self.tokens.get(self.at)? {
            Token::Text(text) => Operand::Constant(text.as_str().into()),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::float_cmp,
                reason = "whole numbers stay whole"
            )]
            Token::Number(number) if *number == number.trunc() && number.abs() < 9e15 => {
                Operand::Constant((*number as i64).into())
            }
            Token::Number(number) => Operand::Constant((*number).into()),
            Token::Word(word) => match word.as_str() {
                "true" => Operand::Constant(true.into()),
                "false" => Operand::Constant(false.into()),
                "null" => Operand::Constant(Value::Null),
                path => field(path)?,
            },
            Token::Symbol(_) => return None,
        };
        self.at += 1;
        Some(operand)
    }
}

/// `ctx.a?.b`, `ctx['a.b']` as a path.
fn field(word: &str) -> Option<Operand> {
    let rest = word.strip_prefix("ctx")?;
    let mut path = String::new();
    let mut rest = rest.trim_start_matches('?');
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let end = inner.find(']')?;
            let key = inner[..end].trim_matches(['\'', '"']);
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(key);
            rest = inner[end + 1..].trim_start_matches('?');
            continue;
        }
        let inner = rest.strip_prefix('.')?;
        let end = inner.find(['.', '[', '?']).unwrap_or(inner.len());
        if end == 0 {
            return None;
        }
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(&inner[..end]);
        rest = inner[end..].trim_start_matches('?');
    }
    (!path.is_empty()).then_some(Operand::Field(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn holds(text: &str) -> bool {
        let document = Ingested::new(
            "logs",
            None,
            json!({"log": {"level": "debug"}, "n": 3, "tags": ["a"], "message": "hello you", "ok": true}),
        );
        Condition::parse(text).unwrap().holds(&document)
    }

    #[test]
    fn comparisons_are_understood() {
        assert!(holds("ctx.log.level == 'debug'"));
        assert!(holds("ctx?.log?.level == \"debug\" && ctx.n >= 3"));
        assert!(holds("ctx['log']['level'] != 'x'"));
        assert!(holds("ctx.nope == null || ctx.n < 2"));
        assert!(holds("ctx.nope?.deeper == null"));
        assert!(holds("!(ctx.n == 4) && ctx.ok"));
        assert!(holds("ctx.tags.contains('a') && ctx.message.startsWith('hello')"));
        assert!(!holds("ctx.tags.contains('b')"));
    }

    #[test]
    fn scripts_are_refused_by_name() {
        for text in [
            "def x = 1; return x",
            "ctx.a = 2",
            "Math.random() < 1",
            "params.x == 1",
            "",
        ] {
            let error = Condition::parse(text).unwrap_err();
            assert_eq!(error.kind, "script_exception", "{text}");
        }
    }
}
