//! Small charts of blocks: a sparkline in a cell, a bar chart in a few rows. No data is a gap, not a zero.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::look::Look;

/// A sparkline of one row.
pub(super) fn spark(look: Look, series: &[Option<f64>]) -> String {
    let top = top(series).max(1.0);
    series
        .iter()
        .map(|value| look.block(value.map_or(0, |value| eighths(value, top, 8).max(1))))
        .collect()
}

/// Bars over all rows of `area`, one column each, the tallest to the top, or as high as `least` is to it when
/// all are smaller: two errors in ten thousand must not look like an outage. A zero is a line at the bottom.
pub(super) fn bars(
    look: Look,
    series: &[Option<f64>],
    least: f64,
    area: Rect,
    style: Style,
    buffer: &mut Buffer,
) {
    let steps = usize::from(area.height) * 8;
    let top = top(series).max(least);
    for (column, value) in series.iter().take(usize::from(area.width)).enumerate() {
        let Some(value) = value else { continue };
        let mut left = eighths(*value, top, steps).max(1);
        for row in (0..area.height).rev() {
            let x = area.x + u16::try_from(column).unwrap_or(0);
            buffer.set_string(x, area.y + row, look.block(left.min(8)), style);
            left = left.saturating_sub(8);
        }
    }
}

/// The greatest value.
pub(super) fn top(series: &[Option<f64>]) -> f64 {
    series.iter().flatten().copied().fold(0.0, f64::max)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share between 0 and 1 of a few dozen steps"
)]
fn eighths(value: f64, top: f64, steps: usize) -> usize {
    if top <= 0.0 || !value.is_finite() {
        return 0;
    }
    (((value / top).clamp(0.0, 1.0) * steps as f64).round()) as usize
}
