//! The screens and the way back. The fleet is always at the bottom, and a top screen has nothing between it and
//! the fleet, so `Esc` never leads through a maze.

/// A screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Screen {
    /// All clusters.
    Fleet,
    /// One cluster, by name.
    Cluster(String),
    /// One node, by name.
    Node(String),
    /// What is wrong now.
    Incidents,
    /// A sparkline for each cluster and signal.
    Pulses,
    /// Who needs whom.
    Xray,
    /// Objectives and what is left of their budgets.
    Slo,
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
    /// Where we were, the last one last; the oldest are forgotten.
    past: Vec<Vec<Screen>>,
    /// Where we came back from.
    future: Vec<Vec<Screen>>,
}

/// A way back longer than this forgets its oldest steps.
const MAX_DEPTH: usize = 8;
/// So many earlier screens can be gone back to.
const MAX_HISTORY: usize = 50;

// === impl Screens ===

impl Screens {
    /// Only the fleet.
    pub fn new() -> Self {
        Self {
            above: Vec::new(),
            past: Vec::new(),
            future: Vec::new(),
        }
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
        self.remember();
        if self.above.len() == MAX_DEPTH {
            self.above.remove(0);
        }
        self.above.push(screen);
    }

    /// Goes to a top screen.
    pub fn jump(&mut self, screen: Screen) {
        if *self.current() == screen && self.above.len() <= 1 {
            return;
        }
        self.remember();
        self.above.clear();
        if screen != Screen::Fleet {
            self.above.push(screen);
        }
    }

    /// Goes back; says whether there was somewhere to go.
    pub fn back(&mut self) -> bool {
        if self.above.is_empty() {
            return false;
        }
        self.remember();
        self.above.pop();
        true
    }

    /// Goes to the screen before this one in time; says whether there was one.
    pub fn earlier(&mut self) -> bool {
        let Some(before) = self.past.pop() else {
            return false;
        };
        self.future.push(std::mem::replace(&mut self.above, before));
        true
    }

    /// Undoes [`Self::earlier`]; says whether there was something to undo.
    pub fn later(&mut self) -> bool {
        let Some(after) = self.future.pop() else {
            return false;
        };
        self.past.push(std::mem::replace(&mut self.above, after));
        true
    }

    /// Goes to the screen before this one in time, and from there back again.
    pub fn swap(&mut self) -> bool {
        let Some(before) = self.past.pop() else {
            return false;
        };
        self.past.push(std::mem::replace(&mut self.above, before));
        true
    }

    fn remember(&mut self) {
        if self.past.len() == MAX_HISTORY {
            self.past.remove(0);
        }
        self.past.push(self.above.clone());
        self.future.clear();
    }
}

impl Default for Screens {
    fn default() -> Self {
        Self::new()
    }
}
