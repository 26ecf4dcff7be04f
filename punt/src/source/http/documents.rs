//! Cutting a body that is no bulk into documents.

use serde_json::value::RawValue;

use super::refusal::Refusal;

/// The lines of a body, without their line ends; the last one may have none. Blank lines are no events.
pub(super) fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    body.split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.trim_ascii().is_empty())
}

/// The objects of a JSON body: an array of them, one, or several after one another. Anything else is refused
/// whole, since half of a broken body would be stored again when it is mended.
pub(super) fn objects(body: &[u8]) -> Result<Vec<&RawValue>, Refusal> {
    let broken = |error: serde_json::Error| Refusal::argument(format!("the body is not JSON: {error}"));
    let mut objects = Vec::new();
    for value in serde_json::Deserializer::from_slice(body).into_iter::<&RawValue>() {
        let value = value.map_err(broken)?;
        match value.get().as_bytes().first() {
            Some(b'[') => {
                objects.extend(serde_json::from_str::<Vec<&RawValue>>(value.get()).map_err(broken)?)
            }
            _ => objects.push(value),
        }
    }
    match objects.iter().position(|value| !value.get().starts_with('{')) {
        Some(at) => Err(Refusal::argument(format!(
            "value {} of the body is not an object",
            at + 1
        ))),
        None => Ok(objects),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(body: &str) -> Vec<&str> {
        let objects = objects(body.as_bytes()).unwrap();
        objects.into_iter().map(RawValue::get).collect()
    }

    #[test]
    fn objects_come_in_arrays_or_alone_or_in_a_row() {
        assert_eq!(texts(r#" [{"a":1}, {"b":[2]}] "#), [r#"{"a":1}"#, r#"{"b":[2]}"#]);
        assert_eq!(texts(r#"{"a":1}"#), [r#"{"a":1}"#]);
        assert_eq!(texts("{}\n{}[{}]"), ["{}", "{}", "{}"]);
        assert!(texts("[]").is_empty());
    }

    #[test]
    fn a_body_that_is_broken_anywhere_is_refused_whole() {
        for body in ["[{}", "[{},1]", "{} x", "\"text\"", "[{}]]", "{\"a\":\"\u{1}\"}"] {
            assert_eq!(objects(body.as_bytes()).unwrap_err().status, 400, "{body}");
        }
    }

    #[test]
    fn the_last_line_needs_no_end_and_blank_lines_are_none() {
        let found: Vec<&[u8]> = lines(b"a\r\n\n \nb").collect();
        assert_eq!(found, [b"a", b"b"]);
    }
}
