//! The themes by name. Which colour a role has in each of them is the view's.

/// A theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// The terminal's own sixteen colours.
    Dark,
    /// Darker tones, for a light background.
    Light,
    /// Bright and bold, nothing dim.
    HighContrast,
    /// Blue and orange instead of green and red.
    ColorBlind,
    /// No colour at all: bold, underlined, reversed.
    Mono,
}

// === impl Theme ===

impl Theme {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Dark,
        Self::Light,
        Self::HighContrast,
        Self::ColorBlind,
        Self::Mono,
    ];

    /// `dark`, `light`, `high-contrast`, `color-blind`, `mono`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::HighContrast => "high-contrast",
            Self::ColorBlind => "color-blind",
            Self::Mono => "mono",
        }
    }

    /// The one called `name`; `colour` and `cb-safe` are understood.
    pub fn known(name: &str) -> Option<Self> {
        match name {
            "default" => Some(Self::Dark),
            "colour-blind" | "cb-safe" => Some(Self::ColorBlind),
            name => Self::ALL.into_iter().find(|theme| theme.name() == name),
        }
    }
}
