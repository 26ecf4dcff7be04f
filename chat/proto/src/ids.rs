//! Newtypes for everything that is counted or named.
//!
//! Snowflakes are strings in JSON (they exceed a double's 53 bits) and integers in MessagePack.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// 2015-01-01T00:00:00Z in Unix milliseconds: the epoch of a snowflake.
pub const DISCORD_EPOCH_MS: u64 = 1_420_070_400_000;

macro_rules! snowflake {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u64);

        impl $name {
            /// When the snowflake was made, in Unix milliseconds.
            pub fn unix_ms(self) -> u64 {
                (self.0 >> 22) + DISCORD_EPOCH_MS
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    serializer.serialize_u64(self.0)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                    text.parse().map_err(serde::de::Error::custom)
                } else {
                    u64::deserialize(deserializer).map(Self)
                }
            }
        }
    };
}

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub std::sync::Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }
    };
}

snowflake!(
    /// A user or bot.
    UserId
);
snowflake!(
    /// A guild.
    GuildId
);
snowflake!(
    /// A channel of a guild.
    ChannelId
);
snowflake!(
    /// A message. Its age orders it within a channel; its [`EventNumber`] orders it within a guild.
    MessageId
);

counter!(
    /// The place of a durable event in its guild, from 1 on, without gaps. 0 means "before the first".
    EventNumber
);
counter!(
    /// The generation of the membership: issued by the control plane, never repeated, only grows.
    Generation
);
counter!(
    /// The generation at which an owner claimed a guild. data refuses writes below the highest it has seen.
    Epoch
);
counter!(
    /// One life of a process: its start in Unix microseconds. A restarted node has another.
    Incarnation
);

name!(
    /// A process of a cluster: `guilds-0`.
    NodeName
);
name!(
    /// A gateway session: 32 hex digits.
    SessionId
);

impl EventNumber {
    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Incarnation {
    /// The incarnation of a process that starts now.
    pub fn now() -> Self {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Self(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }
}

/// Makes snowflakes: strictly increasing within a process, distinct between processes by `worker`.
///
/// Layout: milliseconds since [`DISCORD_EPOCH_MS`] in bits 63..22, worker and process in bits 21..12, increment
/// in bits 11..0. When the increment overflows or the clock steps back, it runs ahead of the clock rather than
/// repeat an id.
#[derive(Debug)]
pub struct Snowflakes {
    worker: u64,
    /// Milliseconds and increment of the last id, without the worker bits: `ms << 12 | increment`.
    last: AtomicU64,
}

impl Snowflakes {
    /// A generator for `worker` (10 bits are used).
    pub fn new(worker: u16) -> Self {
        Self {
            worker: u64::from(worker) & 0x3ff,
            last: AtomicU64::new(0),
        }
    }

    /// A generator whose worker bits are drawn from a node's name and incarnation.
    pub fn for_node(node: &NodeName, incarnation: Incarnation) -> Self {
        let mixed = node.as_str().bytes().fold(incarnation.0, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        Self::new(((mixed >> 32) ^ mixed) as u16)
    }

    /// The next id.
    pub fn next(&self) -> u64 {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let now = u64::try_from(since.as_millis())
            .unwrap_or(u64::MAX)
            .saturating_sub(DISCORD_EPOCH_MS)
            << 12;
        let advance = |last: u64| Some(now.max(last + 1));
        let last = self
            .last
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, advance)
            .unwrap_or(0);
        let stamp = now.max(last + 1);
        ((stamp >> 12) << 22) | (self.worker << 12) | (stamp & 0xfff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snowflakes_are_text_in_json_and_integers_in_messagepack() {
        let id = GuildId(175_928_847_299_117_063);
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"175928847299117063\"");
        assert_eq!(
            serde_json::from_str::<GuildId>("\"175928847299117063\"").unwrap(),
            id
        );
        let packed = crate::encode(&id).unwrap();
        assert_eq!(packed.len(), 9, "a MessagePack u64");
        assert_eq!(crate::decode::<GuildId>(&packed).unwrap(), id);
        assert_eq!(
            id.unix_ms(),
            1_462_015_105_796,
            "the example of Discord's reference"
        );
    }

    #[test]
    fn snowflakes_strictly_increase_even_within_a_millisecond() {
        let make = Snowflakes::new(3);
        let ids: Vec<u64> = (0..10_000).map(|_| make.next()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
