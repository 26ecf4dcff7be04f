//! Programs in VRL, Vector's language, for what the other transforms do not cover.
//!
//! A program sees the event nested, `.service.name`, as it would in Vector; it is written back with dotted fields.

use std::collections::BTreeMap;

use vrl::compiler::runtime::{Runtime, Terminate};
use vrl::compiler::{TargetValue, TimeZone};
use vrl::diagnostic::Formatter;
use vrl::value::{KeyString, Secrets, Value};

use super::{Draft, Outcome, Scratch, Transform};
use crate::config::VrlConfig;
use crate::meter::Count;

/// The transform: a compiled program.
pub(crate) struct Program(vrl::compiler::Program);

// === impl Program ===

impl Program {
    /// Compiles it. The error is VRL's own diagnosis, with the place in the program.
    pub(crate) fn new(config: &VrlConfig) -> Result<Self, String> {
        let source = match (&config.source, &config.file) {
            (Some(source), None) => source.clone(),
            (None, Some(file)) => std::fs::read_to_string(file)
                .map_err(|error| format!("cannot read the program {}: {error}", file.display()))?,
            _ => return Err("one of source and file must be given".to_owned()),
        };
        match vrl::compiler::compile(&source, &vrl::stdlib::all()) {
            Ok(compiled) => Ok(Self(compiled.program)),
            Err(diagnostics) => Err(format!(
                "the program cannot be compiled\n{}",
                Formatter::new(&source, diagnostics)
            )),
        }
    }
}

// === impl Transform ===

impl Transform for Program {
    fn apply(&self, draft: &mut Draft, _: &mut Scratch) -> Outcome {
        let mut document = Vec::new();
        draft.write(&mut document);
        let event: Value = match serde_json::from_slice::<serde_json::Value>(&document) {
            Ok(event) => nested(Value::from(event)),
            Err(error) => return Outcome::Failed(format!("the event cannot be read: {error}")),
        };
        let mut target = TargetValue {
            value: event,
            metadata: Value::Object(BTreeMap::new()),
            secrets: Secrets::default(),
        };
        match Runtime::default().resolve(&mut target, &self.0, &TimeZone::default()) {
            Ok(_) => {}
            Err(Terminate::Abort(_)) => return Outcome::Drop(Count::DroppedFailed),
            Err(Terminate::Interrupted) => return Outcome::Failed("the program was interrupted".to_owned()),
            Err(Terminate::Error(error)) => return Outcome::Failed(error.to_string()),
        }
        let body = match serde_json::to_vec(&target.value) {
            Ok(body) if body.first() == Some(&b'{') => body,
            _ => return Outcome::Failed("the program left no object".to_owned()),
        };
        let mark = draft.mark();
        draft.clear();
        match draft.merge(&body, None, None, usize::MAX, true) {
            Ok(()) => Outcome::Pass,
            Err(error) => {
                draft.back_to(mark);
                Outcome::Failed(error.to_string())
            }
        }
    }
}

/// Dotted keys as objects. Where a name is a value and an object both, the dotted key stays.
fn nested(event: Value) -> Value {
    let Value::Object(flat) = event else { return event };
    let mut root = BTreeMap::new();
    for (key, value) in flat {
        if let Err(value) = insert(&mut root, key.as_str(), value) {
            root.insert(key, value);
        }
    }
    Value::Object(root)
}

fn insert(object: &mut BTreeMap<KeyString, Value>, path: &str, value: Value) -> Result<(), Value> {
    let Some((head, rest)) = path.split_once('.') else {
        return match object.get_mut(path) {
            None => {
                object.insert(path.into(), value);
                Ok(())
            }
            Some(_) => Err(value),
        };
    };
    if head.is_empty() || rest.is_empty() {
        return Err(value);
    }
    let inner = object
        .entry(head.into())
        .or_insert_with(|| Value::Object(BTreeMap::new()));
    match inner {
        Value::Object(inner) => insert(inner, rest, value),
        _ => Err(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(source: &str, document: &str) -> (Outcome, String) {
        let config: VrlConfig = toml::from_str(&format!("source = '''{source}'''")).unwrap();
        let program = Program::new(&config).unwrap();
        let mut draft = Draft::default();
        draft.open(document.as_bytes()).unwrap();
        let outcome = program.apply(&mut draft, &mut Scratch::default());
        let mut out = Vec::new();
        draft.write(&mut out);
        (outcome, String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_program_sees_nested_fields_and_gives_dotted_ones() {
        let (outcome, document) = run(
            ".service.name = upcase!(.service.name)\n.new = 1",
            r#"{"service.name":"api","service.id":7}"#,
        );
        assert_eq!(outcome, Outcome::Pass);
        let document: serde_json::Value = serde_json::from_str(&document).unwrap();
        assert_eq!(document["service.name"], "API");
        assert_eq!(
            (&document["service.id"], &document["new"]),
            (&7.into(), &1.into())
        );
    }

    #[test]
    fn an_abort_drops_and_an_error_fails_and_changes_nothing() {
        assert_eq!(run("abort", "{}").0, Outcome::Drop(Count::DroppedFailed));
        let (outcome, document) = run(".a = 1\n.b = to_int!(.b)", r#"{"b":"x"}"#);
        assert!(matches!(outcome, Outcome::Failed(_)));
        assert_eq!(document, r#"{"b":"x"}"#);
    }

    #[test]
    fn what_does_not_compile_is_shown_with_its_place() {
        let config: VrlConfig = toml::from_str("source = '.a = upcase(.b)'").unwrap();
        let fault = Program::new(&config).err().unwrap();
        assert!(fault.contains("error[E"), "{fault}");
    }
}
