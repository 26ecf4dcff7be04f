//! Texts with fields in them: `{service.name} says {message}`. `{{` and `}}` stand for braces.

use super::Draft;

/// A compiled text.
#[derive(Debug, Clone)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(String),
}

// === impl Template ===

impl Template {
    /// Reads a text; the error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let (brace, after) = rest[at..].split_at(1);
            if let Some(after) = after.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
                continue;
            }
            match after.split_once('}') {
                Some((name, after)) if brace == "{" && !name.trim().is_empty() && !name.contains('{') => {
                    if !plain.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    }
                    pieces.push(Piece::Field(name.trim().to_owned()));
                    rest = after;
                }
                _ => {
                    return Err(format!(
                        "{text:?} has a brace that is no {{field}}; write {{{{ or }}}} for a brace"
                    ));
                }
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self(pieces))
    }

    /// The one field that it consists of, if it does.
    pub(crate) fn only_field(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Field(name)] => Some(name),
            _ => None,
        }
    }

    /// Appends the text with the fields of this event. A field that it has not is nothing.
    pub(crate) fn fill(&self, draft: &Draft, out: &mut String) {
        self.fill_with(out, |name, out| {
            if let Some(text) = draft.text(name) {
                out.push_str(&text);
            }
        });
    }

    /// The same with fields from elsewhere.
    pub(crate) fn fill_with(&self, out: &mut String, mut field: impl FnMut(&str, &mut String)) {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Field(name) => field(name, out),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_filled_in() {
        let mut draft = Draft::default();
        draft.open(br#"{"a.b":"x\"","n":5}"#).unwrap();
        let filled = |text: &str| {
            let mut out = String::new();
            Template::parse(text).unwrap().fill(&draft, &mut out);
            out
        };
        assert_eq!(filled("{a.b}-{ n }-{missing}|{{a}}"), "x\"-5-|{a}");
        assert_eq!(filled(""), "");
        assert_eq!(Template::parse("{n}").unwrap().only_field(), Some("n"));
    }

    #[test]
    fn a_lone_brace_is_a_fault() {
        for text in ["{", "a}", "{}", "{a{b}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
