//! Frames and their bytes. No IO: [`Frame::decode`] takes from a buffer what is complete.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The version of the protocol that HELLO carries.
pub const VERSION: u8 = 1;

/// The flag of a compressed payload.
pub const COMPRESSED: u8 = 0x01;

/// One frame. All integers are big-endian on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Flags, of which only [`COMPRESSED`] has a meaning.
    pub flags: u8,
    /// Everything else.
    pub kind: Kind,
}

/// What a frame is, with what it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// 1, first from the client: `encoding,encoding|compression,compression`.
    Hello {
        /// The version spoken.
        version: u8,
        /// The offer.
        offer: Bytes,
    },
    /// 2, first from the server: `encoding|compression`.
    HelloAck {
        /// How often both sides ping, in milliseconds.
        ping_interval_ms: u32,
        /// The choice.
        choice: Bytes,
    },
    /// 3: are you there?
    Ping {
        /// Drawn from the same sequence as requests.
        seq: u32,
    },
    /// 4: the answer to a ping.
    Pong {
        /// The ping's.
        seq: u32,
    },
    /// 5, from the client only.
    Request {
        /// What the response will repeat.
        seq: u32,
        /// Opaque.
        payload: Bytes,
    },
    /// 6, from the server only.
    Response {
        /// The request's.
        seq: u32,
        /// Opaque.
        payload: Bytes,
    },
    /// 7, from either side, unanswered.
    Push {
        /// Opaque.
        payload: Bytes,
    },
    /// 8: the sender will take no more requests, and closes once what is in flight is done.
    GoAway {
        /// See [`crate::Code`].
        code: u16,
        /// Text for people.
        reason: Bytes,
    },
    /// 9, from the server only: the request failed.
    Error {
        /// The request's.
        seq: u32,
        /// The handler's code.
        code: u16,
        /// Text for people.
        message: Bytes,
    },
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The opcode is none of 1 to 9.
    #[error("there is no opcode {0}")]
    Opcode(u8),
    /// The payload is longer than allowed.
    #[error("a payload of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

const HELLO: u8 = 1;
const HELLO_ACK: u8 = 2;
const PING: u8 = 3;
const PONG: u8 = 4;
const REQUEST: u8 = 5;
const RESPONSE: u8 = 6;
const PUSH: u8 = 7;
const GO_AWAY: u8 = 8;
const ERROR: u8 = 9;

// === impl Frame ===

impl Frame {
    /// Takes one frame from the front of `buffer`; `None` when more bytes are needed. Payloads share the
    /// buffer's memory. After an error the buffer is worthless.
    pub fn decode(buffer: &mut BytesMut, max_payload_bytes: usize) -> Result<Option<Self>, FrameError> {
        let Some(&opcode) = buffer.first() else {
            return Ok(None);
        };
        let header = match opcode {
            PING | PONG | PUSH => 6,
            HELLO => 7,
            GO_AWAY => 8,
            HELLO_ACK | REQUEST | RESPONSE => 10,
            ERROR => 12,
            other => return Err(FrameError::Opcode(other)),
        };
        if buffer.len() < header {
            return Ok(None);
        }
        let has_payload = !matches!(opcode, PING | PONG);
        let length = if has_payload {
            let at = header - 4;
            (&buffer[at..header]).get_u32() as usize
        } else {
            0
        };
        if length > max_payload_bytes {
            return Err(FrameError::TooLarge {
                bytes: length,
                limit: max_payload_bytes,
            });
        }
        if buffer.len() < header + length {
            buffer.reserve(header + length - buffer.len());
            return Ok(None);
        }
        let mut head = buffer.split_to(header);
        let payload = buffer.split_to(length).freeze();
        head.advance(1);
        let flags = head.get_u8();
        let kind = match opcode {
            HELLO => Kind::Hello {
                version: head.get_u8(),
                offer: payload,
            },
            HELLO_ACK => Kind::HelloAck {
                ping_interval_ms: head.get_u32(),
                choice: payload,
            },
            PING => Kind::Ping { seq: head.get_u32() },
            PONG => Kind::Pong { seq: head.get_u32() },
            REQUEST => Kind::Request {
                seq: head.get_u32(),
                payload,
            },
            RESPONSE => Kind::Response {
                seq: head.get_u32(),
                payload,
            },
            PUSH => Kind::Push { payload },
            GO_AWAY => Kind::GoAway {
                code: head.get_u16(),
                reason: payload,
            },
            _ => Kind::Error {
                seq: head.get_u32(),
                code: head.get_u16(),
                message: payload,
            },
        };
        Ok(Some(Self { flags, kind }))
    }

    /// Writes the frame whole.
    pub fn encode(&self, out: &mut BytesMut) {
        self.encode_head(out);
        out.extend_from_slice(self.kind.payload());
    }

    /// Writes everything but the payload, so that a large one need not be copied.
    pub(crate) fn encode_head(&self, out: &mut BytesMut) {
        out.reserve(12);
        out.put_u8(self.kind.opcode());
        out.put_u8(self.flags);
        match &self.kind {
            Kind::Hello { version, .. } => out.put_u8(*version),
            Kind::HelloAck { ping_interval_ms, .. } => out.put_u32(*ping_interval_ms),
            Kind::Ping { seq } | Kind::Pong { seq } => {
                out.put_u32(*seq);
                return;
            }
            Kind::Request { seq, .. } | Kind::Response { seq, .. } => out.put_u32(*seq),
            Kind::Push { .. } => {}
            Kind::GoAway { code, .. } => out.put_u16(*code),
            Kind::Error { seq, code, .. } => {
                out.put_u32(*seq);
                out.put_u16(*code);
            }
        }
        let length = u32::try_from(self.kind.payload().len())
            .expect("payloads are checked against a limit in bytes before they are queued");
        out.put_u32(length);
    }
}

impl From<Kind> for Frame {
    fn from(kind: Kind) -> Self {
        Self { flags: 0, kind }
    }
}

// === impl Kind ===

impl Kind {
    /// The bytes behind the head; none for pings.
    pub(crate) fn payload(&self) -> &Bytes {
        static NONE: Bytes = Bytes::new();
        match self {
            Self::Ping { .. } | Self::Pong { .. } => &NONE,
            Self::Hello { offer: payload, .. }
            | Self::HelloAck { choice: payload, .. }
            | Self::Request { payload, .. }
            | Self::Response { payload, .. }
            | Self::Push { payload }
            | Self::GoAway { reason: payload, .. }
            | Self::Error { message: payload, .. } => payload,
        }
    }

    fn opcode(&self) -> u8 {
        match self {
            Self::Hello { .. } => HELLO,
            Self::HelloAck { .. } => HELLO_ACK,
            Self::Ping { .. } => PING,
            Self::Pong { .. } => PONG,
            Self::Request { .. } => REQUEST,
            Self::Response { .. } => RESPONSE,
            Self::Push { .. } => PUSH,
            Self::GoAway { .. } => GO_AWAY,
            Self::Error { .. } => ERROR,
        }
    }

    /// The name of the frame, as errors tell it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "HELLO",
            Self::HelloAck { .. } => "HELLO_ACK",
            Self::Ping { .. } => "PING",
            Self::Pong { .. } => "PONG",
            Self::Request { .. } => "REQUEST",
            Self::Response { .. } => "RESPONSE",
            Self::Push { .. } => "PUSH",
            Self::GoAway { .. } => "GOAWAY",
            Self::Error { .. } => "ERROR",
        }
    }
}
