//! The terminal: entering and leaving it, its keys as ours, its clipboard. Leaves it as it was, also in a panic.

use std::io::{IsTerminal as _, Stdout, Write as _, stdin, stdout};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture, KeyCode, KeyEvent,
    KeyEventKind, KeyModifiers,
};
use crossterm::terminal::{Clear, ClearType};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

use crate::key::Key;

/// There is no terminal to draw on.
#[derive(Debug)]
pub(crate) struct NoTerminal;

impl std::fmt::Display for NoTerminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "the console needs a terminal on standard input and output; `ops status` prints the same picture",
        )
    }
}

impl std::error::Error for NoTerminal {}

/// A terminal that shows the console until it is dropped.
pub(crate) struct Screen {
    /// Where frames are drawn.
    pub(crate) terminal: Terminal<CrosstermBackend<Stdout>>,
}

// === impl Screen ===

impl Screen {
    /// Enters the alternate screen.
    pub(crate) fn enter() -> anyhow::Result<Self> {
        if !stdin().is_terminal() || !stdout().is_terminal() {
            return Err(NoTerminal.into());
        }
        // With NO_COLOR crossterm answers each colour, also "no colour", by a reset that wipes bold and reverse
        // video out. We set no colours without colour, so nothing is lost by telling it that colours are fine.
        crossterm::style::force_color_output(true);
        // This also hangs itself into the panic hook: first the terminal is restored, then the report is printed.
        let terminal = ratatui::try_init()?;
        let screen = Self { terminal };
        // A paste arrives as one text: its letters must never be taken for keys.
        crossterm::execute!(stdout(), EnableBracketedPaste)?;
        Ok(screen)
    }

    /// Takes the mouse, or leaves it to the terminal.
    pub(crate) fn mouse(&mut self, ours: bool) -> std::io::Result<()> {
        if ours {
            crossterm::execute!(stdout(), EnableMouseCapture)
        } else {
            crossterm::execute!(stdout(), DisableMouseCapture)
        }
    }

    /// Forgets what is on the screen, so that the next frame draws all of it. Not `Terminal::clear`: that asks the
    /// terminal where its cursor is, and the answer would be read as keys.
    pub(crate) fn forget(&mut self) -> std::io::Result<()> {
        crossterm::execute!(stdout(), Clear(ClearType::All))?;
        self.terminal.swap_buffers();
        Ok(())
    }

    /// Puts text on the clipboard, by the terminal's own means (OSC 52), which works over SSH too.
    pub(crate) fn copy(&mut self, text: &str) -> std::io::Result<()> {
        let mut out = stdout();
        write!(out, "\x1b]52;c;{}\x07", STANDARD.encode(text))?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // There is nobody left to tell when the terminal is gone.
        drop(crossterm::execute!(
            stdout(),
            DisableMouseCapture,
            DisableBracketedPaste
        ));
        ratatui::restore();
    }
}

/// The key of a terminal's key event; `None` for releases and for keys that mean nothing here.
pub(crate) fn key(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    if event
        .modifiers
        .intersects(KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::META)
    {
        return None;
    }
    Some(match event.code {
        KeyCode::Char(letter) if control => Key::Ctrl(letter.to_ascii_lowercase()),
        KeyCode::Char(character) => Key::Char(character),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete => Key::Delete,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        _ => return None,
    })
}
