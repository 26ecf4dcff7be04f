//! Reads the tokens of a script into an expression.

use serde_json::{Map, Value as Json};

use super::lex::{Token, lex};
use super::{Binary, Node, Unary, Value};

/// Deepest nesting.
const MAX_DEPTH: usize = 64;

/// Functions of `Math`, with the number of their arguments.
const MATH: &[(&str, usize)] = &[
    ("abs", 1),
    ("cbrt", 1),
    ("ceil", 1),
    ("cos", 1),
    ("exp", 1),
    ("floor", 1),
    ("log", 1),
    ("log10", 1),
    ("max", 2),
    ("min", 2),
    ("pow", 2),
    ("rint", 1),
    ("round", 1),
    ("signum", 1),
    ("sin", 1),
    ("sqrt", 1),
    ("tan", 1),
];

/// Functions of `MovingFunctions`, with the number of their arguments behind `values`.
const MOVING: &[(&str, usize)] = &[
    ("max", 0),
    ("min", 0),
    ("sum", 0),
    ("unweightedAvg", 0),
    ("linearWeightedAvg", 0),
    ("stdDev", 1),
    ("ewma", 1),
    ("holt", 2),
];

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    params: &'a Map<String, Json>,
}

/// Reads a script.
pub(super) fn parse(source: &str, params: &Map<String, Json>) -> Result<Node, String> {
    let mut parser = Parser {
        tokens: lex(source)?,
        at: 0,
        depth: 0,
        params,
    };
    parser.take_name("return");
    let root = parser.expression()?;
    while parser.take(";") {}
    match parser.tokens.get(parser.at) {
        None => Ok(root),
        Some(token) => Err(format!("[{}] is not expected here", shown(token))),
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Number(number) => number.to_string(),
        Token::Name(name) => name.clone(),
        Token::Text(text) => format!("\"{text}\""),
        Token::Mark(mark) => (*mark).to_owned(),
    }
}

