//! How things are looked at: filters, order, marks, panes, the clock, the mouse, standing still.

use super::typing::begin;
use crate::keymap::Action;
use crate::state::filter::Filter;
use crate::state::grid::Table;
use crate::state::hold::Hold;
use crate::state::menu::{Menu, table_of};
use crate::state::screen::Screen;
use crate::state::update::take;
use crate::state::{Cmd, Purpose, State};

/// Panes of a screen that has several; one of the others.
pub(super) fn panes(screen: &Screen) -> usize {
    match screen {
        Screen::Fleet => 2,
        Screen::Cluster(_) | Screen::Node(_) => 3,
        _ => 1,
    }
}

/// Carries such an action out; `None` when it is no such action.
pub(super) fn look(state: &mut State, action: Action) -> Option<Vec<Cmd>> {
    let mut cmds = Vec::new();
    match action {
        Action::Filter => {
            let current = match table_of(state.screens.current()) {
                Some(table) => state.grids.of(table).filter.as_ref(),
                None => state.logs.filter.as_ref(),
            };
            let current = current.map(|filter| filter.text().to_owned()).unwrap_or_default();
            begin(state, Purpose::Filter, &current);
        }
        Action::Faults => with_table(state, |state, table| {
            let grid = state.grids.of_mut(table);
            grid.faults = !grid.faults;
        }),
        Action::Sort => with_table(state, |state, table| {
            state.menu = Some(Menu::sort(state, table));
        }),
        Action::Reverse => with_table(state, |state, table| {
            if !state.grids.of_mut(table).reverse() {
                state.notify("rows are shown as they come; s sorts them", false);
            }
        }),
        Action::Wide => state.wide = !state.wide,
        Action::ColumnsRight => with_table(state, |state, table| {
            let last = crate::state::rows::columns(table).len();
            state.columns_skipped = (state.columns_skipped + 1).min(last);
        }),
        Action::ColumnsLeft => state.columns_skipped = state.columns_skipped.saturating_sub(1),
        Action::Mark => with_table(state, mark),
        Action::MarkRange => with_table(state, mark_range),
        Action::ClearMarks => with_table(state, |state, table| {
            state.grids.of_mut(table).marks.clear();
        }),
        Action::NextPane => state.pane = (state.pane + 1) % panes(state.screens.current()),
        Action::PreviousPane => {
            let count = panes(state.screens.current());
            state.pane = (state.pane + count - 1) % count;
        }
        Action::Zoom => state.zoomed = !state.zoomed,
        Action::Clock => {
            state.clock = state.clock.next();
            state.notify(format!("times are written as {}", state.clock.name()), false);
        }
        Action::Mouse => cmds = mouse(state),
        Action::Freeze => cmds = freeze(state),
        Action::PlainClose => cmds = plain(state, false),
        _ => return None,
    }
    Some(cmds)
}

/// Sets the filter of what is shown, in place of the one there was.
pub(super) fn filter(state: &mut State, typed: &str) {
    match (Filter::parse(typed), table_of(state.screens.current())) {
        (Ok(filter), Some(table)) => {
            state.grids.of_mut(table).filter = filter;
        }
        (Ok(filter), None) => state.logs.highlight(filter),
        (Err(why), _) => state.notify(why, true),
    }
}

/// Takes the mouse, or leaves it to the terminal.
pub(super) fn mouse(state: &mut State) -> Vec<Cmd> {
    state.mouse = !state.mouse;
    let text = if state.mouse {
        "the mouse is the console's: click rows, turn the wheel"
    } else {
        "the mouse is the terminal's: select and copy as usual"
    };
    state.notify(text, false);
    vec![Cmd::Mouse(state.mouse)]
}

/// Shows the records as plain text, or no more. The terminal's own selecting needs the mouse.
pub(super) fn plain(state: &mut State, on: bool) -> Vec<Cmd> {
    state.plain = on;
    if state.mouse {
        vec![Cmd::Mouse(!on), Cmd::Redraw]
    } else {
        vec![Cmd::Redraw]
    }
}

/// Stands still, or takes in what came meanwhile.
fn freeze(state: &mut State) -> Vec<Cmd> {
    let Some(hold) = state.hold.take() else {
        state.hold = Some(Hold::default());
        if state.logs.follow {
            state.logs.toggle_follow();
        }
        return Vec::new();
    };
    let dropped = hold.dropped;
    let mut cmds: Vec<Cmd> = hold.release().flat_map(|msg| take(state, msg)).collect();
    if dropped {
        cmds.push(Cmd::FetchOperations);
        cmds.extend(super::travel::search_again(state));
    }
    cmds
}

fn with_table(state: &mut State, change: impl FnOnce(&mut State, Table)) {
    match table_of(state.screens.current()) {
        Some(table) => change(state, table),
        None => state.notify("there is no table on this screen", false),
    }
}

fn mark(state: &mut State, table: Table) {
    if let Some(id) = super::select::row_id(state, table) {
        state.grids.of_mut(table).mark(&id);
        super::step(state, 1);
    }
}

/// Marks what lies between the nearest marked row and the cursor.
fn mark_range(state: &mut State, table: Table) {
    let ids = super::select::row_ids(state, table);
    let Some(cursor) = super::select::row_id(state, table) else {
        return;
    };
    let Some(at) = ids.iter().position(|id| *id == cursor) else {
        return;
    };
    let grid = state.grids.of_mut(table);
    let marked = ids.iter().enumerate().filter(|(_, id)| grid.marks.contains(*id));
    let nearest = marked.map(|(row, _)| row).min_by_key(|row| row.abs_diff(at));
    let from = nearest.unwrap_or(at);
    grid.marks
        .extend(ids[from.min(at)..=from.max(at)].iter().cloned());
}
