//! The operations that are known, newest first, and which one is selected.

use ops_api::Operation;

/// How many are kept.
const MAX: usize = 200;

/// Operations.
#[derive(Debug, Default)]
pub struct Operations {
    /// Newest first.
    pub list: Vec<Operation>,
    /// The id of the selected one.
    pub selected: Option<String>,
}

// === impl Operations ===

impl Operations {
    /// The one called `id`.
    pub fn get(&self, id: &str) -> Option<&Operation> {
        self.list.iter().find(|operation| operation.id == id)
    }

    /// Takes one in; a plan is no operation. What has ended does not come back to life: two streams bring news
    /// of the same operation and the older news may come later.
    pub fn put(&mut self, operation: Operation) {
        if operation.request.dry_run {
            return;
        }
        match self.list.iter_mut().find(|known| known.id == operation.id) {
            Some(known) if known.state.ended() && !operation.state.ended() => {}
            Some(known) => *known = operation,
            None => {
                let newer = self
                    .list
                    .partition_point(|known| known.created > operation.created);
                self.list.insert(newer, operation);
                self.list.truncate(MAX);
            }
        }
    }

    /// The row of the selected one among those that are shown.
    pub fn row(&self, shown: &[&Operation]) -> usize {
        let selected = self.selected.as_ref();
        shown
            .iter()
            .position(|operation| Some(&operation.id) == selected)
            .unwrap_or(0)
    }
}