impl Parser<'_> {
    fn take(&mut self, mark: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Mark(found)) if *found == mark);
        self.at += usize::from(found);
        found
    }

    fn take_name(&mut self, name: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Name(found)) if found == name);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, mark: &str) -> Result<(), String> {
        if self.take(mark) {
            return Ok(());
        }
        Err(match self.tokens.get(self.at) {
            Some(token) => format!("expected [{mark}] before [{}]", shown(token)),
            None => format!("expected [{mark}] at the end"),
        })
    }

    fn name(&mut self) -> Result<String, String> {
        match self.tokens.get(self.at) {
            Some(Token::Name(name)) => {
                self.at += 1;
                Ok(name.clone())
            }
            Some(token) => Err(format!("expected a name before [{}]", shown(token))),
            None => Err("expected a name at the end".to_owned()),
        }
    }

    fn expression(&mut self) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("the script is nested deeper than [{MAX_DEPTH}]"));
        }
        let condition = self.binary(0)?;
        let node = if self.take("?") {
            let yes = self.expression()?;
            self.expect(":")?;
            let no = self.expression()?;
            Node::Choice(Box::new(condition), Box::new(yes), Box::new(no))
        } else {
            condition
        };
        self.depth -= 1;
        Ok(node)
    }

    /// Operators by how tightly they bind, the loosest first.
    fn binary(&mut self, level: usize) -> Result<Node, String> {
        const LEVELS: &[&[(&str, Binary)]] = &[
            &[("||", Binary::Or)],
            &[("&&", Binary::And)],
            &[("==", Binary::Equal), ("!=", Binary::NotEqual)],
            &[
                ("<=", Binary::LessEqual),
                (">=", Binary::GreaterEqual),
                ("<", Binary::Less),
                (">", Binary::Greater),
            ],
            &[("+", Binary::Add), ("-", Binary::Subtract)],
            &[
                ("*", Binary::Multiply),
                ("/", Binary::Divide),
                ("%", Binary::Remainder),
            ],
        ];
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        let mut length = 0;
        while let Some((_, operator)) = operators.iter().find(|(mark, _)| self.take(mark)) {
            let right = self.binary(level + 1)?;
            left = Node::Binary(*operator, Box::new(left), Box::new(right));
            // The tree leans to the left and is as deep as the row is long.
            length += 1;
            if length > MAX_DEPTH {
                return Err(format!("more than [{MAX_DEPTH}] operators in a row"));
            }
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("the script is nested deeper than [{MAX_DEPTH}]"));
        }
        let node = if self.take("-") {
            Node::Unary(Unary::Minus, Box::new(self.unary()?))
        } else if self.take("!") {
            Node::Unary(Unary::Not, Box::new(self.unary()?))
        } else if self.take("+") || self.cast() {
            self.unary()?
        } else {
            self.primary()?
        };
        self.depth -= 1;
        Ok(node)
    }

    /// `(double)`, which changes nothing here.
    fn cast(&mut self) -> bool {
        let is_cast = matches!(
            self.tokens.get(self.at..self.at + 3),
            Some([Token::Mark("("), Token::Name(name), Token::Mark(")")]) if matches!(name.as_str(), "double" | "float" | "long" | "int")
        );
        if is_cast {
            self.at += 3;
        }
        is_cast
    }

    fn primary(&mut self) -> Result<Node, String> {
        let Some(token) = self.tokens.get(self.at).cloned() else {
            return Err("an expression is expected at the end".to_owned());
        };
        self.at += 1;
        match token {
            Token::Number(number) => Ok(Node::Constant(Value::Number(number))),
            Token::Mark("(") => {
                let inner = self.expression()?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Name(name) => self.named(&name),
            other => Err(format!("[{}] is not supported here", shown(&other))),
        }
    }

    fn named(&mut self, name: &str) -> Result<Node, String> {
        match name {
            "true" => Ok(Node::Constant(Value::Bool(true))),
            "false" => Ok(Node::Constant(Value::Bool(false))),
            "null" => Ok(Node::Constant(Value::Null)),
            "params" => {
                let name = if self.take("[") {
                    let Some(Token::Text(text)) = self.tokens.get(self.at).cloned() else {
                        return Err("params[…] needs a name in quotes".to_owned());
                    };
                    self.at += 1;
                    self.expect("]")?;
                    text
                } else {
                    self.expect(".")?;
                    self.name()?
                };
                Ok(self.param(&name))
            }
            "Math" => self.call(MATH, "Math"),
            "MovingFunctions" => self.call(MOVING, "MovingFunctions"),
            "values" => {
                if self.take("[") {
                    let place = self.expression()?;
                    self.expect("]")?;
                    return Ok(Node::Element(Box::new(place)));
                }
                self.expect(".")?;
                match self.name()?.as_str() {
                    "length" => Ok(Node::Length),
                    other => Err(format!("[values.{other}] is not supported")),
                }
            }
            other => {
                let next_is = |mark: &str| matches!(self.tokens.get(self.at), Some(Token::Mark(found)) if *found == mark);
                if next_is(".")
                    || next_is("(")
                    || next_is("[")
                    || matches!(other, "for" | "if" | "while" | "def" | "new")
                {
                    return Err(format!("[{other}] is not supported"));
                }
                Ok(self.param(other))
            }
        }
    }

    fn param(&self, name: &str) -> Node {
        match self.params.get(name) {
            Some(Json::Bool(on)) => Node::Constant(Value::Bool(*on)),
            Some(json) if json.as_f64().is_some() => {
                Node::Constant(Value::Number(json.as_f64().unwrap_or_default()))
            }
            _ => Node::Param(name.to_owned()),
        }
    }

    fn call(&mut self, functions: &'static [(&'static str, usize)], class: &str) -> Result<Node, String> {
        self.expect(".")?;
        let name = self.name()?;
        if class == "Math" && !matches!(self.tokens.get(self.at), Some(Token::Mark("("))) {
            return match name.as_str() {
                "PI" => Ok(Node::Constant(Value::Number(std::f64::consts::PI))),
                "E" => Ok(Node::Constant(Value::Number(std::f64::consts::E))),
                other => Err(format!("[Math.{other}] is not supported")),
            };
        }
        let Some((known, count)) = functions.iter().find(|(known, _)| *known == name) else {
            return Err(format!("[{class}.{name}] is not supported"));
        };
        self.expect("(")?;
        let moving = class == "MovingFunctions";
        if moving && !self.take_name("values") {
            return Err(format!("the first argument of [{class}.{name}] must be [values]"));
        }
        let mut arguments = Vec::with_capacity(*count);
        for place in 0..*count {
            if moving || place > 0 {
                self.expect(",")?;
            }
            arguments.push(self.expression()?);
        }
        self.expect(")")?;
        Ok(if moving {
            Node::Moving(known, arguments)
        } else {
            Node::Math(known, arguments)
        })
    }
}
