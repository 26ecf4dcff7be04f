//! A socket's session: started, resumed, searched for, and its frames.

use std::collections::VecDeque;

use chat_node::CallError;
use chat_proto::SessionId;
use chat_proto::service::Refusal;
use chat_proto::service::data::User;
use chat_proto::service::sessions::{Push, Start};

use super::{End, Outcome, Socket};
use crate::backend::Backend;
use crate::close::Close;
use crate::envelope;
use crate::event::Resume;
use crate::regain::{Regained, Way, regain, take_up};
use crate::sockets::Arrival;
use crate::track::{Track, Verdict};

impl<B: Backend> Socket<B> {
    /// Goes on once what was waited for has come.
    pub(super) async fn settle(&mut self, outcome: Outcome) -> Result<(), End> {
        match outcome {
            Outcome::Identified(user, identify) => {
                let user = self.authenticated(user)?;
                let start = Start {
                    session: new_session_id(),
                    intents: identify.intents(user.bot)?,
                    user,
                    shard: identify.shard()?,
                    status: identify.status(),
                    resume_gateway_url: self.shared.public_url.clone(),
                };
                let track = Track::begin(start);
                self.bind(track.session());
                self.track = Some(track);
                self.look_for(Way::Make);
            }
            Outcome::Recognized(user, resume) => {
                let user = self.authenticated(user)?;
                self.bind(&resume.session_id);
                self.begin_resume(user, resume);
            }
            Outcome::Resumed(Ok(track)) => {
                (self.shared.observe)(self.began, true);
                self.track = Some(track);
            }
            Outcome::Resumed(Err(error)) => {
                let ours = !matches!(error, CallError::Refused(Refusal::NotFound { .. }));
                (self.shared.observe)(self.began, !ours);
                tracing::debug!(%error, "a resume failed");
                self.invalidate().await?;
            }
            Outcome::Regained(Regained::Attached(link)) => {
                if let Some(track) = &mut self.track {
                    if track.written() == 0 {
                        (self.shared.observe)(self.began, true);
                    }
                    track.attached(Some(link));
                }
            }
            Outcome::Regained(Regained::Gone) => self.invalidate().await?,
            Outcome::Regained(Regained::GaveUp(reason)) => {
                metrics::counter!("gateway_sessions_given_up_total").increment(1);
                tracing::debug!(
                    event.action = "session-given-up",
                    error = reason,
                    "a session could not be found again"
                );
                self.invalidate().await?;
            }
        }
        Ok(())
    }

    fn authenticated(&self, user: Result<User, CallError>) -> Result<User, End> {
        user.map_err(|error| match error {
            CallError::Refused(Refusal::NotFound { .. } | Refusal::Forbidden { .. }) => {
                Close::AuthenticationFailed.into()
            }
            error => {
                (self.shared.observe)(self.began, false);
                tracing::debug!(%error, "nobody can say whose token it is");
                Close::Unknown.into()
            }
        })
    }

    fn begin_resume(&mut self, user: User, resume: Resume) {
        let shared = self.shared.clone();
        self.pending = Some(Box::pin(async move {
            let Resume { session_id, seq, .. } = resume;
            let seq = seq.unwrap_or(0);
            let resumed = take_up(&shared.backend, session_id, user.id, seq, shared.limits.patience).await;
            Outcome::Resumed(resumed)
        }));
    }

    fn look_for(&mut self, way: Way) {
        let Some(track) = &mut self.track else { return };
        track.attached(None);
        if track.written() > 0 {
            metrics::counter!("gateway_sessions_searched_total").increment(1);
        }
        let track = track.clone();
        let shared = self.shared.clone();
        self.pending = Some(Box::pin(async move {
            Outcome::Regained(regain(&shared.backend, &track, way, shared.limits.patience).await)
        }));
    }

    /// Judges what has arrived for the session, and writes what is to be written.
    pub(super) async fn arrived(&mut self, arrivals: VecDeque<Arrival>) -> Result<(), End> {
        let mut missing = false;
        let mut written = Vec::new();
        for arrival in arrivals {
            let Some(track) = &mut self.track else { continue };
            let current = match &arrival {
                Arrival::Push(link, push, _) => {
                    track.link() == Some(link) && push.session() == track.session()
                }
                Arrival::Lost(link) => track.link() == Some(link),
            };
            if !current {
                continue;
            }
            match arrival {
                Arrival::Push(link, Push::Frame { frame, .. }, arrived) => match track.take(&link, &frame) {
                    Verdict::Write => {
                        written.push(arrived);
                        let text = envelope::dispatch(&frame.t, frame.seq, &frame.d);
                        self.wire.feed(text, &self.ticket.cut).await?;
                    }
                    Verdict::Drop => {}
                    Verdict::Gap => missing = true,
                },
                Arrival::Push(link, Push::Cursors { seq, cursors, .. }, _) => {
                    missing |= track.learn(&link, seq, &cursors) == Verdict::Gap;
                }
                Arrival::Push(_, Push::Moved { to, .. }, _) => self.look_for(Way::Follow(to)),
                Arrival::Push(_, Push::Ended { reason, .. }, _) => {
                    tracing::debug!(event.reason = reason, labels.session_id = %track.session(), "session over");
                    self.wire.flush(&self.ticket.cut).await?;
                    return self.invalidate().await;
                }
                Arrival::Lost(_) => self.look_for(Way::Make),
            }
        }
        if missing && self.pending.is_none() {
            metrics::counter!("gateway_frames_missing_total").increment(1);
            self.look_for(Way::Repeat);
        }
        self.wire.flush(&self.ticket.cut).await?;
        (self.shared.observe_written)(&written);
        Ok(())
    }

    /// From now on what arrives for `session` comes to this socket. Bound before the session is asked for: its first
    /// frames may arrive before the answer.
    fn bind(&mut self, session: &SessionId) {
        self.ticket.bind(session, self.inbox_sender.clone());
        self.bound = Some(session.clone());
    }

    /// The session is over: the client may identify again, on this socket or another one.
    async fn invalidate(&mut self) -> Result<(), End> {
        self.track = None;
        if let Some(session) = self.bound.take() {
            self.ticket.unbind(&session);
        }
        self.pending = None;
        self.wire
            .send(envelope::invalid_session(), &self.ticket.cut)
            .await
    }
}

fn new_session_id() -> SessionId {
    SessionId::from(format!("{:032x}", rand::random::<u128>()))
}
