//! Why a connection ends: the codes of GOAWAY.

use std::fmt;

/// The code of a GOAWAY frame, as the Go, Elixir and Rust peers number them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// 0: nothing is wrong.
    Normal,
    /// 1: a frame that does not belong there, or that cannot be read.
    InvalidOp,
    /// 2: HELLO names another version.
    UnsupportedVersion,
    /// 3: the two sides share no encoding.
    NoCommonEncoding,
    /// 4: HELLO_ACK names an encoding that was not offered.
    InvalidEncoding,
    /// 5: a compression that was not offered.
    InvalidCompression,
    /// 6: no PONG since the last PING.
    PingTimeout,
    /// 7: the other side broke.
    InternalServerError,
    /// Any other number.
    Other(u16),
}

impl From<u16> for Code {
    fn from(number: u16) -> Self {
        match number {
            0 => Self::Normal,
            1 => Self::InvalidOp,
            2 => Self::UnsupportedVersion,
            3 => Self::NoCommonEncoding,
            4 => Self::InvalidEncoding,
            5 => Self::InvalidCompression,
            6 => Self::PingTimeout,
            7 => Self::InternalServerError,
            other => Self::Other(other),
        }
    }
}

impl From<Code> for u16 {
    fn from(code: Code) -> Self {
        match code {
            Code::Normal => 0,
            Code::InvalidOp => 1,
            Code::UnsupportedVersion => 2,
            Code::NoCommonEncoding => 3,
            Code::InvalidEncoding => 4,
            Code::InvalidCompression => 5,
            Code::PingTimeout => 6,
            Code::InternalServerError => 7,
            Code::Other(number) => number,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::InvalidOp => f.write_str("invalid op"),
            Self::UnsupportedVersion => f.write_str("unsupported version"),
            Self::NoCommonEncoding => f.write_str("no common encoding"),
            Self::InvalidEncoding => f.write_str("invalid encoding"),
            Self::InvalidCompression => f.write_str("invalid compression"),
            Self::PingTimeout => f.write_str("ping timeout"),
            Self::InternalServerError => f.write_str("internal server error"),
            Self::Other(number) => write!(f, "code {number}"),
        }
    }
}
