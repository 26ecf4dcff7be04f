//! Computes an expression.

use super::{Binary, Env, Node, Unary, Value};
use crate::aggs::pipeline::moving;

/// Computes a part of an expression.
pub(super) fn eval(node: &Node, env: Env<'_>) -> Result<Value, String> {
    Ok(match node {
        Node::Constant(value) => *value,
        Node::Param(name) => match env.params.iter().find(|(known, _)| known == name) {
            // A number that is missing is null in painless.
            Some((_, value)) if value.is_nan() => Value::Null,
            Some((_, value)) => Value::Number(*value),
            None => Value::Null,
        },
        #[expect(clippy::cast_precision_loss, reason = "windows are short")]
        Node::Length => Value::Number(env.values.len() as f64),
        Node::Element(place) => {
            let place = number(eval(place, env)?)?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "saturates, and what is outside is an error"
            )]
            let found = (place >= 0.0)
                .then_some(place as usize)
                .and_then(|place| env.values.get(place));
            Value::Number(*found.ok_or_else(|| format!("values[{place}] does not exist"))?)
        }
        Node::Unary(Unary::Minus, inner) => Value::Number(-number(eval(inner, env)?)?),
        Node::Unary(Unary::Not, inner) => Value::Bool(!truth(eval(inner, env)?)?),
        Node::Choice(condition, yes, no) => {
            let chosen = if truth(eval(condition, env)?)? { yes } else { no };
            eval(chosen, env)?
        }
        Node::Binary(Binary::And, a, b) => Value::Bool(truth(eval(a, env)?)? && truth(eval(b, env)?)?),
        Node::Binary(Binary::Or, a, b) => Value::Bool(truth(eval(a, env)?)? || truth(eval(b, env)?)?),
        Node::Binary(operator, a, b) => binary(*operator, eval(a, env)?, eval(b, env)?)?,
        Node::Math(name, arguments) => {
            let arguments = numbers(arguments, env)?;
            Value::Number(math(name, &arguments))
        }
        Node::Moving(name, arguments) => {
            let arguments = numbers(arguments, env)?;
            Value::Number(
                moving::call(name, env.values, &arguments)
                    .ok_or_else(|| format!("[MovingFunctions.{name}] is not supported"))?,
            )
        }
    })
}

fn numbers(nodes: &[Node], env: Env<'_>) -> Result<Vec<f64>, String> {
    nodes.iter().map(|node| number(eval(node, env)?)).collect()
}

fn number(value: Value) -> Result<f64, String> {
    match value {
        Value::Number(number) => Ok(number),
        Value::Bool(_) => Err("a truth value is used as a number".to_owned()),
        Value::Null => Err("a parameter that is missing (null) is used as a number".to_owned()),
    }
}

fn truth(value: Value) -> Result<bool, String> {
    match value {
        Value::Bool(on) => Ok(on),
        Value::Number(number) => Ok(number != 0.0),
        Value::Null => Err("a parameter that is missing (null) is used as a truth value".to_owned()),
    }
}

fn binary(operator: Binary, a: Value, b: Value) -> Result<Value, String> {
    if let Binary::Equal | Binary::NotEqual = operator {
        return Ok(Value::Bool((a == b) == (operator == Binary::Equal)));
    }
    let (a, b) = (number(a)?, number(b)?);
    Ok(match operator {
        Binary::Add => Value::Number(a + b),
        Binary::Subtract => Value::Number(a - b),
        Binary::Multiply => Value::Number(a * b),
        Binary::Divide => Value::Number(a / b),
        Binary::Remainder => Value::Number(a % b),
        Binary::Less => Value::Bool(a < b),
        Binary::LessEqual => Value::Bool(a <= b),
        Binary::Greater => Value::Bool(a > b),
        Binary::GreaterEqual => Value::Bool(a >= b),
        Binary::Equal | Binary::NotEqual | Binary::And | Binary::Or => Value::Null,
    })
}

fn math(name: &str, arguments: &[f64]) -> f64 {
    let first = arguments.first().copied().unwrap_or(f64::NAN);
    let second = arguments.get(1).copied().unwrap_or(f64::NAN);
    match name {
        "abs" => first.abs(),
        "cbrt" => first.cbrt(),
        "ceil" => first.ceil(),
        "cos" => first.cos(),
        "exp" => first.exp(),
        "floor" => first.floor(),
        "log" => first.ln(),
        "log10" => first.log10(),
        "max" => first.max(second),
        "min" => first.min(second),
        "pow" => first.powf(second),
        "rint" => first.round_ties_even(),
        // Java rounds halves up, also below zero.
        "round" => (first + 0.5).floor(),
        "signum" => first.signum(),
        "sin" => first.sin(),
        "sqrt" => first.sqrt(),
        _ => first.tan(),
    }
}
