//! What is drawn on: a frame of the terminal that also remembers what is where, so that a click can be told apart.
//! Nothing of it outlives the next frame.

use std::ops::{Deref, DerefMut};

use ratatui::Frame;
use ratatui::layout::{Position, Rect};

use crate::key::Key;

/// What can be clicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hit {
    /// A row of the list of the screen, by its number from the top of the whole list.
    Row(usize),
    /// A key that the footer names.
    Key(Key),
}

/// What of a frame can be clicked, and where it is.
#[derive(Debug, Clone, Default)]
pub struct Hits {
    hits: Vec<(Rect, Hit)>,
}

/// A frame that is being drawn.
pub(super) struct Canvas<'a, 'b> {
    frame: &'a mut Frame<'b>,
    hits: Hits,
}

// === impl Hits ===

impl Hits {
    /// What is at a cell.
    pub fn at(&self, column: u16, row: u16) -> Option<Hit> {
        let cell = Position::new(column, row);
        let mut hits = self.hits.iter().rev();
        hits.find(|(area, _)| area.contains(cell)).map(|(_, hit)| *hit)
    }
}

// === impl Canvas ===

impl<'a, 'b> Canvas<'a, 'b> {
    pub(super) fn new(frame: &'a mut Frame<'b>) -> Self {
        Self {
            frame,
            hits: Hits::default(),
        }
    }

    /// Says what can be clicked in `area`.
    pub(super) fn hit(&mut self, area: Rect, hit: Hit) {
        self.hits.hits.push((area, hit));
    }

    /// Forgets what can be clicked, as something is drawn over all of it.
    pub(super) fn cover(&mut self) {
        self.hits.hits.clear();
    }

    pub(super) fn into_hits(self) -> Hits {
        self.hits
    }
}

impl<'b> Deref for Canvas<'_, 'b> {
    type Target = Frame<'b>;

    fn deref(&self) -> &Self::Target {
        self.frame
    }
}

impl DerefMut for Canvas<'_, '_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.frame
    }
}
