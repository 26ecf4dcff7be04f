//! The protocol of one gateway session, over all its connections. Pure: frames and closings in, what to do out.
//!
//! It decides between Resume and Identify, keeps the last `s`, and knows whether the session is alive. It owns no
//! socket and no clock: [`session`](super::session) does what it says.

use std::time::Duration;

use chat_proto::GuildId;

use super::frame::{self, Frame, GuildCreate, Hello, Message, Ready, op};

/// The shortest heartbeat interval that is obeyed, so that a broken Hello cannot make a session spin.
const SHORTEST_HEARTBEAT: Duration = Duration::from_millis(100);

/// Where the next connection goes after this many failed ones: back to the edge that the run was given.
const FAILURES_AT_RESUME_URL: u32 = 3;

/// The protocol state of one user's session.
#[derive(Debug)]
pub(super) struct Machine {
    token: String,
    guild: GuildId,
    edge: String,
    session: Option<Resumable>,
    seq: Option<u64>,
    phase: Phase,
    /// Whether the guild has arrived in this session.
    arrived: bool,
    /// Whether the next READY begins a session that follows an earlier one.
    anew: bool,
    awaiting_ack: bool,
    /// Failed connections since the last live one.
    failures: u32,
    /// The answer to the last Identify or Resume was an invalid session: the protocol asks for a wait.
    rejected: bool,
}

/// A session that can be resumed.
#[derive(Debug)]
struct Resumable {
    id: String,
    url: String,
}

/// How far the connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No Hello yet.
    Connecting,
    /// Identify sent, no READY yet.
    Identifying,
    /// READY, but the guild is not there yet.
    Ready,
    /// Resume sent, no RESUMED yet.
    Resuming,
    /// Events flow.
    Live,
}

/// What a frame asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action<'a> {
    /// Nothing.
    None,
    /// Send this, and heartbeats at this interval from now on.
    Greet { greeting: String, heartbeat: Duration },
    /// Send this.
    Send(String),
    /// The session's guild is there: for the first time, or (`anew`) after a session that could not be resumed,
    /// of which the history has to be read.
    Joined { anew: bool },
    /// The session was resumed.
    Resumed,
    /// A message.
    Message(Message<'a>),
    /// End this connection without ending the session, and connect again.
    Leave(Leave),
}

/// Why a connection is to be left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Leave {
    /// The gateway asked for it (op 7).
    Asked,
    /// It no longer knows the session (op 9).
    Invalid,
    /// It said something that is not the protocol.
    Garbled(String),
}

/// Where and how to connect next.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The gateway, without a query.
    pub(super) url: String,
    /// How many connections failed in a row.
    pub(super) failures: u32,
    /// The gateway rejected the session: the protocol asks to wait one to five seconds.
    pub(super) rejected: bool,
}

// === impl Machine ===

impl Machine {
    /// A session of the user with `token`, who is in `guild`.
    pub(super) fn new(token: &str, guild: GuildId, edge: &str) -> Self {
        Self {
            token: token.to_owned(),
            guild,
            edge: edge.to_owned(),
            session: None,
            seq: None,
            phase: Phase::Connecting,
            arrived: false,
            anew: false,
            awaiting_ack: false,
            failures: 0,
            rejected: false,
        }
    }

    /// Where to connect next.
    pub(super) fn plan(&self) -> Plan {
        let resume_url = self.session.as_ref().map(|session| &session.url);
        let url = resume_url
            .filter(|_| self.failures < FAILURES_AT_RESUME_URL)
            .unwrap_or(&self.edge);
        Plan {
            url: url.clone(),
            failures: self.failures,
            rejected: self.rejected,
        }
    }

    /// Whether events flow.
    pub(super) fn live(&self) -> bool {
        self.phase == Phase::Live
    }

    /// Whether the guild has ever arrived.
    pub(super) fn joined(&self) -> bool {
        self.anew
    }

    /// Whether the next greeting begins a session that follows an earlier one, which cannot be resumed.
    pub(super) fn begins_anew(&self) -> bool {
        self.anew && self.session.is_none()
    }

