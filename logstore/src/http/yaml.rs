//! JSON written as YAML, which `format=yaml` asks for. Every string is quoted, so that none is taken for
//! something else.

use serde_json::Value;

/// A value as a YAML document.
pub fn write(value: &Value) -> String {
    let mut out = String::from("---\n");
    match value {
        Value::Object(map) if !map.is_empty() => block(value, 0, &mut out),
        Value::Array(items) if !items.is_empty() => block(value, 0, &mut out),
        leaf => {
            out.push_str(&scalar(leaf));
            out.push('\n');
        }
    }
    out
}

fn block(value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                out.push_str(&indent);
                let plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !key.is_empty();
                out.push_str(&if plain {
                    key.clone()
                } else {
                    Value::from(key.as_str()).to_string()
                });
                out.push(':');
                after(child, depth, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                out.push_str(&indent);
                out.push('-');
                after(item, depth, out);
            }
        }
        _ => {}
    }
}

/// What follows a key or a dash: on the line if it is one word, below it if not.
fn after(value: &Value, depth: usize, out: &mut String) {
    let nests = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if nests {
        out.push('\n');
        block(value, depth + 1, out);
    } else {
        out.push(' ');
        out.push_str(&scalar(value));
        out.push('\n');
    }
}

fn scalar(value: &Value) -> String {
    // A JSON string is a double-quoted YAML scalar; empty collections are written alike in both.
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_becomes_yaml() {
        let value = json!({"a": {"b-c": 1, "d": []}, "e": ["x: y", {"f": null}]});
        assert_eq!(
            write(&value),
            "---\na:\n  \"b-c\": 1\n  d: []\ne:\n  - \"x: y\"\n  -\n    f: null\n"
        );
    }
}
