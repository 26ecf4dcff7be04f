//! Gateway intents (API v10): which events a session asked for.

use serde::{Deserialize, Serialize};

/// A set of gateway intents, as the bits that Identify carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Intents(pub u64);

impl Intents {
    /// Needed by no event: everybody gets it.
    pub const NONE: Self = Self(0);
    /// Guilds, channels, roles.
    pub const GUILDS: Self = Self(1);
    /// Members joining and leaving (privileged).
    pub const GUILD_MEMBERS: Self = Self(1 << 1);
    /// Presence updates (privileged).
    pub const GUILD_PRESENCES: Self = Self(1 << 8);
    /// Messages in guild channels.
    pub const GUILD_MESSAGES: Self = Self(1 << 9);
    /// Reactions to messages.
    pub const GUILD_MESSAGE_REACTIONS: Self = Self(1 << 10);
    /// Typing in guild channels.
    pub const GUILD_MESSAGE_TYPING: Self = Self(1 << 11);
    /// The text of others' messages (privileged).
    pub const MESSAGE_CONTENT: Self = Self(1 << 15);
    /// Every bit that API v10 defines.
    pub const ALL: Self = Self(0b11_0011_0001_1111_1111_1111_1111);

    /// Whether all bits of `other` are in `self`.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there are only bits that API v10 defines (else close code 4013).
    pub fn valid(self) -> bool {
        self.0 & !Self::ALL.0 == 0
    }
}
