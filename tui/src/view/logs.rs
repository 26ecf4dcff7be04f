//! Log records: rows, the histogram above them, the fields of one record below. Only rows that are on the screen
//! are looked at.

use super::canvas::{Canvas, Hit};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::look::{Look, Role};
use super::{chart, empty, number, panel};
use crate::state::State;
use crate::state::filter::Filter;
use crate::state::logs::{Histogram, Level, LogRecord, Logs, Row, Show};

/// Draws the screen.
pub(super) fn draw(state: &State, look: Look, frame: &mut Canvas<'_, '_>, area: Rect) {
    let logs = &state.logs;
    let block = panel(look, title(logs, look));
    let inner = block.inner(area);
    frame.render_widget(block, area);

    let histogram = if logs.show_histogram && inner.height >= 14 && !state.zoomed {
        4
    } else {
        0
    };
    let chips = u16::from(logs.chip.is_some());
    let whole = logs.detail && inner.height < 16;
    let detail = match (logs.detail, whole) {
        (false, _) => 0,
        (true, true) => inner.height.saturating_sub(histogram + chips),
        (true, false) => inner.height / 2,
    };
    let [graph, choice, rows, fields] = Layout::vertical([
        Constraint::Length(histogram),
        Constraint::Length(chips),
        Constraint::Fill(1),
        Constraint::Length(detail),
    ])
    .areas(inner);
    if histogram > 0 {
        draw_histogram(state, look, frame, graph);
    }
    if let Some(at) = logs.chip {
        draw_chips(state, at, look, frame, choice);
    }
    draw_rows(state, look, frame, rows);
    if logs.detail {
        draw_detail(logs, look, frame, fields);
    }
}

/// One record in one line.
pub(super) fn line(
    state: &State,
    row: &Row,
    filter: Option<&Filter>,
    look: Look,
    width: u16,
) -> Line<'static> {
    let record = match row {
        Row::Gap(_, count) => {
            let text = format!(
                "~~~~ {} records here were too many to fetch ~~~~",
                number::exact(*count)
            );
            return Line::styled(text, look.style(Role::Warn));
        }
        Row::Record(record, _) => record,
    };
    let clock = if width >= 76 { "%H:%M:%S%.3f" } else { "%H:%M:%S" };
    let origin: String = record.origin.chars().take(11).collect();
    let mut spans = vec![
        Span::styled(state.time(record.at, clock), look.style(Role::Muted)),
        bookmark(state, record, look),
        Span::styled(
            format!("{:<5} ", record.level.name().to_uppercase()),
            look.style(level_role(record.level)),
        ),
        Span::styled(format!("{origin:<11} "), look.style(Role::Info)),
    ];
    match filter {
        Some(filter) => spans.extend(highlighted(&record.text(), filter, look)),
        None => spans.push(Span::raw(record.text())),
    }
    Line::from(spans)
}

/// One record in as many lines as it needs: what is too long goes on under the message.
fn lines(state: &State, row: &Row, filter: Option<&Filter>, look: Look, width: u16) -> Vec<Line<'static>> {
    let whole = line(state, row, filter, look, width);
    let Row::Record(record, _) = row else {
        return vec![whole];
    };
    let total = usize::from(width).max(20);
    if whole.width() <= total {
        return vec![whole];
    }
    let text = record.text();
    let indent = whole.width().saturating_sub(Span::raw(text.as_str()).width());
    let mut parts = wrapped(&text, total.saturating_sub(indent).max(10)).into_iter();
    let mut head = whole;
    head.spans.truncate(4);
    let styled = |text: String| match filter {
        Some(filter) => highlighted(&text, filter, look),
        None => vec![Span::raw(text)],
    };
    head.spans.extend(styled(parts.next().unwrap_or_default()));
    let rest = parts.map(|part| {
        let mut spans = vec![Span::raw(" ".repeat(indent))];
        spans.extend(styled(part));
        Line::from(spans)
    });
    std::iter::once(head).chain(rest).collect()
}

/// Cuts text into pieces of `width` cells.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut used = 0;
    for character in text.chars() {
        let cells = Span::raw(character.to_string()).width();
        if used + cells > width.max(1) {
            pieces.push(String::new());
            used = 0;
        }
        used += cells;
        if let Some(last) = pieces.last_mut() {
            last.push(character);
        }
    }
    pieces
}

fn bookmark(state: &State, record: &LogRecord, look: Look) -> Span<'static> {
    if state.logs.bookmarks.contains(&record.id) {
        Span::styled("#", look.style(Role::Hit))
    } else {
        Span::raw(" ")
    }
}

