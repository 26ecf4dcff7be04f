//! Reads what a session missed between its end and the beginning of the next one, as a client does whose session
//! could not be resumed. One reading at a time, which goes on while the new session already receives.

use chat_proto::MessageId;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::frame::Message;
use super::session::{Member, Venue};
use crate::backoff;
use crate::books::Way;
use crate::rest::{Failure, HISTORY_PAGE};

/// Reading begins this much before the newest message that the session has: ids are made before the guild orders
/// its messages, and a send may be held that long, so an older id may come after a newer one.
const OVERLAP_MS: u64 = 15_000;

/// The bits of a snowflake below its milliseconds.
const SNOWFLAKE_TIME_SHIFT: u32 = 22;

/// Reads the history of one user's channel.
#[derive(Debug)]
pub(super) struct Reader {
    member: Member,
    venue: Venue,
    stop: CancellationToken,
    /// Where the part begins that has not been read.
    owed: Option<MessageId>,
    reading: JoinSet<()>,
}

// === impl Reader ===

impl Reader {
    /// Reads for `member` until `stop`.
    pub(super) fn new(member: Member, venue: Venue, stop: CancellationToken) -> Self {
        Self {
            member,
            venue,
            stop,
            owed: None,
            reading: JoinSet::new(),
        }
    }

    /// A session ended for good; `newest` is the newest message that came from it.
    pub(super) fn owe_from(&mut self, newest: Option<MessageId>) {
        if self.reading.try_join_next().is_some() {
            self.owed = None; // What was owed before has been read.
        }
        let from = begin_before(newest);
        self.owed = Some(self.owed.map_or(from, |owed| owed.min(from)));
    }

    /// The next session began: reads whatever is owed. A reading that has not ended yet begins again.
    pub(super) fn read(&mut self) {
        let Some(after) = self.owed else { return };
        self.reading.abort_all();
        while self.reading.try_join_next().is_some() {}
        let (member, venue, stop) = (self.member.clone(), self.venue.clone(), self.stop.clone());
        self.reading.spawn(async move {
            if let Some(Err(failure)) = stop.run_until_cancelled(read_all(&member, &venue, after)).await {
                venue.books.failure(&failure.cause);
                tracing::debug!(error = %failure, "cannot read the history");
            }
        });
    }

    /// Ends with the reading that goes on, if any.
    pub(super) async fn close(&mut self) {
        self.reading.shutdown().await;
    }
}

/// The id after which to read.
fn begin_before(newest: Option<MessageId>) -> MessageId {
    let overlap = OVERLAP_MS << SNOWFLAKE_TIME_SHIFT;
    MessageId(newest.map_or(0, |newest| newest.0.saturating_sub(overlap)))
}

async fn read_all(member: &Member, venue: &Venue, mut after: MessageId) -> Result<(), Failure> {
    loop {
        let page = read_page(member, venue, after).await?;
        let messages: Vec<Message<'_>> = serde_json::from_str(&page)
            .map_err(|error| Failure::unreadable("read history", &error.to_string()))?;
        for message in &messages {
            venue.books.received(member, message, Way::History);
        }
        let newest = messages.iter().map(|message| message.id).max();
        match newest {
            Some(newest) if newest > after && messages.len() >= HISTORY_PAGE => after = newest,
            _ => return Ok(()),
        }
    }
}

/// Reads one page, however often it takes: what is not read is lost.
async fn read_page(member: &Member, venue: &Venue, after: MessageId) -> Result<String, Failure> {
    let mut failures = 0;
    loop {
        match venue.rest.history(&member.token, member.channel, after).await {
            Ok(page) => return Ok(page),
            Err(failure) if failure.temporary => {
                failures += 1;
                venue.books.failure(&failure.cause);
                tokio::time::sleep(backoff::obeying(failures, failure.retry_after)).await;
            }
            Err(failure) => return Err(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_begins_a_little_before_what_is_known_or_at_the_beginning() {
        assert_eq!(begin_before(None), MessageId(0));
        assert_eq!(begin_before(Some(MessageId(5))), MessageId(0));
        let newest = MessageId(1_000_000 << 22);
        assert_eq!(
            newest.unix_ms() - begin_before(Some(newest)).unix_ms(),
            OVERLAP_MS
        );
    }
}
