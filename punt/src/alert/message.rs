//! What is said: from a notice to the body of a request.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::config::{ActionConfig, AlertConfig};
use crate::transform::{Draft, Template};

/// A rule that fired.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    pub(crate) alert: String,
    /// The value of the rule's key; empty without one.
    pub(crate) key: String,
    /// How many events.
    pub(crate) count: u64,
    /// They came during a silence.
    pub(crate) rolled_up: bool,
    /// The latest of them.
    pub(crate) document: Bytes,
}

/// The texts of a rule.
pub(super) struct Wording {
    title: Template,
    text: Template,
    fields: Vec<String>,
}

/// The form of an action's requests.
pub(super) enum Form {
    /// A template of our user's.
    Body(Template),
    Webhook,
    Discord {
        color: u32,
    },
}

// === impl Wording ===

impl Wording {
    pub(super) fn new(config: &AlertConfig) -> Result<Self, String> {
        Ok(Self {
            title: Template::parse(&config.title)?,
            text: Template::parse(&config.text)?,
            fields: config.fields.clone(),
        })
    }
}

// === impl Form ===

impl Form {
    pub(super) fn new(config: &ActionConfig) -> Result<Self, String> {
        Ok(match config {
            ActionConfig::Webhook(config) => match &config.body {
                Some(body) => Self::Body(Template::parse(body)?),
                None => Self::Webhook,
            },
            ActionConfig::Discord(config) => Self::Discord { color: config.color },
        })
    }

    /// The body of the request that says this.
    pub(super) fn body(&self, notice: &Notice, wording: &Wording) -> String {
        let mut draft = Draft::default();
        if draft.open(&notice.document).is_err() {
            draft = Draft::default();
        }
        let own = |name: &str, out: &mut String| match name {
            "alert" => out.push_str(&notice.alert),
            "key" => out.push_str(&notice.key),
            "count" => out.push_str(&notice.count.to_string()),
            field => out.push_str(&draft.text(field).unwrap_or_default()),
        };
        let (mut title, mut text) = (String::new(), String::new());
        wording.title.fill_with(&mut title, own);
        wording.text.fill_with(&mut text, own);
        if notice.rolled_up {
            title.push_str(" more");
        }
        match self {
            Self::Body(template) => {
                let mut body = String::new();
                template.fill_with(&mut body, |name, out| {
                    let mut value = String::new();
                    match name {
                        "title" => value.push_str(&title),
                        "text" => value.push_str(&text),
                        other => own(other, &mut value),
                    }
                    let quoted = Value::String(value).to_string();
                    out.push_str(quoted.get(1..quoted.len() - 1).unwrap_or_default());
                });
                body
            }
            Self::Webhook => json!({
                "alert": notice.alert,
                "title": title,
                "text": text,
                "count": notice.count,
                "key": notice.key,
                "rolled_up": notice.rolled_up,
                "event": serde_json::from_slice::<Value>(&notice.document).unwrap_or(Value::Null),
            })
            .to_string(),
            Self::Discord { color } => {
                let fields: Vec<Value> = wording
                    .fields
                    .iter()
                    .filter_map(|name| Some((name, draft.text(name)?)))
                    .take(25)
                    .map(|(name, value)| json!({"name": cut(name, 256), "value": cut(&value, 1024), "inline": true}))
                    .collect();
                // A message about a log line must not call everybody whom that line names.
                json!({
                    "allowed_mentions": {"parse": []},
                    "embeds": [{
                        "title": cut(&title, 256),
                        "description": cut(&text, 4096),
                        "color": color,
                        "fields": fields,
                    }],
                })
                .to_string()
            }
        }
    }
}

/// At most so many characters: Discord refuses longer ones.
fn cut(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    text.chars().take(length - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(action: &str, document: &'static [u8]) -> Value {
        let action: ActionConfig = toml::from_str(action).unwrap();
        let alert = "when = '*'\naction = 'x'\ntitle = '{alert} on {host.name} ({count})'\ntext = '{message}'\nfields = ['log.level', 'missing']";
        let alert: AlertConfig = toml::from_str(alert).unwrap();
        let notice = Notice {
            alert: "disk".to_owned(),
            key: "k".to_owned(),
            count: 3,
            rolled_up: false,
            document: Bytes::from_static(document),
        };
        let text = Form::new(&action)
            .unwrap()
            .body(&notice, &Wording::new(&alert).unwrap());
        serde_json::from_str(&text).unwrap()
    }

    const EVENT: &[u8] = br#"{"host.name":"db-1","message":"say \"full\" @everyone","log.level":"error"}"#;

    #[test]
    fn a_webhook_gets_all_there_is() {
        let body = body("type = 'webhook'\nurl = 'http://x'", EVENT);
        assert_eq!(body["title"], "disk on db-1 (3)");
        assert_eq!(body["text"], "say \"full\" @everyone");
        assert_eq!(body["event"]["host.name"], "db-1");
        assert_eq!(body["count"], 3);
    }

    #[test]
    fn discord_gets_an_embed_that_calls_nobody() {
        let body = body("type = 'discord'\nurl = 'http://x'", EVENT);
        assert_eq!(body["embeds"][0]["title"], "disk on db-1 (3)");
        assert_eq!(body["embeds"][0]["fields"][0]["value"], "error");
        assert_eq!(body["embeds"][0]["fields"].as_array().unwrap().len(), 1);
        assert_eq!(body["allowed_mentions"]["parse"], json!([]));
    }

    #[test]
    fn a_body_of_ones_own_stays_json_whatever_the_event_says() {
        let action = "type = 'webhook'\nurl = 'http://x'\nbody = '{{\"text\":\"{title}: {message}\"}}'";
        assert_eq!(
            body(action, EVENT)["text"],
            "disk on db-1 (3): say \"full\" @everyone"
        );
        assert_eq!(body(action, b"no object")["text"], "disk on  (3): ");
    }
}
