//! Sending a message: one id, as many attempts as it takes, one record when it is acknowledged.

use std::time::Duration;

use chat_proto::discord::Message;
use chat_proto::service::data::User;
use chat_proto::service::guilds::{Ask, NewMessage, Reply};
use chat_proto::{ChannelId, GuildId, MessageId};

use crate::app::App;
use crate::error::ApiError;
use crate::form::Form;

/// How long a send is repeated while its guild has no owner that answers.
const SEND_PATIENCE: Duration = Duration::from_secs(10);

/// The longest message, in characters.
pub(crate) const MAX_CONTENT: usize = 2000;

/// The longest nonce, in characters.
const MAX_NONCE: usize = 25;

/// What the client wants to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Draft {
    content: String,
    nonce: Option<String>,
    enforce_nonce: bool,
    tts: bool,
    reply_to: Option<MessageId>,
}

// === impl Draft ===

impl Draft {
    /// Reads and checks a body.
    pub(crate) fn read(mut form: Form) -> Result<Self, ApiError> {
        let draft = Self {
            content: form
                .text("content", MAX_CONTENT)
                .unwrap_or_default()
                .trim()
                .to_owned(),
            nonce: form.text("nonce", MAX_NONCE),
            enforce_nonce: form.flag("enforce_nonce"),
            tts: form.flag("tts"),
            reply_to: form.id_in("message_reference", "message_id").map(MessageId),
        };
        form.check()?;
        if draft.content.is_empty() {
            return Err(ApiError::empty_message());
        }
        Ok(draft)
    }
}

/// Sends `draft`. Once this returns a message, it is stored and its acknowledgement is in the log.
pub(crate) async fn send(
    app: &App,
    author: &User,
    guild: GuildId,
    channel: ChannelId,
    draft: Draft,
) -> Result<Message, ApiError> {
    let message = NewMessage {
        // Made once: whatever happens on the way, a repeated send is the same message.
        id: MessageId(app.backend().snowflake()),
        channel,
        author: author.clone(),
        content: draft.content,
        nonce: draft.nonce,
        enforce_nonce: draft.enforce_nonce,
        tts: draft.tts,
        reply_to: draft.reply_to,
    };
    match app
        .backend()
        .guild(guild, Ask::Send(message), SEND_PATIENCE)
        .await?
    {
        Reply::Message { message, .. } => {
            let id = message.id.to_string();
            // Before the client hears of it: log and store can be compared message by message.
            tracing::info!(
                event.action = "message-acknowledged",
                event.id = id,
                labels.message_id = id,
                labels.channel_id = %channel,
                labels.guild_id = %guild,
                "message acknowledged"
            );
            Ok(*message)
        }
        other => Err(ApiError::unexpected(&other)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn draft(value: Value) -> Result<Draft, ApiError> {
        match value {
            Value::Object(fields) => Draft::read(Form::new(fields)),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_message_needs_something_to_say_and_not_too_much() {
        assert_eq!(draft(json!({})), Err(ApiError::empty_message()));
        assert_eq!(draft(json!({"content": " \n "})), Err(ApiError::empty_message()));
        assert!(draft(json!({"content": "é".repeat(2000)})).is_ok());
        assert!(draft(json!({"content": "é".repeat(2001)})).is_err());
        assert!(draft(json!({"content": "x", "nonce": "n".repeat(26)})).is_err());
    }

    #[test]
    fn a_reply_and_a_nonce_are_read() {
        let read = draft(json!({"content": "x", "nonce": 77, "enforce_nonce": true,
            "message_reference": {"message_id": "5", "channel_id": "6"}}));
        let expected = Draft {
            content: "x".to_owned(),
            nonce: Some("77".to_owned()),
            enforce_nonce: true,
            tts: false,
            reply_to: Some(MessageId(5)),
        };
        assert_eq!(read, Ok(expected));
    }
}
