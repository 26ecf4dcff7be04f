//! A session and its gateway: frames that are pushed at once, that lag, or that wait for a resume.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use bytes::Bytes;
use chat_proto::service::sessions::{Frame, Push};
use chat_proto::{EventNumber, GuildId};

use super::{Attached, Flush, OutOfReach, Phase, Position, Session, Standing};
use crate::dispatch;
use crate::limits::{CURSORS_BATCH, LAG_LIFE};
use crate::wire::{Refused, Wire};

impl<W: Wire> Session<W> {
    pub(super) fn emit(&mut self, t: &str, d: Bytes, cursor: Option<(GuildId, EventNumber)>) {
        let seq = self.outbox.newest() + 1;
        let t = t.to_owned();
        self.given += 1;
        self.outbox.push(Frame { seq, t, d, cursor });
        // A lagging session is the pump's: frames stay in order.
        if self
            .attached
            .as_ref()
            .is_some_and(|attached| attached.sent + 1 == seq)
        {
            self.flush(1);
        }
    }

    /// Attaches a gateway that has everything up to `seq`; frames after it follow with [`Session::flush`].
    /// Returns the connection that it was attached to before.
    pub(crate) fn attach(&mut self, wire: W, seq: u64) -> Result<Option<W>, OutOfReach> {
        if !self.outbox.reaches(seq) {
            return Err(OutOfReach);
        }
        self.provisional = false;
        let before = self.attached.replace(Attached {
            wire,
            sent: seq,
            full_since: None,
        });
        // What another connection was told may never have arrived.
        let guilds = self.guilds.iter();
        let followed = guilds.filter(|(_, standing)| matches!(standing, Standing::At(_)));
        self.untold.extend(followed.map(|(guild, _)| *guild));
        self.tell_cursors();
        Ok(before.map(|attached| attached.wire))
    }

    /// Like [`Session::attach`], for a client that is back on another socket: RESUMED follows the frames.
    pub(crate) fn resume(&mut self, wire: W, seq: u64) -> Result<Option<W>, OutOfReach> {
        let before = self.attach(wire, seq)?;
        self.emit("RESUMED", dispatch::resumed(), None);
        Ok(before)
    }

    /// Whether a gateway that has written `seq` and `cursors` can go on from this outbox as if it had never been
    /// away: no frame after `seq` is one that it has, and none before it is one that it lacks.
    pub(crate) fn continues(&self, seq: u64, cursors: &[(GuildId, EventNumber)]) -> bool {
        if self.phase != Phase::Live || !self.outbox.reaches(seq) {
            return false;
        }
        let known: HashMap<GuildId, EventNumber> = cursors.iter().copied().collect();
        let written = |guild| known.get(&guild).copied();
        let has = |guild, number| written(guild).is_some_and(|at| at >= number);
        let taken = cursors
            .iter()
            .all(|(guild, at)| matches!(self.position(*guild), Position::At(own) if own >= *at));
        // Of a guild that was left nothing comes any more, whatever was written of it.
        let follows = |guild| matches!(self.position(guild), Position::At(_));
        taken
            && self
                .outbox
                .dropped()
                .all(|(guild, number)| has(guild, number) || !follows(guild))
            && self.outbox.iter().all(|frame| match frame.cursor {
                None => true,
                Some((guild, number)) if frame.seq <= seq => has(guild, number) || !follows(guild),
                Some((guild, number)) => !has(guild, number),
            })
    }

    /// The last event of each guild that a client with everything up to `seq` has seen, or that was not for it.
    pub(crate) fn cursors_at(&self, seq: u64) -> Vec<(GuildId, EventNumber)> {
        let mut cursors: HashMap<GuildId, Option<EventNumber>> = HashMap::new();
        for frame in self.outbox.iter().filter(|frame| frame.seq > seq) {
            if let Some((guild, number)) = frame.cursor {
                let before = (frame.t != "GUILD_CREATE").then(|| EventNumber(number.0.saturating_sub(1)));
                cursors.entry(guild).or_insert(before);
            }
        }
        let followed = self.guilds.iter().filter_map(|(guild, standing)| match standing {
            Standing::At(at) => Some((*guild, *at)),
            Standing::Awaited => None,
        });
        followed
            .filter_map(|(guild, at)| Some((guild, cursors.get(&guild).copied().unwrap_or(Some(at))?)))
            .collect()
    }

    /// The gateway is gone; frames stay in the outbox.
    pub(crate) fn detach(&mut self, now: Instant) {
        if self.attached.take().is_some() {
            self.detached_at = now;
        }
    }

