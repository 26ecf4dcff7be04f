//! `[alerts.NAME]`: which events are worth a message to somebody, and `[actions.NAME]`: how it is sent.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{When, duration};

/// One rule. It fires when `threshold` events that match come within `window`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlertConfig {
    pub(crate) when: When,
    /// How many matching events it takes.
    #[serde(default = "one")]
    pub(crate) threshold: usize,
    /// Within which time.
    #[serde(default = "window", with = "duration")]
    pub(crate) window: Duration,
    /// After a message, further events are only counted for so long, and told of in one message at the end.
    #[serde(default = "roll_up", with = "duration")]
    pub(crate) roll_up: Duration,
    /// A field: each of its values is counted for itself.
    pub(crate) key: Option<String>,
    /// Values that are told apart; those beyond share one count.
    #[serde(default = "max_keys")]
    pub(crate) max_keys: usize,
    /// The name of an action.
    pub(crate) action: String,
    /// The message's title. `{field}` is a field of the event that made it fire; `{alert}`, `{count}`, `{key}` are the
    /// rule's name, the number of events and the value of `key`.
    #[serde(default = "title")]
    pub(crate) title: String,
    /// The message's text, likewise.
    #[serde(default = "text")]
    pub(crate) text: String,
    /// Fields that the message shows by name.
    #[serde(default)]
    pub(crate) fields: Vec<String>,
}

/// A way to send messages, by `type`.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ActionConfig {
    Webhook(WebhookConfig),
    Discord(DiscordConfig),
}

/// A `POST` to any URL.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookConfig {
    /// Where to. One of `url`, `url_env` and `url_file`.
    pub(crate) url: Option<String>,
    /// The environment variable that has the URL.
    pub(crate) url_env: Option<String>,
    /// The file that has the URL.
    pub(crate) url_file: Option<PathBuf>,
    /// The body, with `{title}`, `{text}`, `{alert}`, `{count}`, `{key}` and fields, each escaped for a JSON string.
    /// Without it, a JSON object with all of them and the event.
    pub(crate) body: Option<String>,
    #[serde(default)]
    pub(crate) sending: SendingConfig,
}

/// A message into a channel of Discord.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiscordConfig {
    /// The channel's webhook. One of `url`, `url_env` and `url_file`.
    pub(crate) url: Option<String>,
    /// The environment variable that has the URL.
    pub(crate) url_env: Option<String>,
    /// The file that has the URL.
    pub(crate) url_file: Option<PathBuf>,
    /// The colour of the stripe beside the message.
    #[serde(default = "red")]
    pub(crate) color: u32,
    #[serde(default)]
    pub(crate) sending: SendingConfig,
}

/// How hard it is tried.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SendingConfig {
    /// How long one try may take.
    #[serde(default = "timeout", with = "duration")]
    pub(crate) timeout: Duration,
    /// How often a failed try is repeated, with growing pauses.
    #[serde(default = "retries")]
    pub(crate) retries: u32,
    /// Messages that may wait; further ones are dropped and counted.
    #[serde(default = "queue")]
    pub(crate) queue: usize,
}

// === impl AlertConfig ===

impl AlertConfig {
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if !(1..=100_000).contains(&self.threshold) {
            faults.push(format!(
                "threshold is {}, and must be from 1 to 100000",
                self.threshold
            ));
        }
        if self.max_keys == 0 || self.window.is_zero() {
            faults.push("max_keys and window must be above 0".to_owned());
        }
        for text in [&self.title, &self.text] {
            faults.extend(crate::transform::Template::parse(text).err());
        }
        faults
    }
}

// === impl ActionConfig ===

impl ActionConfig {
    pub(crate) fn sending(&self) -> &SendingConfig {
        match self {
            Self::Webhook(config) => &config.sending,
            Self::Discord(config) => &config.sending,
        }
    }

    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let (given, body) = match self {
            Self::Webhook(config) => (
                [
                    config.url.is_some(),
                    config.url_env.is_some(),
                    config.url_file.is_some(),
                ],
                config.body.as_ref(),
            ),
            Self::Discord(config) => (
                [
                    config.url.is_some(),
                    config.url_env.is_some(),
                    config.url_file.is_some(),
                ],
                None,
            ),
        };
        if given.iter().filter(|given| **given).count() != 1 {
            faults.push("one of url, url_env and url_file must be given".to_owned());
        }
        if let Some(body) = body {
            faults.extend(crate::transform::Template::parse(body).err());
        }
        if self.sending().queue == 0 || self.sending().timeout.is_zero() {
            faults.push("sending.queue and sending.timeout must be above 0".to_owned());
        }
        faults
    }

    /// The URL, wherever it is kept. `environment` reads a variable.
    pub(crate) fn url(&self, environment: impl Fn(&str) -> Option<String>) -> Result<String, String> {
        let (url, variable, file) = match self {
            Self::Webhook(config) => (&config.url, &config.url_env, &config.url_file),
            Self::Discord(config) => (&config.url, &config.url_env, &config.url_file),
        };
        if let Some(url) = url {
            return Ok(url.clone());
        }
        if let Some(variable) = variable {
            return environment(variable).ok_or_else(|| format!("the environment has no {variable}"));
        }
        let file = file.as_ref().ok_or("no URL is given")?;
        match std::fs::read_to_string(file) {
            Ok(url) => Ok(url.trim().to_owned()),
            Err(error) => Err(format!("cannot read {}: {error}", file.display())),
        }
    }
}

impl Default for SendingConfig {
    fn default() -> Self {
        Self {
            timeout: timeout(),
            retries: retries(),
            queue: queue(),
        }
    }
}

fn one() -> usize {
    1
}

fn window() -> Duration {
    Duration::from_secs(60)
}

fn roll_up() -> Duration {
    Duration::from_secs(300)
}

fn max_keys() -> usize {
    1000
}

fn title() -> String {
    "{alert}: {count}".to_owned()
}

fn text() -> String {
    "{message}".to_owned()
}

fn red() -> u32 {
    0x00e0_1b24
}

fn timeout() -> Duration {
    Duration::from_secs(10)
}

fn retries() -> u32 {
    4
}

fn queue() -> usize {
    256
}
