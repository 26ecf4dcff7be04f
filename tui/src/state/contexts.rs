//! Which keys hold where: what is open over the screen first, then the screen, then everywhere.

use super::screen::Screen;
use super::{Purpose, State};
use crate::keymap::Context;

impl State {
    /// The contexts whose keys hold, the first winning.
    pub fn contexts(&self) -> &'static [Context] {
        if let Some(line) = &self.line {
            return match line.purpose {
                Purpose::Palette => &[Context::Palette],
                Purpose::Command | Purpose::Filter | Purpose::Arm => &[Context::Line],
            };
        }
        if self.sheet.is_some() {
            return &[Context::Sheet];
        }
        if self.menu.is_some() {
            return &[Context::Menu];
        }
        if self.plain {
            return &[Context::Plain];
        }
        use Context::{Everywhere, Lists, Tables};
        match self.screens.current() {
            Screen::Fleet => &[Context::Fleet, Tables, Lists, Everywhere],
            Screen::Cluster(_) => &[Context::Cluster, Tables, Lists, Everywhere],
            Screen::Node(_) => &[Context::Node, Lists, Everywhere],
            Screen::Incidents => &[Context::Incidents, Tables, Lists, Everywhere],
            Screen::Logs if self.logs.chip.is_some() => &[Context::Chips, Everywhere],
            Screen::Logs => &[Context::Logs, Lists, Everywhere],
            Screen::Operations => &[Context::Operations, Tables, Lists, Everywhere],
            Screen::Operation(_) => &[Context::Operation, Everywhere],
            Screen::Pulses => &[Context::Pulses, Tables, Lists, Everywhere],
            Screen::Xray => &[Context::Xray, Lists, Everywhere],
            Screen::Slo => &[Context::Slo, Tables, Lists, Everywhere],
            Screen::Audit => &[Tables, Lists, Everywhere],
            Screen::Help => &[Lists, Everywhere],
        }
    }
}
