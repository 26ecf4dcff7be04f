//! Lucene's regular expressions as those of the term dictionaries.
//!
//! Most is the same. What differs: `^` and `$` are plain characters, `@` is any string, `#` is no string, `"…"` is
//! literal, `<1-31>` is a number in an interval. Complement (`~`) and intersection (`&`) have no counterpart, and
//! are refused by name.

/// Longest expression, in characters (`index.max_regex_length`).
pub const MAX_LENGTH: usize = 1_000;

/// Most numbers of an interval.
const MAX_INTERVAL: u64 = 1_000;

/// Translates an expression over a whole term.
pub fn translate(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if length > MAX_LENGTH {
        return Err(format!(
            "The length of regex [{length}] used in the Regexp Query request has exceeded the allowed maximum of [{MAX_LENGTH}]. This maximum can be set by changing the [index.max_regex_length] index level setting."
        ));
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut chars = text.chars().peekable();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                None => return Err("it ends with a backslash".to_owned()),
                // Letters that mean a class here and there; any other letter is itself in Lucene.
                Some(class @ ('d' | 'D' | 's' | 'S' | 'w' | 'W')) => out.extend(['\\', class]),
                Some(other) => literal(other, &mut out),
            },
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            c if in_class => match c {
                '[' | '&' | '~' => out.extend(['\\', c]),
                c => out.push(c),
            },
            '[' => {
                in_class = true;
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
            }
            '"' => loop {
                match chars.next() {
                    None => return Err("a quotation is not closed".to_owned()),
                    Some('"') => break,
                    Some(c) => literal(c, &mut out),
                }
            },
            '@' => out.push_str("(?:.*)"),
            '#' => out.push_str("(?:[^\\x00-\\x{10FFFF}])"),
            '<' => interval(&mut chars, &mut out)?,
            '~' => return Err("the complement operator [~] is not supported by this store".to_owned()),
            '&' => return Err("the intersection operator [&] is not supported by this store".to_owned()),
            '^' | '$' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    if in_class {
        return Err("a character class is not closed".to_owned());
    }
    Ok(out)
}

fn literal(c: char, out: &mut String) {
    let mut buffer = [0_u8; 4];
    out.push_str(&regex::escape(c.encode_utf8(&mut buffer)));
}

fn interval(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) -> Result<(), String> {
    let inner: String = chars.by_ref().take_while(|c| *c != '>').collect();
    let refuse = || format!("[<{inner}>] is no interval of numbers such as <1-31>");
    let (from, to) = inner.split_once('-').ok_or_else(refuse)?;
    let width = if from.len() == to.len() { from.len() } else { 0 };
    let (from, to): (u64, u64) = (
        from.parse().map_err(|_| refuse())?,
        to.parse().map_err(|_| refuse())?,
    );
    let (from, to) = (from.min(to), from.max(to));
    if to - from >= MAX_INTERVAL {
        return Err(format!(
            "the interval [<{inner}>] has more than [{MAX_INTERVAL}] numbers"
        ));
    }
    let numbers: Vec<String> = (from..=to).map(|number| format!("{number:0width$}")).collect();
    out.push_str("(?:");
    out.push_str(&numbers.join("|"));
    out.push(')');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_lucene_means_is_kept() {
        let matches = |pattern: &str, text: &str| {
            regex::Regex::new(&format!("^(?:{})$", translate(pattern).unwrap()))
                .unwrap()
                .is_match(text)
        };
        assert!(matches("a^b$", "a^b$"));
        assert!(matches("in.o|warn", "warn"));
        assert!(matches("a@z", "abcz"));
        assert!(matches("\"a.b\"", "a.b") && !matches("\"a.b\"", "axb"));
        assert!(matches("log-<01-12>", "log-07") && !matches("log-<01-12>", "log-13"));
        assert!(matches("[^&]+", "ab") && !matches("[^&]+", "a&"));
        assert!(translate("~a").unwrap_err().contains("[~]"));
        assert!(translate(&"a".repeat(1_001)).unwrap_err().contains("1001"));
    }

    proptest! {
        #[test]
        fn any_text_is_translated_or_refused(text in r#"[ab\[\]()^$@#~&"<>\-0-9\\.*?+{}|]{0,20}"#) {
            let _either = translate(&text);
        }
    }
}
