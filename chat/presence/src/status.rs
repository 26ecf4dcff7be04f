//! What others see of a user: one status out of those of all sessions.

/// A user's status as others see it, in the order in which one session's outweighs another's: who must not be
/// disturbed anywhere must not be disturbed; who is active somewhere is not idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) enum Status {
    /// No session, or only invisible ones.
    #[default]
    Offline,
    /// Away.
    Idle,
    /// Active.
    Online,
    /// Do not disturb.
    Dnd,
}

// === impl Status ===

impl Status {
    /// From what a client said of one session.
    pub(crate) fn of_session(text: &str) -> Self {
        match text {
            "online" => Self::Online,
            "idle" => Self::Idle,
            "dnd" => Self::Dnd,
            // `invisible`, `offline`, and whatever a later client says: better unseen than shown wrongly.
            _ => Self::Offline,
        }
    }

    /// As PRESENCE_UPDATE says it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Idle => "idle",
            Self::Online => "online",
            Self::Dnd => "dnd",
        }
    }
}
