//! What a sessions node does with the requests of gateways and peers.

use std::sync::Arc;
use std::time::Instant;

use chat_node::{Caller, Serve, View};
use chat_proto::service::Refusal;
use chat_proto::service::sessions::{Ask, Push, Reply, Request, SessionState, Sessions, Start};
use chat_proto::{EventNumber, GuildId, SessionId, UserId};

use crate::cell::Cell;
use crate::dispatch::in_shard;
use crate::limits::{FLUSH_FRAMES, VIEW_WAIT};
use crate::service::{Held, Service, handing_over};
use crate::session::Session;

/// The service as the node shell calls it.
#[derive(Debug)]
pub(crate) struct Front(pub(crate) Arc<Service>);

impl Serve<Sessions> for Front {
    async fn request(&self, from: &Caller<Sessions>, request: Request) -> Result<Reply, Refusal> {
        let service = &self.0;
        let view = service.node.wait_for(request.generation, VIEW_WAIT).await;
        match request.ask {
            Ask::Start(start) => service.start(from, start, &view).await,
            Ask::Resume { session, user, seq } => service.resume(from, &session, user, seq).await,
            Ask::Attach { session, seq } => service.attach(from, &session, seq),
            Ask::Rebuild { start, seq, cursors } => service.rebuild(from, start, seq, cursors, &view).await,
            Ask::Detach { session, end } => service.detach(from, &session, end),
            Ask::SetPresence { session, status } => service.set_presence(&session, status),
            Ask::HandOff { sessions } => service.take_over(sessions, &view),
        }
    }

    fn closed(&self, from: &Caller<Sessions>) {
        for cell in self.0.registry.all() {
            cell.with(|session| {
                if session.wire().is_some_and(|wire| wire.id() == from.id()) {
                    session.detach(Instant::now());
                }
            });
        }
    }
}

// === impl Service ===

impl Service {
    async fn start(
        self: &Arc<Self>,
        from: &Caller<Sessions>,
        start: Start,
        view: &View,
    ) -> Result<Reply, Refusal> {
        self.check_owner(&start.session, view)?;
        if let Some(cell) = self.registry.get(&start.session) {
            // The gateway asks again because it got no answer: what it got of the frames it drops by `seq`.
            let again = cell.with(|session| {
                let same =
                    session.start().user.id == start.user.id && !session.is_over() && !session.is_frozen();
                same && session.attach(from.clone(), 0).is_ok() && {
                    session.flush(FLUSH_FRAMES);
                    true
                }
            });
            if again {
                return Ok(Reply::Done);
            }
        }
        let mut guilds = self.user_guilds(start.user.id).await?;
        guilds.retain(|guild| in_shard(*guild, start.shard));
        let session = Session::begin(start, &guilds, Instant::now());
        self.admit(session, Some((from, 0)));
        Ok(Reply::Done)
    }

    async fn resume(
        self: &Arc<Self>,
        from: &Caller<Sessions>,
        id: &SessionId,
        user: UserId,
        seq: u64,
    ) -> Result<Reply, Refusal> {
        let counted =
            |result: &'static str| metrics::counter!("gateway_resume_total", "result" => result).increment(1);
        let Some(cell) = self.arriving(id).await else {
            counted("unknown");
            return Err(self.absent(id));
        };
        let resumed = cell.with(|session| {
            if session.is_frozen() {
                return Err(handing_over());
            }
            if session.is_over() || session.start().user.id != user {
                counted("unknown");
                return Err(Refusal::not_found("Session"));
            }
            let known = Reply::Resumed {
                start: session.start().clone(),
                cursors: session.cursors_at(seq),
            };
            match session.resume(from.clone(), seq) {
                Ok(before) => {
                    session.flush(FLUSH_FRAMES);
                    Ok((before, known))
                }
                // Its client starts over: nobody will ask for this session again.
                Err(_) => {
                    counted("out-of-reach");
                    session.close();
                    Err(Refusal::not_found("Session"))
                }
            }
        });
        if cell.with(|session| session.is_over()) {
            self.retire(&cell, true);
        }
        let (before, known) = resumed?;
        if let Some(before) = before.filter(|before| before.node() != from.node()) {
            let ended = Push::Ended {
                session: id.clone(),
                reason: "resumed at another gateway".to_owned(),
            };
            // That gateway may well be gone: then there is nobody to tell.
            drop(before.try_push(&ended));
        }
        counted("resumed");
        Ok(known)
    }

