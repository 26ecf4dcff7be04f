//! The records as plain text over the whole terminal: no frames, no colours, no mouse, so that the terminal's own
//! selecting copies lines as they are.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::logs::{visible, wrapped};
use crate::state::State;
use crate::state::logs::Row;

/// Draws them.
pub(super) fn draw(state: &State, frame: &mut Canvas<'_, '_>, area: Rect) {
    let logs = &state.logs;
    let last = Rect {
        y: area.bottom() - 1,
        height: 1,
        ..area
    };
    frame.render_widget("-- plain text; esc leads back --", last);
    let Some(position) = logs.position() else {
        frame.render_widget("no record is loaded", Rect { height: 1, ..area });
        return;
    };
    let room = usize::from(area.height - 1);
    let (rows, cursor) = visible(logs, position, room);
    let width = usize::from(area.width);
    let texts = rows
        .iter()
        .filter_map(|index| logs.ring.get(*index))
        .map(|row| match row {
            Row::Record(record, _) => {
                let time = state.time(record.at, "%Y-%m-%dT%H:%M:%S%.3f");
                let level = record.level.name().to_uppercase();
                wrapped(
                    &format!("{time} {level} {} {}", record.origin, record.text()),
                    width,
                )
            }
            Row::Gap(_, count) => vec![format!("~ {count} records here were too many to fetch ~")],
        });
    let texts: Vec<Vec<String>> = texts.collect();
    // What the cursor is on stays in sight.
    let mut first = 0;
    while first < cursor
        && texts[first..=cursor.min(texts.len() - 1)]
            .iter()
            .map(Vec::len)
            .sum::<usize>()
            > room
    {
        first += 1;
    }
    for (y, text) in (area.y..last.y).zip(texts.into_iter().skip(first).flatten()) {
        frame.render_widget(text, Rect { y, height: 1, ..area });
    }
}
