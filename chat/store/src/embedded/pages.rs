//! Pages of a channel's messages: a walk through its buckets.
//!
//! Within a bucket the keys run from new to old. From bucket to bucket the walk seeks the next key there is, so
//! that a channel that was silent for a year costs one seek more, not 37 empty reads.

use chat_proto::discord::Message;
use chat_proto::service::data::Page;
use chat_proto::{ChannelId, MessageId};
use redb::ReadableTable;

use super::Failure;
use super::tables::{MessageKey, decode};
use crate::bucket;

/// A page, newest first.
pub(super) fn page(
    messages: &impl ReadableTable<MessageKey, &'static [u8]>,
    channel: ChannelId,
    page: Page,
    limit: usize,
) -> Result<Vec<Message>, Failure> {
    match page {
        Page::Latest => up_to(messages, channel, u64::MAX, limit),
        Page::Before(MessageId(0)) => Ok(Vec::new()),
        Page::Before(message) => up_to(messages, channel, message.0 - 1, limit),
        Page::After(MessageId(u64::MAX)) => Ok(Vec::new()),
        Page::After(message) => from(messages, channel, message.0 + 1, limit),
        // Discord's own split: half of the page is newer, the message itself is among the older ones.
        Page::Around(message) => {
            let newer = limit / 2;
            let mut found = match message.0.checked_add(1) {
                Some(next) => from(messages, channel, next, newer)?,
                None => Vec::new(),
            };
            found.extend(up_to(messages, channel, message.0, limit - newer)?);
            Ok(found)
        }
    }
}

/// The newest messages with ids up to `newest`, newest first.
fn up_to(
    messages: &impl ReadableTable<MessageKey, &'static [u8]>,
    channel: ChannelId,
    newest: u64,
    limit: usize,
) -> Result<Vec<Message>, Failure> {
    let mut found = Vec::new();
    let mut bucket = bucket::of_message(MessageId(newest));
    let mut first = !newest;
    while found.len() < limit {
        let range = messages.range((channel.0, bucket, first)..=(channel.0, bucket, u64::MAX))?;
        for row in range.take(limit - found.len()) {
            found.push(decode("messages", row?.1.value())?);
        }
        let older = messages
            .range((channel.0, 0, 0)..(channel.0, bucket, 0))?
            .next_back()
            .transpose()?;
        let Some((key, _)) = older else { break };
        bucket = key.value().1;
        first = 0;
    }
    Ok(found)
}

/// The oldest messages with ids from `oldest` on, newest first.
fn from(
    messages: &impl ReadableTable<MessageKey, &'static [u8]>,
    channel: ChannelId,
    oldest: u64,
    limit: usize,
) -> Result<Vec<Message>, Failure> {
    let mut found = Vec::new();
    let mut bucket = bucket::of_message(MessageId(oldest));
    let mut last = !oldest;
    while found.len() < limit {
        let range = messages.range((channel.0, bucket, 0)..=(channel.0, bucket, last))?;
        for row in range.rev().take(limit - found.len()) {
            found.push(decode("messages", row?.1.value())?);
        }
        let newer = messages
            .range((channel.0, bucket + 1, 0)..=(channel.0, u32::MAX, u64::MAX))?
            .next()
            .transpose()?;
        let Some((key, _)) = newer else { break };
        bucket = key.value().1;
        last = u64::MAX;
    }
    found.reverse();
    Ok(found)
}
