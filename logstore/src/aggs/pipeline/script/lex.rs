//! Cuts a script into tokens.

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A number.
    Number(f64),
    /// A name.
    Name(String),
    /// A text in quotes.
    Text(String),
    /// A mark such as `&&`.
    Mark(&'static str),
}

/// Marks, longer ones first.
const MARKS: &[&str] = &[
    "&&", "||", "==", "!=", "<=", ">=", "(", ")", "[", "]", "+", "-", "*", "/", "%", "<", ">", "!", "?", ":",
    ",", ".", ";",
];

/// Longest script.
const MAX_LENGTH: usize = 16_384;

/// Cuts a script into tokens.
pub(super) fn lex(source: &str) -> Result<Vec<Token>, String> {
    if source.len() > MAX_LENGTH {
        return Err(format!("the script is longer than [{MAX_LENGTH}] bytes"));
    }
    let mut rest = source.trim();
    let mut tokens = Vec::new();
    while let Some(first) = rest.chars().next() {
        let length = if first.is_ascii_digit() {
            let length = number_length(rest.as_bytes());
            let text = rest.get(..length).unwrap_or_default();
            let number = text.parse().map_err(|_| format!("[{text}] is not a number"))?;
            tokens.push(Token::Number(number));
            // The suffixes of Java's numbers.
            let suffix = rest.as_bytes().get(length).is_some_and(|b| b"LlDdFf".contains(b));
            length + usize::from(suffix)
        } else if first.is_alphabetic() || first == '_' {
            let length = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            tokens.push(Token::Name(rest.get(..length).unwrap_or_default().to_owned()));
            length
        } else if first == '\'' || first == '"' {
            let inner = rest.get(1..).unwrap_or_default();
            let end = inner
                .find(first)
                .ok_or_else(|| format!("a text that starts with {first} has no end"))?;
            tokens.push(Token::Text(inner.get(..end).unwrap_or_default().to_owned()));
            end + 2
        } else {
            let mark = MARKS
                .iter()
                .find(|mark| rest.starts_with(**mark))
                .ok_or_else(|| format!("[{first}] is not supported"))?;
            tokens.push(Token::Mark(mark));
            mark.len()
        };
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    Ok(tokens)
}

fn number_length(text: &[u8]) -> usize {
    let digits = |from: usize| {
        text.get(from..)
            .unwrap_or_default()
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count()
    };
    let mut length = digits(0);
    if text.get(length) == Some(&b'.') && digits(length + 1) > 0 {
        length += 1 + digits(length + 1);
    }
    if matches!(text.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(length + 1), Some(b'+' | b'-')));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    length
}
