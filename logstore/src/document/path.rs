//! Reads values out of a `_source`, in which a path may be written with dots, with nesting, or both.

use serde_json::Value;

/// Collects the leaf values at a dotted path.
pub fn values<'a>(source: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = Vec::new();
    collect(source, path, &mut found);
    found
}

fn collect<'a>(value: &'a Value, path: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(list) => list.iter().for_each(|item| collect(item, path, found)),
        Value::Null => {}
        Value::Object(_) if path.is_empty() => {}
        leaf if path.is_empty() => found.push(leaf),
        Value::Object(map) => {
            for (key, child) in map {
                if key == path {
                    collect(child, "", found);
                } else if let Some(rest) = path
                    .strip_prefix(key.as_str())
                    .and_then(|rest| rest.strip_prefix('.'))
                {
                    collect(child, rest, found);
                }
            }
        }
        _ => {}
    }
}

/// Collects the objects at a dotted path, those of arrays one by one.
pub fn objects<'a>(source: &'a Value, path: &str) -> Vec<&'a Value> {
    fn walk<'a>(value: &'a Value, path: &str, found: &mut Vec<&'a Value>) {
        match value {
            Value::Array(list) => list.iter().for_each(|item| walk(item, path, found)),
            Value::Object(_) if path.is_empty() => found.push(value),
            Value::Object(map) => {
                for (key, child) in map {
                    if key == path {
                        walk(child, "", found);
                    } else if let Some(rest) = path
                        .strip_prefix(key.as_str())
                        .and_then(|rest| rest.strip_prefix('.'))
                    {
                        walk(child, rest, found);
                    }
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(source, path, &mut found);
    found
}

/// Lists every leaf path with its values, in the order of the document.
pub fn leaves(source: &Value) -> Vec<(String, Vec<&Value>)> {
    fn walk<'a>(value: &'a Value, path: &str, out: &mut Vec<(String, Vec<&'a Value>)>) {
        match value {
            Value::Object(map) => {
                for (key, child) in map {
                    let child_path = if path.is_empty() {
                        key.clone()
                    } else {
                        format!("{path}.{key}")
                    };
                    walk(child, &child_path, out);
                }
            }
            Value::Array(list) => list.iter().for_each(|item| walk(item, path, out)),
            Value::Null => {}
            leaf => match out.iter_mut().find(|(known, _)| known == path) {
                Some((_, values)) => values.push(leaf),
                None => out.push((path.to_owned(), vec![leaf])),
            },
        }
    }
    let mut out = Vec::new();
    walk(source, "", &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_is_found_however_it_is_written() {
        for source in [
            json!({"a.b.c": 1}),
            json!({"a": {"b": {"c": 1}}}),
            json!({"a.b": {"c": 1}}),
            json!({"a": [{"b.c": 1}]}),
        ] {
            assert_eq!(values(&source, "a.b.c"), [&json!(1)], "{source}");
        }
        assert!(values(&json!({"a": {"b": 1}}), "a").is_empty());
    }
}
