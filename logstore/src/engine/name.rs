//! Names of indices: which are refused, and date math in them (`<logs-{now/d}>`).

use crate::date::math::{self, Round};
use crate::date::parse::DEFAULT_FORMATS;
use crate::date::zone::Zone;
use crate::date::{Millis, format};
use crate::error::{ApiError, ApiResult};

/// The longest name, in bytes. Elasticsearch allows 255; the rest is for the names of files.
const MAX_BYTES: usize = 240;

/// How a date in a name is written unless it says otherwise.
const DEFAULT_DATE: &str = "yyyy.MM.dd";

/// Refuses names that Elasticsearch refuses.
pub fn check(name: &str) -> ApiResult<()> {
    let refuse = |reason: &str| {
        Err(ApiError::new(
            400,
            "invalid_index_name_exception",
            format!("Invalid index name [{name}], {reason}"),
        )
        .with("index_uuid", "_na_")
        .with("index", name))
    };
    if name.is_empty() {
        return refuse("must not be empty");
    }
    if name == "." || name == ".." {
        return refuse("must not be '.' or '..'");
    }
    if name.chars().any(char::is_uppercase) {
        return refuse("must be lowercase");
    }
    if name.starts_with(['_', '-', '+']) {
        return refuse("must not start with '_', '-', or '+'");
    }
    if name
        .chars()
        .any(|c| c.is_control() || r#" "*\<|,>/?#:"#.contains(c))
    {
        return refuse(r#"must not contain the following characters [ , ", *, \, <, |, ,, >, /, ?, #, :]"#);
    }
    if name.len() > MAX_BYTES {
        return refuse("index name is too long");
    }
    Ok(())
}

/// Refuses names of aliases that Elasticsearch refuses: the rules of indices, but upper case is allowed.
pub fn check_alias(name: &str) -> ApiResult<()> {
    check(&name.to_lowercase()).map_err(|error| {
        ApiError::new(
            400,
            "invalid_alias_name_exception",
            format!("Invalid alias name [{name}]: {}", error.reason),
        )
    })
}

/// Whether documents of an index of this name live in the small store beside tantivy: names with a leading
/// dot, which programs keep their own settings in. Backing indices of data streams hold logs.
pub fn is_hidden(name: &str) -> bool {
    name.starts_with('.') && !name.starts_with(".ds-")
}

/// Splits an expression at its commas, but not inside date math.
pub fn split(expression: &str) -> Vec<&str> {
    let (mut parts, mut from, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, byte) in expression.bytes().enumerate() {
        match byte {
            b'<' => depth += 1,
            b'>' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push(&expression[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&expression[from..]);
    parts.retain(|part| !part.trim().is_empty());
    parts.into_iter().map(str::trim).collect()
}

/// Replaces date math in one name: `<logs-{now/d{yyyy.MM|+02:00}}>` becomes `logs-2026.11`. Any other name
/// stays as it is.
pub fn resolve_dates(name: &str, now: Millis) -> ApiResult<String> {
    let (excluded, inner) = match name.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", name),
    };
    let Some(inner) = inner.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) else {
        return Ok(name.to_owned());
    };
    let invalid = |what: &str| {
        ApiError::new(
            400,
            "parse_exception",
            format!("invalid dynamic name expression [{inner}]. {what}"),
        )
    };
    let mut out = String::from(excluded);
    let mut rest = inner;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        let after = &rest[open + 1..];
        let mut depth = 1_usize;
        let close = after
            .bytes()
            .position(|byte| {
                match byte {
                    b'{' => depth += 1,
                    b'}' => depth -= 1,
                    _ => {}
                }
                depth == 0
            })
            .ok_or_else(|| invalid("date math placeholder is open ended"))?;
        out.push_str(&placeholder(&after[..close], now).map_err(|reason| invalid(&reason))?);
        rest = &after[close + 1..];
    }
    if rest.contains('}') {
        return Err(invalid("invalid character at position of [}]"));
    }
    out.push_str(rest);
    Ok(out)
}

/// `now/d{yyyy.MM|+02:00}` as the text of a date.
fn placeholder(text: &str, now: Millis) -> Result<String, String> {
    let (math, pattern) = match text.split_once('{') {
        Some((math, pattern)) => (
            math,
            pattern
                .strip_suffix('}')
                .ok_or("missing closing `}` for date math format")?,
        ),
        None => (text, DEFAULT_DATE),
    };
    let (pattern, zone) = match pattern.split_once('|') {
        Some((pattern, zone)) => (
            pattern,
            Zone::parse(zone).ok_or_else(|| format!("unknown time zone [{zone}]"))?,
        ),
        None => (pattern, Zone::UTC),
    };
    let at = math::evaluate(math, DEFAULT_FORMATS, &zone, now, Round::Down)?;
    Ok(format::format(at, Some(pattern), &zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_795_513_611_123; // 2026-11-24T09:46:51.123Z

    #[test]
    fn names_are_refused_as_elasticsearch_refuses_them() {
        for bad in [
            "", ".", "..", "Logs", "_x", "-x", "a b", "a/b", "a*", "a,b", "a#b", "a:b",
        ] {
            assert_eq!(
                check(bad).unwrap_err().kind,
                "invalid_index_name_exception",
                "{bad}"
            );
        }
        for good in ["logs-2026.11.24", ".kibana_1", "guildwatch-2026.11.24", "日本"] {
            check(good).unwrap();
        }
        check_alias("Logs").unwrap();
    }

    #[test]
    fn date_math_in_a_name_becomes_a_date() {
        let resolved = |name| resolve_dates(name, NOW).unwrap();
        assert_eq!(resolved("<logs-{now/d}>"), "logs-2026.11.24");
        assert_eq!(resolved("<logs-{now/d-1d}-x>"), "logs-2026.11.23-x");
        assert_eq!(resolved("<logs-{now/M{yyyy.MM}}>"), "logs-2026.11");
        assert_eq!(resolved("<l-{now/d{yyyy-MM-dd HH|+02:00}}>"), "l-2026-11-24 00");
        assert_eq!(resolved("plain"), "plain");
        assert!(resolve_dates("<logs-{now/d>", NOW).is_err());
        assert_eq!(
            split("a,<b-{now{yyyy,MM}}>,-c*"),
            ["a", "<b-{now{yyyy,MM}}>", "-c*"]
        );
    }
}
