//! Character filters: what happens to a text before it is cut into tokens.

use regex::Regex;

/// A character filter.
#[derive(Debug, Clone)]
pub enum CharFilter {
    /// Tags go, entities become their characters.
    HtmlStrip,
    /// Each left side becomes its right side, the longest first.
    Mapping(Vec<(String, String)>),
    /// What matches is replaced.
    PatternReplace(Regex, String),
}

impl CharFilter {
    /// The filtered text.
    pub fn apply(&self, text: &str) -> String {
        match self {
            Self::HtmlStrip => strip(text),
            Self::Mapping(pairs) => {
                let mut out = String::with_capacity(text.len());
                let mut rest = text;
                while let Some(c) = rest.chars().next() {
                    match pairs.iter().find(|(from, _)| rest.starts_with(from.as_str())) {
                        Some((from, to)) => {
                            out.push_str(to);
                            rest = &rest[from.len()..];
                        }
                        None => {
                            out.push(c);
                            rest = &rest[c.len_utf8()..];
                        }
                    }
                }
                out
            }
            Self::PatternReplace(pattern, to) => pattern.replace_all(text, to.as_str()).into_owned(),
        }
    }
}

fn strip(text: &str) -> String {
    const ENTITIES: [(&str, char); 6] = [
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", '\u{a0}'),
    ];
    const BLOCKS: [&str; 8] = ["p", "div", "br", "li", "ul", "h1", "h2", "td"];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find(['<', '&']) {
        let (before, from) = rest.split_at(place);
        out.push_str(before);
        if let Some(tag) = from.strip_prefix('<')
            && tag.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!')
            && let Some(end) = tag.find('>')
        {
            let name = tag
                .trim_start_matches('/')
                .split(|c: char| !c.is_ascii_alphanumeric())
                .next();
            if name.is_some_and(|name| BLOCKS.iter().any(|block| name.eq_ignore_ascii_case(block))) {
                out.push('\n');
            }
            rest = &tag[end + 1..];
            continue;
        }
        if let Some(entity) = from.strip_prefix('&')
            && let Some(end) = entity.find(';').filter(|end| *end <= 8)
        {
            let name = &entity[..end];
            let numeric = name
                .strip_prefix('#')
                .and_then(|digits| digits.parse().ok())
                .and_then(char::from_u32);
            let named = ENTITIES.iter().find(|(known, _)| *known == name).map(|(_, c)| *c);
            if let Some(c) = numeric.or(named) {
                out.push(c);
                rest = &entity[end + 1..];
                continue;
            }
        }
        // Neither a tag nor an entity: the character stands for itself, and it is ASCII.
        out.push_str(&from[..1]);
        rest = &from[1..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_stripped_and_what_only_looks_like_it_stays() {
        assert_eq!(strip("<b>a &amp; b</b> &#65; 1 < 2 && x"), "a & b A 1 < 2 && x");
        assert_eq!(strip("<p>a</p>b"), "\na\nb");
    }

    #[test]
    fn the_first_mapping_that_fits_is_applied() {
        let filter = CharFilter::Mapping(vec![("ab".into(), "1".into()), ("a".into(), "2".into())]);
        assert_eq!(filter.apply("abaé"), "12é");
    }
}
