//! The fields of a body, read one by one; what is wrong with any of them is told all at once.

use serde_json::{Map, Value};

use crate::error::ApiError;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Form {
    fields: Map<String, Value>,
    wrong: Vec<(String, &'static str, String)>,
}

// === impl Form ===

impl Form {
    pub(crate) fn new(fields: Map<String, Value>) -> Self {
        Self {
            fields,
            wrong: Vec::new(),
        }
    }

    fn field(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// A text of at most `longest` characters.
    pub(crate) fn text(&mut self, name: &str, longest: usize) -> Option<String> {
        let text = match self.field(name)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => {
                self.complain(name, "BASE_TYPE_STRING", "Must be a string.");
                return None;
            }
        };
        if text.chars().count() > longest {
            let message = format!("Must be {longest} or fewer in length.");
            self.complain(name, "BASE_TYPE_MAX_LENGTH", &message);
        }
        Some(text)
    }

    /// A text that must be there.
    pub(crate) fn required_text(&mut self, name: &str, longest: usize) -> String {
        let text = self.text(name, longest).unwrap_or_default();
        if text.trim().is_empty() && !self.wrong.iter().any(|(wrong, ..)| wrong == name) {
            self.complain(name, "BASE_TYPE_REQUIRED", "This field is required");
        }
        text
    }

    /// A yes or no; no by default.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        match self.field(name) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                self.complain(name, "BOOLEAN_TYPE_CONVERT", "Must be either true or false.");
                false
            }
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn number(&mut self, name: &str) -> Option<u32> {
        let number = self
            .field(name)?
            .as_u64()
            .and_then(|number| u32::try_from(number).ok());
        if number.is_none() {
            self.complain(name, "NUMBER_TYPE_COERCE", "Value is not int.");
        }
        number
    }

    /// The id in field `inner` of the object in field `name`.
    pub(crate) fn id_in(&mut self, name: &str, inner: &str) -> Option<u64> {
        let value = self.field(name)?.get(inner)?;
        let id = match value {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.as_u64(),
            _ => None,
        };
        if id.is_none() {
            self.complain(name, "NUMBER_TYPE_COERCE", "Value is not snowflake.");
        }
        id
    }

    fn complain(&mut self, name: &str, code: &'static str, message: &str) {
        self.wrong.push((name.to_owned(), code, message.to_owned()));
    }

    /// Whether everything that was read was right.
    pub(crate) fn check(&mut self) -> Result<(), ApiError> {
        if self.wrong.is_empty() {
            return Ok(());
        }
        Err(ApiError::invalid_form(std::mem::take(&mut self.wrong)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn form(value: Value) -> Form {
        match value {
            Value::Object(fields) => Form::new(fields),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn fields_are_read_by_type() {
        let mut form = form(json!({"content": "hé", "nonce": 12, "tts": true, "topic": null,
            "message_reference": {"message_id": "77"}}));
        assert_eq!(form.text("content", 2), Some("hé".to_owned()));
        assert_eq!(form.text("nonce", 25), Some("12".to_owned()));
        assert!(form.flag("tts") && !form.flag("enforce_nonce"));
        assert_eq!(form.text("topic", 9), None);
        assert_eq!(form.id_in("message_reference", "message_id"), Some(77));
        assert_eq!(form.check(), Ok(()));
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let mut form = form(json!({"content": "abc", "tts": "yes", "topic": []}));
        form.text("content", 2);
        form.flag("tts");
        form.text("topic", 9);
        form.required_text("name", 100);
        let expected = ApiError::invalid_form([
            (
                "content".to_owned(),
                "BASE_TYPE_MAX_LENGTH",
                "Must be 2 or fewer in length.".to_owned(),
            ),
            (
                "tts".to_owned(),
                "BOOLEAN_TYPE_CONVERT",
                "Must be either true or false.".to_owned(),
            ),
            (
                "topic".to_owned(),
                "BASE_TYPE_STRING",
                "Must be a string.".to_owned(),
            ),
            (
                "name".to_owned(),
                "BASE_TYPE_REQUIRED",
                "This field is required".to_owned(),
            ),
        ]);
        assert_eq!(form.check(), Err(expected));
    }
}
