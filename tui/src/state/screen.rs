//! The screens and the way back. The fleet is always at the bottom, and a top screen has nothing between it and
//! the fleet, so `Esc` never leads through a maze.

/// A screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Screen {
    /// All clusters.
    Fleet,
    /// One cluster, by name.
    Cluster(String),
    /// Log records.
    Logs,
    /// All operations.
    Operations,
    /// One operation, by id.
    Operation(String),
    /// The audit log.
    Audit,
    /// Keys and columns; carries where the help was asked for.
    Help,
}

/// Screens from the fleet to the one that is shown.
#[derive(Debug, Clone)]
pub struct Screens {
    above: Vec<Screen>,
}

/// A way back longer than this forgets its oldest steps.
const MAX_DEPTH: usize = 8;

// === impl Screens ===

impl Screens {
    /// Only the fleet.
    pub fn new() -> Self {
        Self { above: Vec::new() }
    }

    /// The one that is shown.
    pub fn current(&self) -> &Screen {
        self.above.last().unwrap_or(&Screen::Fleet)
    }

    /// The one under it.
    pub fn previous(&self) -> &Screen {
        match self.above.len() {
            0 | 1 => &Screen::Fleet,
            depth => &self.above[depth - 2],
        }
    }

    /// Opens a screen over the current one.
    pub fn open(&mut self, screen: Screen) {
        if *self.current() == screen {
            return;
        }
        if self.above.len() == MAX_DEPTH {
            self.above.remove(0);
        }
        self.above.push(screen);
    }

    /// Goes to a top screen.
    pub fn jump(&mut self, screen: Screen) {
        self.above.clear();
        if screen != Screen::Fleet {
            self.above.push(screen);
        }
    }

    /// Goes back; says whether there was somewhere to go.
    pub fn back(&mut self) -> bool {
        self.above.pop().is_some()
    }
}

impl Default for Screens {
    fn default() -> Self {
        Self::new()
    }
}
