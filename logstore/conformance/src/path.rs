//! Paths into an answer: `hits.hits.0._id`, a dot in a key as `\.`, `$name` for a kept key, `_arbitrary_key_` for any.

use serde_json::Value;

use crate::stash::Stash;

/// What stands at the path; the empty path and `$body` are the whole answer.
pub(crate) fn find(answer: &Value, path: &str, stash: &Stash) -> Option<Value> {
    let path = path.strip_prefix("$body.").unwrap_or(path);
    if path.is_empty() || path == "$body" {
        return Some(answer.clone());
    }
    let mut at = answer;
    let keys = keys(path);
    for (number, key) in keys.iter().enumerate() {
        let key = match stash.fill(&Value::String(key.clone())) {
            Value::String(text) => text,
            other => other.to_string(),
        };
        at = match at {
            Value::Object(object) if key == "_arbitrary_key_" => {
                let (name, value) = object.iter().next()?;
                if number + 1 == keys.len() {
                    return Some(Value::String(name.clone()));
                }
                value
            }
            Value::Object(object) => object.get(&key)?,
            Value::Array(items) => items.get(key.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(at.clone())
}

fn keys(path: &str) -> Vec<String> {
    let mut keys = vec![String::new()];
    let mut letters = path.chars();
    while let Some(letter) = letters.next() {
        let last = keys.len() - 1;
        match letter {
            '\\' => keys[last].extend(letters.next()),
            '.' => keys.push(String::new()),
            letter => keys[last].push(letter),
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_through_objects_lists_and_escaped_dots() {
        let answer = serde_json::json!({"a": [{"b.c": 1}], "x": {"only": {"y": 2}}});
        let stash = Stash::default();
        assert_eq!(find(&answer, r"a.0.b\.c", &stash), Some(1.into()));
        assert_eq!(find(&answer, "x._arbitrary_key_", &stash), Some("only".into()));
        assert_eq!(find(&answer, "x._arbitrary_key_.y", &stash), Some(2.into()));
        assert_eq!(find(&answer, "a.1", &stash), None);
    }
}
