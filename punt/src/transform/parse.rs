//! Text in a field into fields.

use jiff::tz::TimeZone;
use punt_parse::{Fields, KeyValue, Value, logfmt, nginx};
use regex::Regex;

use super::clock::event_time_ms;
use super::{Draft, Outcome, Scratch, Transform};

/// The transform: `parse`, and Punt's `unpack_merge` and `unpack_take`.
pub(crate) struct Parse {
    pub(crate) format: Format,
    /// Where the text is.
    pub(crate) field: String,
    /// What the new fields are below.
    pub(crate) target: Option<String>,
    /// Whether the text stays.
    pub(crate) keep_field: bool,
    pub(crate) max_fields: usize,
}

/// What the text is, with all that its parser needs.
pub(crate) enum Format {
    Json,
    Ecs,
    /// A JSON object that takes the event's place.
    Take,
    Logfmt,
    Syslog,
    NginxAccess,
    NginxError(TimeZone),
    KeyValue(KeyValue),
    /// Named groups, by number.
    Regex(Regex, Vec<(usize, String)>),
}

// === impl Transform ===

impl Transform for Parse {
    fn apply(&self, draft: &mut Draft, scratch: &mut Scratch) -> Outcome {
        let mut text = std::mem::take(&mut scratch.text);
        let outcome = if draft.text_into(&self.field, &mut text) {
            self.parse(draft, &text, scratch)
        } else {
            Err(format!("there is no text in {}", self.field))
        };
        scratch.text = text;
        outcome.map_or_else(Outcome::Failed, |()| Outcome::Pass)
    }
}

// === impl Parse ===

impl Parse {
    fn parse(&self, draft: &mut Draft, text: &str, scratch: &Scratch) -> Result<(), String> {
        let fields = match &self.format {
            Format::Json | Format::Ecs | Format::Take => return self.json(draft, text.trim()),
            Format::Syslog => {
                let message = punt_syslog::parse(text, scratch.now)
                    .map_err(|unparsed| format!("not syslog: {}", unparsed.reason))?;
                return self.put(draft, syslog(&message));
            }
            Format::Logfmt => logfmt(text),
            Format::NginxAccess => nginx::access(text),
            Format::NginxError(zone) => nginx::error(text, zone),
            Format::KeyValue(format) => format.parse(text),
            Format::Regex(pattern, groups) => {
                let found = pattern
                    .captures(text)
                    .ok_or_else(|| "the pattern does not match".to_owned())?;
                let fields = groups.iter().filter_map(|(group, name)| {
                    let value = found.get(*group)?.as_str();
                    Some((name.as_str().into(), Value::text(value)))
                });
                return self.put(draft, fields.collect());
            }
        };
        self.put(draft, fields.map_err(|error| error.to_string())?)
    }

    fn put(&self, draft: &mut Draft, fields: Fields<'_>) -> Result<(), String> {
        if fields.len() > self.max_fields {
            return Err(format!("the text has more than {} fields", self.max_fields));
        }
        let retimes =
            |name: &str, value: &Value<'_>| self.target.is_none() && name == "@timestamp" && !is_time(value);
        if fields.iter().any(|(name, value)| retimes(name, value)) {
            return Err("its @timestamp is no time".to_owned());
        }
        if fields.iter().any(|(name, _)| name.is_empty()) {
            return Err("a field has an empty name".to_owned());
        }
        let replaced = self.target.is_none() && fields.iter().any(|(name, _)| *name == self.field);
        if !self.keep_field && !replaced {
            draft.remove(&self.field);
        }
        for (name, value) in &fields {
            let below;
            let name = match &self.target {
                Some(target) => {
                    below = format!("{target}.{name}");
                    below.as_str()
                }
                None => name,
            };
            match value {
                Value::Text(text) => draft.set_text(name, text),
                Value::Number(number) => draft.set_raw(name, number.as_bytes()),
                Value::Bool(value) => draft.set_raw(name, if *value { b"true" } else { b"false" }),
            }
        }
        Ok(())
    }

    fn json(&self, draft: &mut Draft, text: &str) -> Result<(), String> {
        let flatten = matches!(self.format, Format::Ecs);
        if matches!(self.format, Format::Take) {
            let mut body = Draft::default();
            body.merge(text.as_bytes(), None, None, self.max_fields, flatten)
                .map_err(|error| error.to_string())?;
            let time = draft.get("@timestamp").map(<[u8]>::to_vec);
            draft.clear();
            draft
                .merge(text.as_bytes(), None, None, self.max_fields, flatten)
                .map_err(|error| error.to_string())?;
            if let Some(time) = time
                && draft.get("@timestamp").is_none()
            {
                draft.set_raw("@timestamp", &time);
            }
            return Ok(());
        }
        let replacing = (!self.keep_field).then_some(self.field.as_str());
        draft
            .merge(
                text.as_bytes(),
                replacing,
                self.target.as_deref(),
                self.max_fields,
                flatten,
            )
            .map_err(|error| error.to_string())
    }
}

fn is_time(value: &Value<'_>) -> bool {
    let mut json = Vec::new();
    match value {
        Value::Text(text) => punt_json::write_text(&mut json, text),
        Value::Number(number) => json.extend_from_slice(number.as_bytes()),
        Value::Bool(_) => return false,
    }
    event_time_ms(&json).is_some()
}

/// The fields that the syslog source gives, too.
fn syslog<'a>(message: &'a punt_syslog::Message<'a>) -> Fields<'a> {
    let mut fields = Fields::new();
    let mut add = |name: &'static str, value: Value<'a>| fields.push((name.into(), value));
    if let Some(time) = message.timestamp {
        add("@timestamp", Value::text(time.to_string()));
    }
    add("message", Value::text(message.message));
    if let Some(name) = message.appname {
        add("service.name", Value::text(name));
        add("log.syslog.appname", Value::text(name));
    }
    if let Some(name) = message.hostname {
        add("host.name", Value::text(name));
        add("log.syslog.hostname", Value::text(name));
    }
    if let Some(id) = message.procid {
        if let Ok(pid) = id.parse::<u32>() {
            add("process.pid", Value::number(pid.into()));
        }
        add("log.syslog.procid", Value::text(id));
    }
    if let Some(priority) = message.priority {
        add(
            "log.level",
            Value::text(crate::source::level(priority.severity().code())),
        );
        add("log.syslog.priority", Value::number(priority.value().into()));
        add(
            "log.syslog.facility.code",
            Value::number(priority.facility().into()),
        );
        add(
            "log.syslog.severity.code",
            Value::number(priority.severity().code().into()),
        );
        add(
            "log.syslog.severity.name",
            Value::text(priority.severity().name()),
        );
    }
    if let Some(id) = message.msgid {
        add("log.syslog.msgid", Value::text(id));
    }
    for element in &message.structured_data {
        for (name, value) in &element.params {
            let key = format!("log.syslog.structured_data.{}.{name}", element.id);
            fields.push((key.into(), Value::text(value.as_ref())));
        }
    }
    fields
}
