//! The little of painless and of Lucene's expressions that pipelines are written in: one expression over
//! numbers. Everything else is refused by name when the request is read.
//!
//! ```text
//! expression = or [ "?" expression ":" expression ]
//! or         = and { "||" and }            and        = equality { "&&" equality }
//! equality   = comparison { ("==" | "!=") comparison }
//! comparison = sum { ("<" | "<=" | ">" | ">=") sum }
//! sum        = product { ("+" | "-") product }
//! product    = unary { ("*" | "/" | "%") unary }
//! unary      = ("-" | "!" | "+") unary | "(double)" unary | primary
//! primary    = number | "true" | "false" | "null" | "(" expression ")"
//!            | "params." name | name | "values" | "values.length" | "values[" expression "]"
//!            | ("Math." | "MovingFunctions.") name "(" expression { "," expression } ")"
//! ```

mod eval;
mod lex;
mod parse;

use serde_json::{Map, Value as Json};

/// A script.
#[derive(Debug, Clone)]
pub struct Script {
    root: Node,
}

/// What a script computes with.
#[derive(Debug, Clone, Copy)]
pub struct Env<'a> {
    /// Numbers by name.
    pub params: &'a [(String, f64)],
    /// The window of a moving function.
    pub values: &'a [f64],
}

/// What a script computes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// A truth value.
    Bool(bool),
    /// Nothing.
    Null,
}

// === impl Value ===

impl Value {
    /// As a number; truth is 1.
    pub fn number(self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Bool(on) => Some(f64::from(u8::from(on))),
            Self::Null => None,
        }
    }
}

/// A part of an expression.
#[derive(Debug, Clone, PartialEq)]
enum Node {
    Constant(Value),
    Param(String),
    Length,
    Element(Box<Node>),
    Unary(Unary, Box<Node>),
    Binary(Binary, Box<Node>, Box<Node>),
    Choice(Box<Node>, Box<Node>, Box<Node>),
    Math(&'static str, Vec<Node>),
    Moving(&'static str, Vec<Node>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unary {
    Minus,
    Not,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    And,
    Or,
}

// === impl Script ===

impl Script {
    /// Reads a script; constant parameters are put in at once.
    pub fn parse(source: &str, params: &Map<String, Json>) -> Result<Self, String> {
        parse::parse(source, params).map(|root| Self { root })
    }

    /// Runs it.
    pub fn run(&self, env: Env<'_>) -> Result<Value, String> {
        eval::eval(&self.root, env)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn run(source: &str) -> Result<Value, String> {
        let constants = json!({"limit": 3, "window": "x"});
        let script = Script::parse(source, constants.as_object().unwrap())?;
        script.run(Env {
            params: &[
                ("a".to_owned(), 6.0),
                ("b".to_owned(), 4.0),
                ("my.x".to_owned(), 2.0),
            ],
            values: &[1.0, 2.0, 3.0],
        })
    }

    #[test]
    fn expressions_are_computed() {
        for (source, expected) in [
            ("params.a / params.b * 100", Value::Number(150.0)),
            ("a / b", Value::Number(1.5)),
            ("return params.a + params.b;", Value::Number(10.0)),
            ("1 + 2 * 3 - 4 % 3", Value::Number(6.0)),
            ("-(2 + 3)", Value::Number(-5.0)),
            ("params.a > params.limit", Value::Bool(true)),
            ("params.a > 5 && !(params.b >= 5)", Value::Bool(true)),
            ("params.b == 0 ? 0 : params.a / params.b", Value::Number(1.5)),
            ("params['a'] * 2", Value::Number(12.0)),
            ("params.nothing == null ? 1 : 2", Value::Number(1.0)),
            ("params.a != null", Value::Bool(true)),
            ("Math.max(params.a, Math.pow(2, 3))", Value::Number(8.0)),
            (
                "Math.round(2.5) + Math.floor(1.9) + Math.abs(-1)",
                Value::Number(5.0),
            ),
            ("(double) params.a", Value::Number(6.0)),
            (
                "MovingFunctions.stdDev(values, MovingFunctions.unweightedAvg(values))",
                Value::Number((2.0_f64 / 3.0).sqrt()),
            ),
            ("values.length > 2 ? values[0] : 0", Value::Number(1.0)),
            ("7 / 2.0", Value::Number(3.5)),
            ("1.5e1L", Value::Number(15.0)),
        ] {
            assert_eq!(run(source), Ok(expected), "{source}");
        }
    }

    #[test]
    fn what_is_not_an_expression_is_refused_by_name() {
        for (source, word) in [
            ("", "end"),
            ("doc['x'].value", "doc"),
            ("Math.sinh2(1)", "sinh2"),
            (
                "MovingFunctions.holtWinters(values, 1, 1, 1, 1, true)",
                "holtWinters",
            ),
            ("for (params.a)", "for"),
            ("1 +", "end"),
            ("a b", "b"),
            ("\"text\"", "\""),
            ("System.exit(1)", "System"),
        ] {
            let error = Script::parse(source, &Map::new()).unwrap_err();
            assert!(error.contains(word), "{source}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_computed_or_refused_but_never_panics(source in "[-+*/%()<>=!&|?:a-z0-9., \\[\\]']{0,60}") {
            let _result = run(&source);
        }

        #[test]
        fn any_depth_is_computed_or_refused(depth in 0_usize..5000) {
            let _result = run(&format!("{}1{}", "(".repeat(depth), ")".repeat(depth)));
            let _result = run(&format!("{}1", "-".repeat(depth)));
        }
    }
}
