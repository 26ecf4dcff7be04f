//! One client: its WebSocket, what it says, and how the conversation ends. Its session is in [`session`].

mod session;

use std::pin::Pin;
use std::sync::Arc;

use chat_node::CallError;
use chat_proto::service::data::User;
use chat_proto::service::sessions::Ask;
use chat_proto::{NodeName, SessionId};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::backend::Backend;
use crate::close::Close;
use crate::envelope;
use crate::event::{self, ClientEvent, Identify, RequestGuildMembers, Resume};
use crate::limits::Limits;
use crate::members;
use crate::rate::Rate;
use crate::regain::Regained;
use crate::sockets::{Arrival, Ticket};
use crate::track::Track;
use crate::wire::{Received, Wire};

/// Arrivals taken from the inbox at once.
const BATCH: usize = 64;

/// How the conversation ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The client closed, with this code if it gave one.
    Client(Option<u16>),
    /// The socket broke.
    Gone,
    /// The socket is to end at once: the client does not read, or is back on another socket.
    Cut,
    /// The gateway closes.
    Close(CloseFrame),
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self::Close(close.frame())
    }
}

/// What the socket waits for before it can go on.
enum Outcome {
    Identified(Result<User, CallError>, Box<Identify>),
    Recognized(Result<User, CallError>, Resume),
    Resumed(Result<Track, CallError>),
    Regained(Regained),
}

type Pending = Pin<Box<dyn Future<Output = Outcome> + Send>>;

type ObserveWritten = Box<dyn Fn(&[std::time::Instant]) + Send + Sync>;

/// What all sockets of a node share.
pub(crate) struct Shared<B> {
    pub(crate) backend: B,
    pub(crate) limits: Limits,
    /// What READY says as `resume_gateway_url`.
    pub(crate) public_url: String,
    /// Told of each Identify and Resume: when it began, and whether it did not fail by our fault.
    pub(crate) observe: Box<dyn Fn(std::time::Instant, bool) + Send + Sync>,
    /// Told of the frames that were written together: when each one had arrived.
    pub(crate) observe_written: ObserveWritten,
}

/// A client's conversation.
pub(crate) struct Socket<B> {
    shared: Arc<Shared<B>>,
    ticket: Ticket,
    wire: Wire,
    rate: Rate,
    track: Option<Track>,
    /// The session whose arrivals come to this socket.
    bound: Option<SessionId>,
    pending: Option<Pending>,
    began: std::time::Instant,
    inbox: mpsc::Receiver<Arrival>,
    inbox_sender: mpsc::Sender<Arrival>,
    /// Requests of the client that are being worked on; each one gives dispatches (`t` and `d`) to write.
    calls: JoinSet<Vec<(&'static str, String)>>,
    /// When the client will have been silent for too long.
    silent_at: Instant,
    /// When the gateway hangs up, once the client was told to reconnect.
    goodbye_at: Option<Instant>,
}

// === impl Socket ===

impl<B: Backend> Socket<B> {
    pub(crate) fn new(shared: Arc<Shared<B>>, ticket: Ticket, wire: Wire) -> Self {
        let (inbox_sender, inbox) = mpsc::channel(shared.limits.queue_frames);
        Self {
            rate: Rate::new(
                shared.limits.rate_events,
                shared.limits.rate_window,
                std::time::Instant::now(),
            ),
            silent_at: Instant::now() + shared.limits.silence,
            shared,
            ticket,
            wire,
            track: None,
            bound: None,
            pending: None,
            began: std::time::Instant::now(),
            inbox,
            inbox_sender,
            calls: JoinSet::new(),
            goodbye_at: None,
        }
    }

    /// Talks with the client until one of the two hangs up.
    pub(crate) async fn run(mut self) {
        let end = match self.converse().await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        self.finish(end).await;
    }

    async fn converse(&mut self) -> Result<std::convert::Infallible, End> {
        let hello = envelope::hello(self.shared.limits.heartbeat);
        self.wire.send(hello, &self.ticket.cut).await?;
        let mut arrivals = Vec::with_capacity(BATCH);
        loop {
            let far = Instant::now() + self.shared.limits.silence;
            let told = self.goodbye_at.is_some();
            tokio::select! {
                biased;
                () = self.ticket.cut.cancelled() => return Err(End::Cut),
                () = tokio::time::sleep_until(self.silent_at) => return Err(Close::TimedOut.into()),
                () = tokio::time::sleep_until(self.goodbye_at.unwrap_or(far)), if told => {
                    return Err(End::Close(Close::Unknown.frame_saying("Reconnect.")));
                }
                () = self.ticket.reconnect.cancelled(), if !told => {
                    self.goodbye_at = Some(Instant::now() + self.shared.limits.goodbye_time);
                    self.wire.send(envelope::reconnect(), &self.ticket.cut).await?;
                }
                outcome = poll(&mut self.pending), if self.pending.is_some() => {
                    self.pending = None;
                    self.settle(outcome).await?;
                }
                received = self.wire.receive(self.shared.limits.payload_bytes) => self.received(received).await?,
                Some(answer) = self.calls.join_next(), if !self.calls.is_empty() => self.answer(answer.unwrap_or_default()).await?,
                // While the session is being found, what arrives waits: it may come over the connection to be.
                taken = self.inbox.recv_many(&mut arrivals, BATCH), if self.pending.is_none() => {
                    debug_assert!(taken > 0, "the socket holds a sender");
                    self.arrived(arrivals.drain(..).collect()).await?;
                }
            }
        }
    }

    // --- the client ---

