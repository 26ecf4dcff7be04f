//! How things look: roles rather than colours, shapes rather than colours alone. A status is always shape, word
//! and colour, so that it can be read without colour, by the colour-blind, and over a serial line.

use ops_api::{Health, StepState};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;

use crate::state::Theme;

/// The look of the console.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Only ASCII.
    pub ascii: bool,
    /// Which colours. In mono not one is set: not even "no colour", which crossterm writes as a reset of
    /// everything.
    pub theme: Theme,
}

/// What something means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Plain,
    Ok,
    Warn,
    Crit,
    Info,
    Muted,
    Strong,
    Selected,
    Hit,
}

const ASCII_BORDER: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

const ASCII_THICK: border::Set<'static> = border::Set {
    top_left: "#",
    top_right: "#",
    bottom_left: "#",
    bottom_right: "#",
    vertical_left: "#",
    vertical_right: "#",
    horizontal_top: "#",
    horizontal_bottom: "#",
};

const BLOCKS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
const ASCII_BLOCKS: [&str; 8] = ["_", ".", ":", "-", "=", "+", "*", "#"];

// === impl Look ===

impl Look {
    /// The style of a role.
    pub fn style(self, role: Role) -> Style {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let underlined = bold.add_modifier(Modifier::UNDERLINED);
        match (role, self.theme) {
            (Role::Plain, _) => plain,
            (Role::Strong, _) => bold,
            (Role::Selected, _) => plain.add_modifier(Modifier::REVERSED),
            // Bright black is unreadable in some palettes; dim is not, but where contrast was asked for.
            (Role::Muted, Theme::HighContrast) => plain,
            (Role::Muted, _) => plain.add_modifier(Modifier::DIM),
            (Role::Ok | Role::Info, Theme::Mono) => plain,
            (Role::Warn, Theme::Mono) => bold,
            (Role::Crit | Role::Hit, Theme::Mono) => underlined,
            (Role::Crit | Role::Hit, Theme::HighContrast) => underlined.fg(self.color(role)),
            (_, Theme::HighContrast) => bold.fg(self.color(role)),
            (Role::Crit | Role::Hit, _) => bold.fg(self.color(role)),
            _ => plain.fg(self.color(role)),
        }
    }

    /// The colour of a role that has one.
    fn color(self, role: Role) -> Color {
        let [ok, warn, crit, info, hit] = match self.theme {
            // The terminal's own palette, which its user has chosen.
            Theme::Dark | Theme::Mono => [
                Color::Green,
                Color::Yellow,
                Color::Red,
                Color::Cyan,
                Color::Magenta,
            ],
            // Dark tones of the fixed palette: the sixteen are too bright on white.
            Theme::Light => [28, 130, 124, 25, 90].map(Color::Indexed),
            Theme::HighContrast => [
                Color::LightGreen,
                Color::LightYellow,
                Color::LightRed,
                Color::LightCyan,
                Color::LightMagenta,
            ],
            // Of Okabe and Ito's palette, which tells apart for all kinds of colour blindness: sky blue, yellow,
            // vermilion, blue, purple.
            Theme::ColorBlind => [74, 227, 202, 33, 175].map(Color::Indexed),
        };
        match role {
            Role::Ok => ok,
            Role::Warn => warn,
            Role::Crit => crit,
            Role::Hit => hit,
            _ => info,
        }
    }

    /// The style of a chart: its shape says it all where there is no colour.
    pub fn chart(self, role: Role) -> Style {
        if self.theme == Theme::Mono {
            Style::new()
        } else {
            Style::new().fg(self.color(role))
        }
    }

    /// The role of a verdict.
    pub fn health_role(health: Health) -> Role {
        match health {
            Health::Green => Role::Ok,
            Health::Yellow => Role::Warn,
            Health::Red => Role::Crit,
            Health::Unknown => Role::Info,
        }
    }

    /// The shape of a verdict.
    pub fn health_mark(self, health: Health) -> &'static str {
        match (health, self.ascii) {
            (Health::Green, false) => "●",
            (Health::Green, true) => "*",
            (Health::Yellow, false) => "▲",
            (Health::Yellow, true) => "!",
            (Health::Red, false) => "✖",
            (Health::Red, true) => "X",
            (Health::Unknown, _) => "?",
        }
    }

    /// The shape and role of a node's state.
    pub fn state_mark(self, state: &str) -> (&'static str, Role) {
        match state {
            "ready" => (self.health_mark(Health::Green), Role::Ok),
            "starting" | "draining" | "stopping" => (self.busy(), Role::Info),
            "lost" => (self.health_mark(Health::Red), Role::Crit),
            "stopped" => (self.health_mark(Health::Yellow), Role::Warn),
            _ => ("?", Role::Info),
        }
    }

    /// The role of a step.
    pub fn step_role(state: StepState) -> Role {
        match state {
            StepState::Done => Role::Ok,
            StepState::Failed => Role::Crit,
            StepState::Pending | StepState::Skipped => Role::Muted,
            _ => Role::Info,
        }
    }

    /// The shape of something between two states.
    pub fn busy(self) -> &'static str {
        if self.ascii { "o" } else { "◌" }
    }

    /// The lines around a panel.
    pub fn border(self) -> border::Set<'static> {
        if self.ascii { ASCII_BORDER } else { border::PLAIN }
    }

    /// The lines around what is dangerous.
    pub fn heavy_border(self) -> border::Set<'static> {
        if self.ascii { ASCII_BORDER } else { border::DOUBLE }
    }

    /// The lines around what takes the whole system away.
    pub fn thick_border(self) -> border::Set<'static> {
        if self.ascii { ASCII_THICK } else { border::THICK }
    }

    /// A block of `eighths` eighths; space for zero.
    pub fn block(self, eighths: usize) -> &'static str {
        let blocks = if self.ascii { &ASCII_BLOCKS } else { &BLOCKS };
        match eighths {
            0 => " ",
            eighths => blocks[eighths.min(8) - 1],
        }
    }

    /// What stands between parts of a line.
    pub fn dot(self) -> &'static str {
        if self.ascii { " - " } else { " · " }
    }

    /// What a tree is drawn with: past a branch, to a branch, to the last branch.
    pub fn tree(self) -> [&'static str; 3] {
        if self.ascii {
            ["| ", "|-", "`-"]
        } else {
            ["│ ", "├─", "└─"]
        }
    }

    /// A bar of `width` cells, filled to `part` of `whole`.
    pub fn bar(self, part: u64, whole: u64, width: usize) -> String {
        let (full, empty) = if self.ascii { ("#", ".") } else { ("▓", "░") };
        let filled = match usize::try_from(part.min(whole) * width as u64 / whole.max(1)) {
            Ok(filled) if whole > 0 => filled,
            _ => 0,
        };
        full.repeat(filled) + &empty.repeat(width - filled)
    }
}
