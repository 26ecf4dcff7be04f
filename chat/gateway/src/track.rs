//! What the gateway knows of a session: enough to make it again when its sessions node is lost.
//!
//! Every frame is judged here before it is written, which is what keeps the promise that nothing is written twice,
//! out of order, or from a node that no longer has the session. No IO.

use std::collections::HashMap;

use chat_node::Link;
use chat_proto::service::sessions::{Ask, Frame, Start};
use chat_proto::{EventNumber, GuildId, SessionId, UserId};

/// A session as its socket sees it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Track {
    session: SessionId,
    user: UserId,
    /// `None` when the session was resumed at a node that did not say: then it cannot be made again.
    start: Option<Start>,
    /// The last `s` written to the socket.
    written: u64,
    /// The last event of each guild written to the socket, or of which the session said that it is not for it.
    cursors: HashMap<GuildId, EventNumber>,
    /// The connection over which frames count.
    link: Option<Link>,
}

/// What to do with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the next one.
    Write,
    /// It has been written, or comes from a connection that no longer counts.
    Drop,
    /// Frames before it are missing: attach again.
    Gap,
}

// === impl Track ===

impl Track {
    /// A session that is about to start.
    pub(crate) fn begin(start: Start) -> Self {
        Self {
            session: start.session.clone(),
            user: start.user.id,
            start: Some(start),
            written: 0,
            cursors: HashMap::new(),
            link: None,
        }
    }

    /// A session whose client has everything up to `seq`.
    pub(crate) fn resumed(
        session: SessionId,
        user: UserId,
        seq: u64,
        known: Option<(Start, Vec<(GuildId, EventNumber)>)>,
    ) -> Self {
        let (start, cursors) = known.unzip();
        Self {
            session,
            user,
            start,
            written: seq,
            cursors: cursors.unwrap_or_default().into_iter().collect(),
            link: None,
        }
    }

    pub(crate) fn session(&self) -> &SessionId {
        &self.session
    }

    pub(crate) fn user(&self) -> UserId {
        self.user
    }

    /// The last `s` written.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// The connection that counts.
    pub(crate) fn link(&self) -> Option<&Link> {
        self.link.as_ref()
    }

    /// From now on frames count that come over `link`; `None`: over none.
    pub(crate) fn attached(&mut self, link: Option<Link>) {
        self.link = link;
    }

    /// The client's status changed: a rebuilt session should have the new one.
    pub(crate) fn set_status(&mut self, status: &str) {
        if let Some(start) = &mut self.start {
            status.clone_into(&mut start.status);
        }
    }

    /// Judges a frame that came over `link`; one to be written counts as written.
    pub(crate) fn take(&mut self, link: &Link, frame: &Frame) -> Verdict {
        if self.link.as_ref() != Some(link) || frame.seq <= self.written {
            return Verdict::Drop;
        }
        if frame.seq != self.written + 1 {
            return Verdict::Gap;
        }
        self.written = frame.seq;
        if let Some((guild, number)) = frame.cursor {
            let cursor = self.cursors.entry(guild).or_default();
            *cursor = number.max(*cursor);
        } else if frame.t == "GUILD_DELETE"
            && let Some(guild) = deleted_guild(&frame.d)
        {
            self.cursors.remove(&guild);
        }
        Verdict::Write
    }

    /// Judges cursors that came over `link` after frame `seq`: they count once all before them is written, and they
    /// only go forward. Nothing is to be written, so the verdict is `Drop` or `Gap`.
    pub(crate) fn learn(&mut self, link: &Link, seq: u64, cursors: &[(GuildId, EventNumber)]) -> Verdict {
        if self.link.as_ref() != Some(link) {
            return Verdict::Drop;
        }
        // Taken now, they would hide from a rebuilt session what is in the missing frames.
        if seq > self.written {
            return Verdict::Gap;
        }
        for (guild, number) in cursors {
            let cursor = self.cursors.entry(*guild).or_default();
            *cursor = (*number).max(*cursor);
        }
        Verdict::Drop
    }

    /// How to go on at a node that has the session.
    pub(crate) fn attach(&self) -> Ask {
        Ask::Attach {
            session: self.session.clone(),
            seq: self.written,
        }
    }

    /// How to go on at a node that does not have it; `None` when that cannot be.
    pub(crate) fn rebuild(&self) -> Option<Ask> {
        let start = self.start.clone()?;
        if self.written == 0 {
            return Some(Ask::Start(start));
        }
        Some(Ask::Rebuild {
            start,
            seq: self.written,
            cursors: self
                .cursors
                .iter()
                .map(|(guild, number)| (*guild, *number))
                .collect(),
        })
    }
}

