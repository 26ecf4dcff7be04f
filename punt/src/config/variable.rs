//! `${NAME}` and `${NAME:-default}` in the texts of a configuration: what must not stand in the file, from the
//! environment. `$${` stands for `${`.

/// Replaces the variables of `text`, which `look_up` knows. The error says which one is missing or malformed.
pub(super) fn expand(text: &str, look_up: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(escaped) = before.strip_suffix('$') {
            expanded.push_str(escaped);
            expanded.push_str("${");
            rest = &from[2..];
            continue;
        }
        expanded.push_str(before);
        let Some(end) = from.find('}') else {
            return Err(
                "`${` has no `}` behind it; write `$${` for the two characters themselves".to_owned(),
            );
        };
        let inside = &from[2..end];
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(plain) {
            return Err(format!(
                "`${{{inside}}}` names no variable; write ${{NAME}}, ${{NAME:-default}}, or `$${{` for the two characters themselves"
            ));
        }
        let value = look_up(name).filter(|value| default.is_none() || !value.is_empty());
        match value.or_else(|| default.map(ToOwned::to_owned)) {
            Some(value) => expanded.push_str(&value),
            None => {
                return Err(format!(
                    "the environment has no variable {name}; set it, or give a default with ${{{name}:-...}}"
                ));
            }
        }
        rest = &from[end + 1..];
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        match name {
            "USER" => Some("punt".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_replaced_and_defaults_stand_in_for_them() {
        for (text, expected) in [
            ("plain", "plain"),
            (
                "https://${USER}:${PASSWORD:-secret}@engine",
                "https://punt:secret@engine",
            ),
            ("${EMPTY:-x}${EMPTY}", "x"),
            ("$${USER} costs 5$", "${USER} costs 5$"),
            ("${NONE:-}", ""),
            ("{field} $1", "{field} $1"),
        ] {
            assert_eq!(expand(text, environment).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_missing_variable_is_named_and_nonsense_is_refused() {
        assert!(
            expand("${PASSWORD}", environment)
                .unwrap_err()
                .contains("PASSWORD")
        );
        for text in ["${USER", "${}", "${a b}"] {
            assert!(expand(text, environment).is_err(), "{text}");
        }
    }
}
