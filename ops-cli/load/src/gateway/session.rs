//! The socket of one user's session: connects, waits, heartbeats, and does what the [`Machine`] says.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chat_proto::{ChannelId, GuildId, MessageId};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message as WsMessage;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tokio_util::sync::CancellationToken;

use super::frame::Frame;
use super::history::Reader;
use super::machine::{Action, Leave, Machine, Plan};
use crate::backoff;
use crate::books::{Books, Way};
use crate::rest::Rest;

/// How long connecting, and sending one frame, may take.
const SOCKET: Duration = Duration::from_secs(10);

/// How long a connection may take to become live: longer than a gateway looks for a session that moves (30 s).
const GREETING: Duration = Duration::from_secs(45);

/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Connections that broke while live come back within this, spread out.
const RETURN_WITHIN: Duration = Duration::from_millis(250);

/// The wait that the protocol asks for after an invalid session, in seconds.
const INVALID_WAIT: std::ops::RangeInclusive<f64> = 1.0..=5.0;

/// The largest payload: a GUILD_CREATE with all its members.
const LARGEST: usize = 16 << 20;

/// Thousands of sockets share one process: small buffers each (tungstenite's own are 128 KiB, twice).
const BUFFER: usize = 4 << 10;

/// A close code that keeps the session resumable (1000 and 1001 would end it).
const KEEP_SESSION: u16 = 4000;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A user, and where it sits.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) token: Arc<str>,
    pub(crate) guild: GuildId,
    pub(crate) channel: ChannelId,
    /// Which of the run's guilds.
    pub(crate) guild_index: usize,
    /// Its place in that guild.
    pub(crate) seat: usize,
}

/// What all sessions share.
#[derive(Debug, Clone)]
pub(crate) struct Venue {
    /// The gateway: `ws://127.0.0.1:8080`.
    pub(crate) gateway: String,
    pub(crate) rest: Rest,
    pub(crate) books: Arc<Books>,
}

/// How a connection ended.
#[derive(Debug)]
enum End {
    /// We were told to stop.
    Stopped,
    /// We left: the gateway asked for it, or does not know the session.
    Left(Leave),
    /// It broke, with the close code if there was one.
    Broke(Option<u16>),
}

struct Session {
    member: Member,
    venue: Venue,
    machine: Machine,
    reader: Reader,
    /// The newest message that was dispatched.
    newest: Option<MessageId>,
}

/// Keeps a user connected until `stop`. An error is a refusal that no retry mends.
pub(crate) async fn attend(member: Member, venue: Venue, stop: CancellationToken) -> anyhow::Result<()> {
    let machine = Machine::new(&member.token, member.guild, &venue.gateway);
    let mut session = Session {
        reader: Reader::new(member.clone(), venue.clone(), stop.clone()),
        member,
        venue,
        machine,
        newest: None,
    };
    let result = session.stay(&stop).await;
    session.reader.close().await;
    result
}

// === impl Session ===

impl Session {
    async fn stay(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        loop {
            let end = match stop.run_until_cancelled(connect(&self.machine.plan())).await {
                Some(Ok(socket)) => self.serve(socket, stop).await,
                Some(Err(())) => End::Broke(None),
                None => End::Stopped,
            };
            let counts = &self.venue.books.counts;
            let counted = match &end {
                End::Stopped => return Ok(()),
                End::Left(Leave::Asked) => Some(&counts.reconnects),
                End::Left(Leave::Invalid) => None, // Counted when the session begins anew.
                _ if self.machine.live() => Some(&counts.dropped),
                _ => Some(&counts.unconnected),
            };
            if let Some(count) = counted {
                count.add();
            }
            let code = if let End::Broke(code) = &end { *code } else { None };
            if let End::Left(Leave::Garbled(reason)) = &end {
                self.venue.books.failure("unreadable dispatch");
                tracing::debug!(reason, "left a connection");
            }
            if let Err(refusal) = self.machine.on_closed(code) {
                if !self.machine.joined() {
                    return Err(anyhow::Error::msg(refusal));
                }
                // A user who is shut out midway misses messages: that is a finding, and no reason to end the run.
                self.venue.books.failure(&refusal);
                stop.cancelled().await;
                return Ok(());
            }
            let waiting = tokio::time::sleep(wait(&self.machine.plan()));
            if stop.run_until_cancelled(waiting).await.is_none() {
                return Ok(());
            }
        }
    }

