//! Buckets: the second half of a partition key, so that no partition grows without end.

use chat_proto::{DISCORD_EPOCH_MS, EventNumber, MessageId};

/// Ten days, as Discord's own messages table has it.
const MESSAGE_BUCKET_MS: u64 = 10 * 24 * 60 * 60 * 1000;

/// How many event numbers share a bucket.
pub const EVENTS_PER_BUCKET: u64 = 4096;

/// Buckets of events that are kept beside the newest one: between 16,384 and 20,480 events of a guild. A session
/// that is further behind reads history instead.
pub const KEPT_EVENT_BUCKETS: u64 = 4;

/// The bucket of a message: which ten days since the epoch of snowflakes.
pub fn of_message(message: MessageId) -> u32 {
    let since = message.unix_ms() - DISCORD_EPOCH_MS;
    u32::try_from(since / MESSAGE_BUCKET_MS).expect("2^42 ms are 5,091 buckets")
}

/// The bucket of an event.
pub fn of_event(number: EventNumber) -> u64 {
    number.0 / EVENTS_PER_BUCKET
}

/// The oldest bucket of events that is kept when `newest` is the newest number.
pub fn oldest_kept(newest: EventNumber) -> u64 {
    of_event(newest).saturating_sub(KEPT_EVENT_BUCKETS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_ten_days_of_messages() {
        let last = MessageId((MESSAGE_BUCKET_MS << 22) - 1);
        assert_eq!(of_message(last), 0);
        assert_eq!(of_message(MessageId(last.0 + 1)), 1);
        assert_eq!(
            of_message(MessageId(u64::MAX)),
            5090,
            "the last snowflake there is"
        );
    }
}
