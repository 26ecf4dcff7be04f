//! The close codes of the gateway, and what each one says.

use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// Why the gateway closes a WebSocket. Never 1000 or 1001: those end the session at the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Close {
    /// 4000: something went wrong here, or the node is leaving. The client may resume.
    Unknown,
    /// 4001: an op that there is not, or that clients may not send.
    UnknownOp,
    /// 4002: no JSON object in the right shape, or a payload over the limit.
    Decode,
    /// 4003: something else before Identify or Resume.
    NotAuthenticated,
    /// 4004: the token is nobody's. The client must not come back with it.
    AuthenticationFailed,
    /// 4005: a second Identify.
    AlreadyAuthenticated,
    /// 4008: too many events.
    RateLimited,
    /// 4009: no heartbeat for too long.
    TimedOut,
    /// 4010: a shard that cannot be.
    InvalidShard,
    /// 4012: a version of the API other than 9 and 10, or an encoding or compression that is not spoken here.
    InvalidVersion,
    /// 4013: intents that there are not, or none at all from a bot.
    InvalidIntents,
}

impl Close {
    pub(crate) fn code(self) -> u16 {
        match self {
            Self::Unknown => 4000,
            Self::UnknownOp => 4001,
            Self::Decode => 4002,
            Self::NotAuthenticated => 4003,
            Self::AuthenticationFailed => 4004,
            Self::AlreadyAuthenticated => 4005,
            Self::RateLimited => 4008,
            Self::TimedOut => 4009,
            Self::InvalidShard => 4010,
            Self::InvalidVersion => 4012,
            Self::InvalidIntents => 4013,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown error.",
            Self::UnknownOp => "Unknown opcode.",
            Self::Decode => "Error while decoding payload.",
            Self::NotAuthenticated => "Not authenticated.",
            Self::AuthenticationFailed => "Authentication failed.",
            Self::AlreadyAuthenticated => "Already authenticated.",
            Self::RateLimited => "Rate limited.",
            Self::TimedOut => "Session timed out.",
            Self::InvalidShard => "Invalid shard.",
            Self::InvalidVersion => "Invalid API version.",
            Self::InvalidIntents => "Invalid intent(s).",
        }
    }

    pub(crate) fn frame(self) -> CloseFrame {
        self.frame_saying(self.reason())
    }

    pub(crate) fn frame_saying(self, reason: &'static str) -> CloseFrame {
        CloseFrame {
            code: self.code().into(),
            reason: reason.into(),
        }
    }
}