    /// The gateway is to be told, after the frames that it lacks, of the cursors that no frame carried.
    pub(crate) fn tell_cursors(&mut self) {
        self.telling = !self.untold.is_empty();
    }

    /// Pushes at most `limit` frames that the gateway has not got yet, and when it has them all, the cursors that it
    /// is to be told of.
    pub(crate) fn flush(&mut self, limit: usize) -> Flush {
        match self.flush_frames(limit) {
            Flush::Done => self.flush_cursors(),
            left => left,
        }
    }

    fn flush_cursors(&mut self) -> Flush {
        while self.telling && self.phase == Phase::Live {
            let Some(attached) = &mut self.attached else {
                return Flush::Done;
            };
            let batch: HashSet<GuildId> = self.untold.iter().copied().take(CURSORS_BATCH).collect();
            let at = |guild: &GuildId| match self.guilds.get(guild) {
                Some(Standing::At(at)) => Some((*guild, *at)),
                Some(Standing::Awaited) | None => None,
            };
            let push = Push::Cursors {
                session: self.start.session.clone(),
                seq: attached.sent,
                cursors: batch.iter().filter_map(at).collect(),
            };
            match attached.wire.push(&push) {
                Ok(()) => {
                    attached.full_since = None;
                    self.untold.retain(|guild| !batch.contains(guild));
                    self.telling = !self.untold.is_empty();
                }
                Err(Refused::Full) => {
                    attached.full_since.get_or_insert_with(Instant::now);
                    return Flush::Full;
                }
                Err(Refused::Lost) => self.detach(Instant::now()),
            }
        }
        Flush::Done
    }

    fn flush_frames(&mut self, limit: usize) -> Flush {
        let Some(attached) = &mut self.attached else {
            self.farewell = None;
            return Flush::Done;
        };
        if let Some(last) = &self.farewell {
            match attached.wire.push(last) {
                Err(Refused::Full) => return Flush::Full,
                Ok(()) | Err(Refused::Lost) => {
                    self.farewell = None;
                    self.attached = None;
                    return Flush::Done;
                }
            }
        }
        if self.phase != Phase::Live {
            return Flush::Done;
        }
        for _ in 0..limit {
            if attached.sent == self.outbox.newest() {
                return Flush::Done;
            }
            let Some(frame) = self.outbox.get(attached.sent + 1) else {
                // The outbox dropped a frame that was never pushed: this gateway can only start over.
                metrics::counter!("sessions_shed_total", "reason" => "outbox-full").increment(1);
                self.end("the gateway was too slow: its frames are gone");
                return Flush::Full;
            };
            let push = Push::Frame {
                session: self.start.session.clone(),
                frame: frame.clone(),
            };
            match attached.wire.push(&push) {
                Ok(()) => {
                    attached.sent += 1;
                    attached.full_since = None;
                    if let Some((guild, number)) = frame.cursor
                        && self.guilds.get(&guild) == Some(&Standing::At(number))
                    {
                        // The frame said it.
                        self.untold.remove(&guild);
                        self.telling &= !self.untold.is_empty();
                    }
                }
                Err(Refused::Full) => {
                    attached.full_since.get_or_insert_with(Instant::now);
                    return Flush::Full;
                }
                Err(Refused::Lost) => {
                    self.detach(Instant::now());
                    return Flush::Done;
                }
            }
        }
        if attached.sent == self.outbox.newest() {
            Flush::Done
        } else {
            Flush::More
        }
    }

    /// Whether something is to be flushed.
    pub(crate) fn lags(&self) -> bool {
        let Some(attached) = &self.attached else {
            return false;
        };
        let behind = self.telling || attached.sent != self.outbox.newest();
        self.farewell.is_some() || (self.phase == Phase::Live && behind)
    }

    /// Detaches a gateway that has had no room for too long. Its connection is ended, because it would wait for
    /// frames that no longer come.
    pub(crate) fn shed_if_stuck(&mut self, now: Instant) {
        let stuck = |attached: &Attached<W>| {
            attached
                .full_since
                .is_some_and(|since| now.duration_since(since) > LAG_LIFE)
        };
        if let Some(attached) = self.attached.take_if(|attached| stuck(attached)) {
            attached
                .wire
                .close("it took no frames for too long: attach again");
            self.detached_at = now;
            metrics::counter!("sessions_shed_total", "reason" => "gateway-slow").increment(1);
        }
    }
}