    /// Serves one connection to its end.
    async fn serve(&mut self, mut socket: Socket, stop: &CancellationToken) -> End {
        if self.machine.begins_anew() {
            self.reader.owe_from(self.newest);
        }
        let mut interval = None;
        let deadline = Instant::now() + GREETING;
        let mut too_slow = pin!(sleep_until(deadline));
        let mut beat_due = pin!(sleep_until(deadline));
        let mut stopped = pin!(stop.cancelled());
        loop {
            let message = tokio::select! {
                message = socket.next() => message,
                () = &mut too_slow, if !self.machine.live() => return End::Broke(None),
                () = &mut beat_due, if interval.is_some() => {
                    let Some(beat) = self.machine.on_heartbeat_due() else {
                        return End::Broke(None); // The last heartbeat was never answered.
                    };
                    if send(&mut socket, beat).await.is_err() {
                        return End::Broke(None);
                    }
                    let interval = interval.unwrap_or(GREETING);
                    beat_due.as_mut().reset(Instant::now() + interval);
                    continue;
                }
                () = &mut stopped => {
                    goodbye(&mut socket, CloseCode::Normal).await;
                    return End::Stopped;
                }
            };
            let text = match message {
                Some(Ok(WsMessage::Text(text))) => text,
                Some(Ok(WsMessage::Close(frame))) => return End::Broke(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return End::Broke(None),
            };
            let action = match Frame::parse(&text) {
                Ok(frame) => self.machine.on_frame(&frame),
                Err(reason) => Action::Leave(Leave::Garbled(reason)),
            };
            match action {
                Action::None => {}
                Action::Message(message) => {
                    self.newest = self.newest.max(Some(message.id));
                    self.venue.books.received(&self.member, &message, Way::Dispatch);
                }
                Action::Greet { greeting, heartbeat } => {
                    if send(&mut socket, greeting).await.is_err() {
                        return End::Broke(None);
                    }
                    interval = Some(heartbeat);
                    beat_due
                        .as_mut()
                        .reset(Instant::now() + heartbeat.mul_f64(rand::random()));
                }
                Action::Send(text) => {
                    if send(&mut socket, text).await.is_err() {
                        return End::Broke(None);
                    }
                }
                Action::Joined { anew: false } => {
                    self.venue.books.joined(self.member.guild_index, self.member.seat);
                }
                Action::Joined { anew: true } => {
                    self.venue.books.counts.identifies.add();
                    self.reader.read();
                }
                Action::Resumed => self.venue.books.counts.resumes.add(),
                Action::Leave(leave) => {
                    goodbye(&mut socket, CloseCode::Library(KEEP_SESSION)).await;
                    return End::Left(leave);
                }
            }
        }
    }
}

/// How long to wait before the next connection.
fn wait(plan: &Plan) -> Duration {
    if plan.rejected {
        Duration::from_secs_f64(rand::random_range(INVALID_WAIT))
    } else if plan.failures == 0 {
        RETURN_WITHIN.mul_f64(rand::random())
    } else {
        backoff::after(plan.failures)
    }
}

async fn connect(plan: &Plan) -> Result<Socket, ()> {
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(LARGEST))
        .max_frame_size(Some(LARGEST));
    let base = plan
        .url
        .split('?')
        .next()
        .unwrap_or_default()
        .trim_end_matches('/');
    let url = format!("{base}/?v=10&encoding=json");
    let connecting = tokio_tungstenite::connect_async_with_config(url, Some(config), true);
    match timeout(SOCKET, connecting).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(error)) => {
            tracing::debug!(%error, url = plan.url, "cannot connect to the gateway");
            Err(())
        }
        Err(_) => Err(()),
    }
}

async fn send(socket: &mut Socket, text: String) -> Result<(), ()> {
    match timeout(SOCKET, socket.send(WsMessage::text(text))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(()),
    }
}

/// Closes a connection; the other side may be gone already.
async fn goodbye(socket: &mut Socket, code: CloseCode) {
    let frame = CloseFrame {
        code,
        reason: "".into(),
    };
    if timeout(GOODBYE, socket.close(Some(frame))).await.is_err() {
        tracing::debug!("the gateway did not take a close frame in time");
    }
}