    async fn received(&mut self, received: Received) -> Result<(), End> {
        let text = match received {
            Received::Text(text) => text,
            Received::Nothing => return Ok(()),
            Received::TooLong => return Err(Close::Decode.into()),
            Received::Closed(code) => return Err(End::Client(code)),
            Received::Gone => return Err(End::Gone),
        };
        if !self.rate.admit(std::time::Instant::now()) {
            return Err(Close::RateLimited.into());
        }
        let event = event::read(&text)?;
        let known = self.track.is_some() || self.pending.is_some();
        match event {
            ClientEvent::Heartbeat => {
                self.silent_at = Instant::now() + self.shared.limits.silence;
                self.wire
                    .send(envelope::heartbeat_ack(), &self.ticket.cut)
                    .await?;
            }
            ClientEvent::Identify(_) | ClientEvent::Resume(_) if known => {
                return Err(Close::AlreadyAuthenticated.into());
            }
            ClientEvent::Identify(identify) => self.identify(identify)?,
            ClientEvent::Resume(resume) => self.resume(resume),
            _ if !known => return Err(Close::NotAuthenticated.into()),
            ClientEvent::PresenceUpdate(status) => self.set_presence(status),
            ClientEvent::RequestGuildMembers(request) => self.request_members(request),
            ClientEvent::Ignored => {}
        }
        Ok(())
    }

    fn identify(&mut self, identify: Identify) -> Result<(), End> {
        identify.shard()?;
        self.began = std::time::Instant::now();
        let backend = self.shared.backend.clone();
        self.pending = Some(Box::pin(async move {
            let user = backend.authenticate(bare(&identify.token)).await;
            Outcome::Identified(user, Box::new(identify))
        }));
        Ok(())
    }

    fn resume(&mut self, resume: Resume) {
        self.began = std::time::Instant::now();
        let backend = self.shared.backend.clone();
        self.pending = Some(Box::pin(async move {
            let user = backend.authenticate(bare(&resume.token)).await;
            Outcome::Recognized(user, resume)
        }));
    }

    fn set_presence(&mut self, status: String) {
        let Some(track) = &mut self.track else { return };
        track.set_status(&status);
        if self.calls.len() >= self.shared.limits.requests {
            return;
        }
        let backend = self.shared.backend.clone();
        let session = track.session().clone();
        self.calls.spawn(async move {
            let ask = Ask::SetPresence {
                session: session.clone(),
                status,
            };
            if let Err(error) = backend.ask(&session, None, ask).await {
                // A rebuilt session gets the status with its start.
                tracing::debug!(%error, labels.session_id = %session, "a status was not passed on");
            }
            Vec::new()
        });
    }

    fn request_members(&mut self, request: RequestGuildMembers) {
        let Some(track) = &self.track else { return };
        if self.calls.len() >= self.shared.limits.requests {
            tracing::debug!(labels.session_id = %track.session(), "too many requests for members at a time");
            return;
        }
        let shared = self.shared.clone();
        let viewer = track.user();
        self.calls.spawn(async move {
            match shared.backend.snapshot(request.guild_id).await {
                Ok(snapshot) => members::chunks(&request, &snapshot, viewer, shared.limits.chunk_members)
                    .into_iter()
                    .map(|chunk| ("GUILD_MEMBERS_CHUNK", chunk.to_string()))
                    .collect(),
                Err(error) => {
                    tracing::debug!(%error, labels.guild_id = %request.guild_id, "members cannot be listed");
                    Vec::new()
                }
            }
        });
    }

    /// Writes what the gateway itself answers. It has no place in the session, so it repeats the last `s`.
    async fn answer(&mut self, dispatches: Vec<(&'static str, String)>) -> Result<(), End> {
        let seq = self.track.as_ref().map_or(0, Track::written);
        for (t, d) in dispatches {
            self.wire
                .feed(envelope::dispatch(t, seq, d.as_bytes()), &self.ticket.cut)
                .await?;
        }
        self.wire.flush(&self.ticket.cut).await
    }

    // --- the end ---

    async fn finish(mut self, end: End) {
        self.pending = None;
        self.calls.shutdown().await;
        if let Some(session) = self.bound.take()
            && self.ticket.unbind(&session)
        {
            // A client that was told to reconnect means to come back, whatever its library says in closing.
            let over = matches!(end, End::Client(Some(1000 | 1001))) && self.goodbye_at.is_none();
            let node = self
                .track
                .and_then(|track| track.link().map(|link| link.node.clone()));
            detach(&self.shared.backend, session, node, over).await;
        }
        match end {
            End::Close(frame) => {
                self.wire
                    .close(Some(frame), self.shared.limits.goodbye_time)
                    .await
            }
            End::Client(_) => self.wire.close(None, self.shared.limits.goodbye_time).await,
            End::Gone | End::Cut => {}
        }
    }
}

async fn detach<B: Backend>(backend: &B, session: SessionId, node: Option<NodeName>, end: bool) {
    let ask = Ask::Detach {
        session: session.clone(),
        end,
    };
    if let Err(error) = backend.ask(&session, node.as_ref(), ask).await {
        // It notices by itself: a session without a gateway's connection waits to be resumed, and ends in time.
        tracing::debug!(%error, labels.session_id = %session, "a session was not detached");
    }
}

/// The outcome of what is pending; never, when nothing is.
async fn poll(pending: &mut Option<Pending>) -> Outcome {
    match pending {
        Some(pending) => pending.await,
        None => std::future::pending().await,
    }
}

/// The token without the word that REST wants before it: some libraries send it here, too.
fn bare(token: &str) -> &str {
    token.strip_prefix("Bot ").unwrap_or(token)
}