    fn attach(&self, from: &Caller<Sessions>, id: &SessionId, seq: u64) -> Result<Reply, Refusal> {
        let cell = self.held(id)?;
        let attached = cell.with(|session| {
            session.attach(from.clone(), seq).map(|before| {
                drop(before);
                session.flush(FLUSH_FRAMES)
            })
        });
        match attached {
            Ok(_) => Ok(Reply::Done),
            Err(_) => {
                metrics::counter!("session_attach_refused_total").increment(1);
                Err(Refusal::not_found("Session"))
            }
        }
    }

    async fn rebuild(
        self: &Arc<Self>,
        from: &Caller<Sessions>,
        start: Start,
        seq: u64,
        cursors: Vec<(GuildId, EventNumber)>,
        view: &View,
    ) -> Result<Reply, Refusal> {
        if seq == 0 {
            return self.start(from, start, view).await;
        }
        self.check_owner(&start.session, view)?;
        if let Some(cell) = self.registry.get(&start.session) {
            // Only the connection broke: the session is still here, with an outbox that a rebuilt one would lack.
            let goes_on = cell.with(|session| {
                let fits = session.start().user.id == start.user.id && session.continues(seq, &cursors);
                fits && session.attach(from.clone(), seq).is_ok() && {
                    session.set_status(start.status.clone());
                    session.flush(FLUSH_FRAMES);
                    true
                }
            });
            if goes_on {
                return Ok(Reply::Done);
            }
        }
        metrics::counter!("sessions_rebuilt_total").increment(1);
        let session = Session::rebuild(start, seq, &cursors, Instant::now());
        let cell = self.admit(session, Some((from, seq)));
        self.reconcile(cell);
        Ok(Reply::Done)
    }

    fn detach(&self, from: &Caller<Sessions>, id: &SessionId, end: bool) -> Result<Reply, Refusal> {
        let cell = self.held(id)?;
        let over = cell.with(|session| {
            let elsewhere = session.wire().is_some_and(|wire| wire.node() != from.node());
            if elsewhere {
                // The client is back already, through another gateway.
                return false;
            }
            session.detach(Instant::now());
            if end {
                session.close();
            }
            end
        });
        if over {
            self.retire(&cell, true);
        }
        Ok(Reply::Done)
    }

    fn set_presence(&self, id: &SessionId, status: String) -> Result<Reply, Refusal> {
        if !matches!(
            status.as_str(),
            "online" | "idle" | "dnd" | "invisible" | "offline"
        ) {
            let reason = format!("there is no status '{status}'");
            return Err(Refusal::Invalid { reason });
        }
        self.held(id)?.with(|session| session.set_status(status));
        self.registrar.changed();
        Ok(Reply::Done)
    }

    /// Sessions from a peer: their feeds run from now on, and their gateways are about to attach.
    fn take_over(self: &Arc<Self>, states: Vec<SessionState>, view: &View) -> Result<Reply, Refusal> {
        for state in &states {
            self.check_owner(&state.start.session, view)?;
        }
        for state in states {
            let cell = Cell::new(Session::restore(state, Instant::now()), self.pump.clone());
            let stays = |there: &Held| there.with(|session| !session.is_provisional() && !session.is_over());
            // One that has been attached here is newer than what its old node knows.
            if let Ok(before) = self.registry.insert_unless(cell.clone(), stays) {
                self.settle(&cell, before);
                self.reconcile(cell);
            }
        }
        self.holds_changed();
        Ok(Reply::Done)
    }
}
