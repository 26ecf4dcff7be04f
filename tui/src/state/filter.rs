//! What `/` takes, on tables and on logs alike: a regular expression, or by the sign before it something else.
//!
//! ```text
//! lease|fenced      a regular expression; capitals mean themselves only when there are some (smart case)
//! !lease            everything that does not match
//! ~gds2             fuzzy: the letters in this order
//! cluster=guilds    a column or a field: `=` equals (`*` stands for anything), `!=` differs, `>` and `<` compare
//! ```

use std::ops::Range;

use regex::Regex;

/// Something that can be filtered.
pub trait Facts {
    /// What regular expressions and fuzzy filters look at.
    fn line(&self) -> String;
    /// The value of a column or a field, by its name in lower case.
    fn fact(&self, name: &str) -> Option<String>;
}

/// A filter.
#[derive(Debug, Clone)]
pub struct Filter {
    text: String,
    inverse: bool,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Regex(Regex),
    Fuzzy(String),
    Field(String, Comparison, Regex, f64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Differs,
    Greater,
    Less,
}

// === impl Filter ===

impl Filter {
    /// Reads a filter; `None` for an empty text.
    pub fn parse(text: &str) -> Result<Option<Self>, String> {
        let (inverse, rest) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if rest.is_empty() {
            return Ok(None);
        }
        let test = match rest.strip_prefix('~') {
            Some("") => return Ok(None),
            Some(letters) => Test::Fuzzy(letters.to_lowercase()),
            None => match field(rest) {
                Some(field) => field,
                None => Test::Regex(smart(rest).map_err(|_| format!("not a regular expression: {rest}"))?),
            },
        };
        Ok(Some(Self {
            text: text.to_owned(),
            inverse,
            test,
        }))
    }

    /// As it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it lets `item` through.
    pub fn matches(&self, item: &impl Facts) -> bool {
        let found = match &self.test {
            Test::Regex(regex) => regex.is_match(&item.line()),
            Test::Fuzzy(letters) => spread(&item.line(), letters).is_some(),
            Test::Field(name, comparison, wanted, number) => match (item.fact(name), comparison) {
                (None, _) => *comparison == Comparison::Differs,
                (Some(value), Comparison::Equal) => wanted.is_match(&value),
                (Some(value), Comparison::Differs) => !wanted.is_match(&value),
                (Some(value), Comparison::Greater) => value.parse::<f64>().is_ok_and(|value| value > *number),
                (Some(value), Comparison::Less) => value.parse::<f64>().is_ok_and(|value| value < *number),
            },
        };
        found != self.inverse
    }

    /// What of `text` is to be highlighted.
    pub fn spans(&self, text: &str) -> Vec<Range<usize>> {
        match &self.test {
            _ if self.inverse => Vec::new(),
            Test::Regex(regex) => regex
                .find_iter(text)
                .map(|found| found.range())
                .filter(|range| !range.is_empty())
                .collect(),
            Test::Fuzzy(letters) => places(text, letters).unwrap_or_default(),
            Test::Field(..) => Vec::new(),
        }
    }
}

/// `key=value` and its kin; `None` when `text` is not of that shape.
fn field(text: &str) -> Option<Test> {
    let at = text.find(['=', '!', '<', '>'])?;
    let (name, rest) = text.split_at(at);
    let named = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '@')
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "._-@%".contains(letter));
    if !named {
        return None;
    }
    let (comparison, value) = if let Some(value) = rest.strip_prefix("!=") {
        (Comparison::Differs, value)
    } else if let Some(value) = rest.strip_prefix('=') {
        (Comparison::Equal, value)
    } else if let Some(value) = rest.strip_prefix('>') {
        (Comparison::Greater, value)
    } else {
        (Comparison::Less, rest.strip_prefix('<')?)
    };
    let number = value.parse().unwrap_or(f64::NAN);
    let ordered = matches!(comparison, Comparison::Greater | Comparison::Less);
    if value.is_empty() || ordered && number.is_nan() {
        return None;
    }
    let pattern = regex::escape(value).replace(r"\*", ".*");
    let wanted = Regex::new(&format!("(?is)^{pattern}$")).ok()?;
    Some(Test::Field(name.to_lowercase(), comparison, wanted, number))
}

/// Smart case, as in ripgrep: capitals mean themselves.
fn smart(text: &str) -> Result<Regex, regex::Error> {
    let insensitive = if text.chars().any(char::is_uppercase) {
        ""
    } else {
        "(?i)"
    };
    Regex::new(&format!("{insensitive}{text}"))
}

/// How far the letters of `typed` lie apart in `line`, or `None` when they are not there in that order. Smaller is
/// better; what begins early is a little better.
pub fn spread(line: &str, typed: &str) -> Option<usize> {
    let places = places(line, typed)?;
    let (Some(first), Some(last)) = (places.first(), places.last()) else {
        return Some(0);
    };
    Some(last.start - first.start + first.start.min(8))
}

fn places(line: &str, typed: &str) -> Option<Vec<Range<usize>>> {
    let mut letters = line.char_indices();
    typed
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .map(|wanted| {
            let (index, letter) = letters.find(|(_, letter)| letter.eq_ignore_ascii_case(&wanted))?;
            Some(index..index + letter.len_utf8())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Node;

    impl Facts for Node {
        fn line(&self) -> String {
            "guilds-2 lost Red".to_owned()
        }

        fn fact(&self, name: &str) -> Option<String> {
            match name {
                "state" => Some("lost".to_owned()),
                "queue" => Some("18240".to_owned()),
                _ => None,
            }
        }
    }

    fn lets_through(text: &str) -> bool {
        Filter::parse(text).unwrap().unwrap().matches(&Node)
    }

    #[test]
    fn every_kind_of_filter_has_its_sign() {
        for yes in [
            "guilds",
            "RED|Red",
            "red",
            "!api",
            "~gl2",
            "state=lost",
            "state=l*",
            "state!=ready",
            "queue>1000",
            "queue<2e4",
            "!queue>1e6",
            "nothing!=x",
            "!~zz",
        ] {
            assert!(lets_through(yes), "{yes}");
        }
        for no in [
            "RED",
            "!guilds",
            "~2g",
            "state=los",
            "state!=lost",
            "queue>18240",
            "nothing=x",
            "state>1",
        ] {
            assert!(!lets_through(no), "{no}");
        }
    }

    #[test]
    fn nothing_typed_is_no_filter_and_a_broken_expression_says_so() {
        for text in ["", "!", "~", "!~"] {
            assert!(Filter::parse(text).unwrap().is_none(), "{text:?}");
        }
        assert_eq!(Filter::parse("a(").unwrap_err(), "not a regular expression: a(");
    }

    #[test]
    fn what_is_highlighted_lies_on_letter_borders() {
        let filter = Filter::parse("~äb").unwrap().unwrap();
        assert_eq!(filter.spans("xäyb"), [1..3, 4..5]);
        assert!(Filter::parse("!x").unwrap().unwrap().spans("xx").is_empty());
    }
}
