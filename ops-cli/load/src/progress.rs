//! Says on stderr how a run goes: one line that is rewritten each second on a terminal, a line each 5 s elsewhere.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::books::Books;
use crate::checker::Standing;

/// Between two lines on a terminal.
const LIVE: Duration = Duration::from_secs(1);

/// Between two lines elsewhere.
const LINES: Duration = Duration::from_secs(5);

/// Says what is done before there is anything to count.
pub(crate) fn announce(users: usize, guilds: usize) {
    let _gone = writeln!(io::stderr(), "creating {users} users and {guilds} guilds");
}

/// Says how the run goes until `stop`.
pub(crate) async fn say(books: &Books, users: usize, stop: CancellationToken) {
    let terminal = io::stderr().is_terminal();
    let period = if terminal { LIVE } else { LINES };
    let started = Instant::now();
    let mut ticks = interval_at(started + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let line = line(books, users, started.elapsed());
        // `\x1b[K` clears what a longer line left. A stderr that is gone is no reason to end the run.
        let _gone = if terminal {
            write!(io::stderr(), "\r{line}\x1b[K").and_then(|()| io::stderr().flush())
        } else {
            writeln!(io::stderr(), "{line}")
        };
    }
    if terminal {
        let _gone = writeln!(io::stderr());
    }
}

fn line(books: &Books, users: usize, elapsed: Duration) -> String {
    let counts = &books.counts;
    let Standing {
        acknowledged,
        expected,
        made,
        duplicated,
    } = books.standing();
    let p99_ms = books.delivery().value_at_quantile(0.99) as f64 / 1_000.0;
    format!(
        "{:>4} s  joined {}/{users}  sent {}  acknowledged {acknowledged}  failed {}  retried {}  withheld {}  \
         delivered {made}/{expected}  duplicated {duplicated}  p99 {p99_ms:.1} ms  \
         dropped {}  resumes {}  identifies {}",
        elapsed.as_secs(),
        counts.joined.get(),
        counts.sent.get(),
        counts.failed.get(),
        counts.retried.get(),
        counts.withheld.get(),
        counts.dropped.get(),
        counts.resumes.get(),
        counts.identifies.get(),
    )
}