fn title(logs: &Logs, look: Look) -> String {
    let query = &logs.query;
    let names: Vec<&str> = query.clusters.iter().map(String::as_str).collect();
    let what = match (&query.node, names.is_empty()) {
        (Some(node), _) => node.clone(),
        (None, true) => "all".to_owned(),
        (None, false) => names.join(","),
    };
    let mut parts = vec![
        format!("Logs {what}"),
        format!("since {}", query.window()),
        format!(">={}", query.level.name()),
    ];
    if !query.text.is_empty() {
        parts.push(format!("query {}", query.text));
    }
    if let Some(filter) = &logs.filter {
        let only = match logs.show {
            Show::All => "",
            Show::Around => " with context",
            Show::Hits => " only",
        };
        parts.push(format!("/{}/ {} hits{only}", filter.text(), logs.hits()));
    }
    parts.push(if logs.follow {
        "FOLLOW".to_owned()
    } else {
        "held".to_owned()
    });
    if logs.ring.evicted() > 0 {
        parts.push(format!("{} oldest let go", number::count(logs.ring.evicted())));
    }
    parts.join(look.dot())
}

fn draw_rows(state: &State, look: Look, frame: &mut Canvas<'_, '_>, area: Rect) {
    let logs = &state.logs;
    if let Some(error) = &logs.error {
        if logs.ring.is_empty() {
            return empty(frame, area, look, error);
        }
        // What is loaded stays on the screen, and is said not to go on.
        let last = Rect {
            y: area.bottom().saturating_sub(1),
            height: area.height.min(1),
            ..area
        };
        frame.render_widget(Line::styled(error.clone(), look.style(Role::Crit)), last);
    }
    let Some(position) = logs.position() else {
        let text = match (logs.loaded, logs.ring.is_empty()) {
            (false, _) => "searching",
            (true, true) => "no record matches; t looks further back, L lowers the level",
            (true, false) => "no loaded record matches; c shows all",
        };
        return empty(frame, area, look, text);
    };
    let height = usize::from(area.height) - usize::from(logs.error.is_some() && area.height > 0);
    let (rows, cursor) = visible(logs, position, height);
    let filter = logs.filter.as_ref();
    let draw = |row: &Row| {
        if logs.wrap {
            lines(state, row, filter, look, area.width)
        } else {
            vec![line(state, row, filter, look, area.width)]
        }
    };
    let drawn = rows
        .iter()
        .map(|index| logs.ring.get(*index).map(draw).unwrap_or_default());
    let drawn: Vec<Vec<Line<'static>>> = drawn.collect();
    // Where records take several lines, those above give way until the cursor's is whole.
    let mut first = 0;
    while first < cursor && drawn[first..=cursor].iter().map(Vec::len).sum::<usize>() > height {
        first += 1;
    }
    let flat = drawn
        .into_iter()
        .enumerate()
        .skip(first)
        .flat_map(|(offset, lines)| lines.into_iter().map(move |line| (offset, line)));
    for (y, (offset, line)) in (area.y..).zip(flat).take(height) {
        let place = Rect { y, height: 1, ..area };
        frame.render_widget(line, place);
        frame.hit(place, Hit::Row(rows[offset]));
        if offset == cursor && !logs.follow {
            frame.buffer_mut().set_style(place, look.style(Role::Selected));
        }
    }
}

/// The numbers of the rows to show, oldest first, and which of them has the cursor: near the middle, unless that
/// would leave lines empty.
pub(super) fn visible(logs: &Logs, position: usize, height: usize) -> (Vec<usize>, usize) {
    let shown = |index: &usize| logs.shown(*index);
    let after: Vec<usize> = (position + 1..logs.ring.len())
        .filter(shown)
        .take(height)
        .collect();
    let above = (height / 2).max(height.saturating_sub(after.len() + 1));
    let mut rows: Vec<usize> = (0..position)
        .rev()
        .filter(shown)
        .take(above.min(height.saturating_sub(1)))
        .collect();
    rows.reverse();
    let cursor = rows.len();
    rows.push(position);
    rows.extend(after);
    rows.truncate(height);
    (rows, cursor)
}

fn draw_chips(state: &State, at: usize, look: Look, frame: &mut Canvas<'_, '_>, area: Rect) {
    let chips = state.chips();
    let chip = |index: usize, name: &String| {
        let chosen = state.logs.query.clusters.contains(name);
        let text = format!("[{}]{name}", if chosen { 'x' } else { ' ' });
        let role = if index == at { Role::Selected } else { Role::Plain };
        Span::styled(text, look.style(role))
    };
    // Begins far enough to the left that the chosen one is on the line.
    let mut first = 0;
    let width = |from: usize| {
        chips[from..=at.min(chips.len() - 1)]
            .iter()
            .map(|name| name.len() + 4)
            .sum::<usize>()
    };
    while !chips.is_empty() && first < at && width(first) > usize::from(area.width) {
        first += 1;
    }
    let spans = chips
        .iter()
        .enumerate()
        .skip(first)
        .flat_map(|(index, name)| [chip(index, name), Span::raw(" ")]);
    frame.render_widget(Line::from(spans.collect::<Vec<_>>()), area);
}

