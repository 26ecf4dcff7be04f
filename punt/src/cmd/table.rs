//! Statistics as text, for people.

use std::fmt::Write as _;

use punt_control::Stats;

/// One block a component: counters, then what was lost, then the buffer.
pub(super) fn stats(stats: &Stats) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{}, as it was at {}, up for {} s; queue {} of {} batches",
        stats.node, stats.time, stats.uptime_seconds, stats.queue_depth, stats.queue_capacity
    );
    for component in &stats.components {
        let _ = writeln!(text, "\n{} {}", component.kind.name(), component.name);
        for (name, value) in &component.counters {
            let _ = writeln!(text, "  {:<18}{value:>14}", name.replace('_', " "));
        }
        for (reason, value) in &component.dropped {
            let _ = writeln!(
                text,
                "  {:<18}{value:>14}   LOST: {}",
                "dropped",
                reason.replace('_', " ")
            );
        }
        if let Some(buffer) = &component.buffer {
            let _ = writeln!(text, "  {:<18}{:>14}", "in buffer", buffer.events);
            let _ = writeln!(
                text,
                "  {:<18}{:>14} of {}",
                "buffer bytes", buffer.bytes, buffer.max_bytes
            );
            let _ = writeln!(text, "  {:<18}{:>14} ms", "lag", buffer.lag_ms);
        }
    }
    let balance = stats.balance();
    let _ = match balance.holds() {
        true => writeln!(text, "\nreceived = sent + buffered + counted: holds"),
        false => writeln!(
            text,
            "\nreceived = sent + buffered + counted, but for what is in flight:"
        ),
    };
    for stage in balance.stages.iter().filter(|stage| stage.in_flight() != 0) {
        let _ = writeln!(
            text,
            "  {}: {} came, {} went on, {} are held, {} were dropped, {} are in flight",
            stage.stage,
            stage.came,
            stage.went,
            stage.held,
            stage.dropped,
            stage.in_flight()
        );
    }
    text
}