fn deleted_guild(body: &[u8]) -> Option<GuildId> {
    #[derive(serde::Deserialize)]
    struct Deleted {
        id: GuildId,
    }
    serde_json::from_slice::<Deleted>(body)
        .ok()
        .map(|deleted| deleted.id)
}

#[cfg(test)]
mod tests {
    use chat_proto::Intents;
    use chat_proto::service::data::User;

    use super::*;

    fn link(id: u64) -> Link {
        Link {
            node: "sessions-0".into(),
            id,
        }
    }

    fn frame(seq: u64, cursor: Option<(u64, u64)>) -> Frame {
        Frame {
            seq,
            t: "MESSAGE_CREATE".to_owned(),
            d: "{}".into(),
            cursor: cursor.map(|(guild, number)| (GuildId(guild), EventNumber(number))),
        }
    }

    fn track() -> Track {
        let mut track = Track::begin(Start {
            session: "ab".into(),
            user: User {
                id: UserId(1),
                name: "demo".to_owned(),
                bot: true,
            },
            intents: Intents(1),
            shard: (0, 1),
            status: "online".to_owned(),
            resume_gateway_url: "ws://127.0.0.1:8080".to_owned(),
        });
        track.attached(Some(link(1)));
        track
    }

    #[test]
    fn frames_are_written_once_in_order_and_only_from_the_current_connection() {
        let mut track = track();
        assert_eq!(track.take(&link(1), &frame(1, None)), Verdict::Write);
        assert_eq!(track.take(&link(1), &frame(1, None)), Verdict::Drop, "again");
        assert_eq!(
            track.take(&link(2), &frame(2, None)),
            Verdict::Drop,
            "a stranger's"
        );
        assert_eq!(track.take(&link(1), &frame(3, None)), Verdict::Gap);
        assert_eq!(track.written(), 1, "nothing is skipped");
        track.attached(Some(link(2)));
        assert_eq!(
            track.take(&link(1), &frame(2, None)),
            Verdict::Drop,
            "the old one's"
        );
        assert_eq!(track.take(&link(2), &frame(2, None)), Verdict::Write);
    }

    #[test]
    fn a_rebuild_says_what_was_written_and_nothing_more() {
        let mut track = track();
        assert!(
            matches!(track.rebuild(), Some(Ask::Start(_))),
            "nothing written: start again"
        );
        for (seq, cursor) in [
            (1, None),
            (2, Some((7, 10))),
            (3, Some((8, 3))),
            (4, Some((7, 11))),
            (6, Some((7, 12))),
        ] {
            track.take(&link(1), &frame(seq, cursor));
        }
        track.set_status("idle");
        match track.rebuild() {
            Some(Ask::Rebuild {
                start,
                seq,
                mut cursors,
            }) => {
                cursors.sort();
                assert_eq!(seq, 4);
                assert_eq!(
                    cursors,
                    [(GuildId(7), EventNumber(11)), (GuildId(8), EventNumber(3))]
                );
                assert_eq!(start.status, "idle");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn cursors_without_a_frame_count_when_the_frames_before_them_are_written_and_only_forward() {
        let mut track = track();
        let cursors = |guild, number| [(GuildId(guild), EventNumber(number))];
        let known = |track: &Track, guild| track.cursors.get(&GuildId(guild)).map(|at| at.0);
        track.take(&link(1), &frame(1, None));
        assert_eq!(track.learn(&link(1), 2, &cursors(7, 10)), Verdict::Gap);
        assert_eq!(known(&track, 7), None, "a frame before it is missing");
        assert_eq!(track.learn(&link(2), 1, &cursors(7, 10)), Verdict::Drop);
        assert_eq!(known(&track, 7), None, "a stranger's");
        assert_eq!(track.learn(&link(1), 1, &cursors(7, 10)), Verdict::Drop);
        assert_eq!(known(&track, 7), Some(10));
        assert_eq!(track.learn(&link(1), 1, &cursors(7, 9)), Verdict::Drop);
        assert_eq!(known(&track, 7), Some(10), "only forward");
        assert_eq!(track.written(), 1, "nothing was written");
    }

    #[test]
    fn a_guild_that_was_left_has_no_cursor() {
        let mut track = track();
        track.take(&link(1), &frame(1, Some((7, 10))));
        let mut left = frame(2, None);
        left.t = "GUILD_DELETE".to_owned();
        left.d = r#"{"id":"7"}"#.into();
        assert_eq!(track.take(&link(1), &left), Verdict::Write);
        match track.rebuild() {
            Some(Ask::Rebuild { cursors, .. }) => assert_eq!(cursors, []),
            other => panic!("{other:?}"),
        }
    }
}