fn draw_histogram(state: &State, look: Look, frame: &mut Canvas<'_, '_>, area: Rect) {
    let logs = &state.logs;
    let histogram = match &logs.counted {
        Some(histogram) => histogram.clone(),
        None => Histogram::of_loaded(
            &logs.ring,
            state.now.wall,
            logs.query.since_minutes,
            logs.bucket_ms(),
        ),
    };
    let series = |count: fn(&crate::state::logs::Bucket) -> u64| -> Vec<Option<f64>> {
        #[expect(clippy::cast_precision_loss, reason = "a chart of a few steps")]
        histogram
            .buckets
            .iter()
            .map(|bucket| Some(count(bucket) as f64))
            .collect()
    };
    let all = series(|bucket| bucket.error + bucket.warn + bucket.rest);
    let total: u64 = histogram
        .buckets
        .iter()
        .map(|bucket| bucket.error + bucket.warn + bucket.rest)
        .sum();
    let of = if histogram.whole { "in the store" } else { "loaded" };
    let from = histogram.from.strftime("%H:%M").to_string();
    let head = format!(
        "{} {of} from {from}, {}s a column, at most {}",
        number::exact(total),
        histogram.bucket_ms / 1000,
        number::short(chart::top(&all)),
    );
    let [heading, rows] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    frame.render_widget(Line::styled(head, look.style(Role::Muted)), heading);
    let kinds = [
        ("error", series(|bucket| bucket.error), Role::Crit),
        ("warn", series(|bucket| bucket.warn), Role::Warn),
        ("all", all, Role::Info),
    ];
    for (y, (name, series, role)) in (rows.y..rows.bottom()).zip(kinds) {
        let cells = series.len().min(usize::from(rows.width.saturating_sub(6)));
        // The newest stay when there is no room for all.
        let newest = &series[series.len() - cells..];
        let spans = vec![
            Span::styled(format!("{name:<6}"), look.style(Role::Muted)),
            Span::styled(marks(look, newest), look.chart(role)),
        ];
        frame.render_widget(Line::from(spans), Rect { y, height: 1, ..rows });
    }
}

/// As a sparkline, but a zero is nothing: of a log, nothing is the usual.
fn marks(look: Look, series: &[Option<f64>]) -> String {
    let some: Vec<Option<f64>> = series
        .iter()
        .map(|value| value.filter(|value| *value > 0.0))
        .collect();
    chart::spark(look, &some)
}

fn draw_detail(logs: &Logs, look: Look, frame: &mut Canvas<'_, '_>, area: Rect) {
    let title = logs
        .current()
        .map_or_else(|| "Record".to_owned(), |record| format!("Record {}", record.id));
    let block = panel(look, title);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let Some(record) = logs.current() else {
        return empty(frame, inner, look, "no record is selected");
    };
    let fields = Paragraph::new(fields(record, look)).wrap(Wrap { trim: false });
    frame.render_widget(fields.scroll((logs.detail_scroll, 0)), inner);
}

fn fields(record: &LogRecord, look: Look) -> Vec<Line<'static>> {
    let width = record
        .fields
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or(0)
        .min(28);
    let lines = record.fields.iter().flat_map(|(name, value)| {
        // A stack trace has lines of its own.
        value.lines().take(200).enumerate().map(move |(index, text)| {
            let name = if index == 0 { name.as_str() } else { "" };
            let text: String = text
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect();
            Line::from(vec![
                Span::styled(format!("{name:<width$} "), look.style(Role::Muted)),
                Span::raw(text),
            ])
        })
    });
    lines.collect()
}

fn highlighted(text: &str, filter: &Filter, look: Look) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    let mut end = 0;
    for found in filter.spans(text) {
        spans.push(Span::raw(text[end..found.start].to_owned()));
        spans.push(Span::styled(
            text[found.clone()].to_owned(),
            look.style(Role::Hit),
        ));
        end = found.end;
    }
    spans.push(Span::raw(text[end..].to_owned()));
    spans
}

fn level_role(level: Level) -> Role {
    match level {
        Level::Error => Role::Crit,
        Level::Warn => Role::Warn,
        Level::Info => Role::Plain,
        Level::Debug | Level::Trace => Role::Muted,
    }
}