    /// A frame came.
    pub(super) fn on_frame<'a>(&mut self, frame: &Frame<'a>) -> Action<'a> {
        let action = match frame.op {
            op::DISPATCH => self.on_dispatch(frame),
            op::HEARTBEAT => Ok(Action::Send(frame::heartbeat(self.seq))),
            op::RECONNECT => Ok(Action::Leave(Leave::Asked)),
            op::INVALID_SESSION => Ok(self.on_invalid(frame.data().unwrap_or(false))),
            op::HELLO => self.on_hello(frame),
            op::HEARTBEAT_ACK => {
                self.awaiting_ack = false;
                Ok(Action::None)
            }
            _ => Ok(Action::None),
        };
        action.unwrap_or_else(|reason| Action::Leave(Leave::Garbled(reason)))
    }

    /// A heartbeat is due: what to send, or `None` when the last one was never answered and the connection is dead.
    pub(super) fn on_heartbeat_due(&mut self) -> Option<String> {
        if std::mem::replace(&mut self.awaiting_ack, true) {
            return None;
        }
        Some(frame::heartbeat(self.seq))
    }

    /// The connection ended or could not be made. An error is a refusal that no retry mends.
    pub(super) fn on_closed(&mut self, code: Option<u16>) -> Result<(), String> {
        if self.phase == Phase::Live {
            self.failures = 0;
        } else if !self.rejected {
            self.failures += 1;
        }
        self.phase = Phase::Connecting;
        self.awaiting_ack = false;
        match code {
            Some(4004) => Err("the gateway refuses the token (close code 4004)".to_owned()),
            Some(code @ 4010..=4014) => Err(format!("the gateway refuses the session (close code {code})")),
            // A sequence or a session that the gateway will not resume.
            Some(4003 | 4007 | 4009) => {
                self.forget();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn on_hello<'a>(&mut self, frame: &Frame<'_>) -> Result<Action<'a>, String> {
        let hello: Hello = frame.data()?;
        self.rejected = false;
        let greeting = match &self.session {
            Some(session) => {
                self.phase = Phase::Resuming;
                frame::resume(&self.token, &session.id, self.seq.unwrap_or(0))
            }
            None => {
                self.phase = Phase::Identifying;
                frame::identify(&self.token)
            }
        };
        Ok(Action::Greet {
            greeting,
            heartbeat: Duration::from_millis(hello.heartbeat_interval).max(SHORTEST_HEARTBEAT),
        })
    }

    fn on_invalid<'a>(&mut self, resumable: bool) -> Action<'a> {
        if !resumable {
            self.forget();
        }
        self.rejected = true;
        Action::Leave(Leave::Invalid)
    }

    fn on_dispatch<'a>(&mut self, frame: &Frame<'a>) -> Result<Action<'a>, String> {
        if frame.s.is_some() {
            self.seq = frame.s;
        }
        match frame.t {
            Some("MESSAGE_CREATE") => frame.data().map(Action::Message),
            Some("READY") => {
                let ready: Ready = frame.data()?;
                let url = ready.resume_gateway_url.unwrap_or_else(|| self.edge.clone());
                self.session = Some(Resumable {
                    id: ready.session_id,
                    url,
                });
                self.phase = Phase::Ready;
                self.arrived = false;
                Ok(Action::None)
            }
            // Also while resuming: the connection may have broken between READY and the guild.
            Some("GUILD_CREATE") if !self.arrived => {
                let guild: GuildCreate = frame.data()?;
                Ok(if guild.id == self.guild {
                    self.join()
                } else {
                    Action::None
                })
            }
            Some("RESUMED") => {
                self.phase = if self.arrived { Phase::Live } else { Phase::Ready };
                Ok(Action::Resumed)
            }
            _ => Ok(Action::None),
        }
    }

    fn join<'a>(&mut self) -> Action<'a> {
        self.arrived = true;
        if self.phase == Phase::Ready {
            self.phase = Phase::Live;
        }
        Action::Joined {
            anew: std::mem::replace(&mut self.anew, true),
        }
    }

    fn forget(&mut self) {
        self.session = None;
        self.seq = None;
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
