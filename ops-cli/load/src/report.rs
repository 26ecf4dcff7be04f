//! The result of a run: numbers, and whether the stack kept its word.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::books::Books;
use crate::setup;

/// How many findings of each kind are named.
const NAMED: usize = 10;

/// What a run found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The run's name: part of its users' and guilds' names and of its messages.
    pub run: String,
    /// Users that were connected.
    pub users: usize,
    /// Guilds they were spread over.
    pub guilds: usize,
    /// Messages a second that were asked for.
    pub rate: f64,
    /// How long messages were sent, in seconds.
    pub seconds: f64,
    /// Messages sent.
    pub sent: u64,
    /// Messages that were due and not sent, because too many were in flight.
    pub withheld: u64,
    /// Messages acknowledged with a 200 and an id.
    pub acknowledged: u64,
    /// Messages given up: their outcome is unknown.
    pub failed: u64,
    /// Sends repeated under the same nonce.
    pub retried: u64,
    /// Deliveries that acknowledged messages are owed: one for each member.
    pub expected: u64,
    /// Deliveries made.
    pub delivered: u64,
    /// Those of them that were read from the history after a session could not be resumed.
    pub recovered: u64,
    /// Deliveries of acknowledged messages that were never made.
    pub lost: u64,
    /// Dispatches of a message to a user who had been dispatched it before, and sends that became two messages.
    pub duplicated: u64,
    /// Dispatches out of order. 0 exactly if, in each guild, one order of messages explains what every user saw.
    pub reordered: u64,
    /// Messages that came to users who are not in their guild, or that were never sent.
    pub misrouted: u64,
    /// Messages that were delivered though never acknowledged: no error.
    pub unknown_delivered: u64,
    /// Live connections that broke.
    pub dropped: u64,
    /// Connections that the gateway asked to be made anew.
    pub reconnects: u64,
    /// Connections that could not be made or never became live.
    pub unconnected: u64,
    /// Sessions resumed.
    pub resumes: u64,
    /// Sessions that began anew because they could not be resumed.
    pub identifies: u64,
    /// From the first sending of a message to each of its deliveries.
    pub delivery: Latency,
    /// From the first sending of a message to its acknowledgement.
    pub acknowledgement: Latency,
    /// Why requests failed, and how often.
    pub causes: BTreeMap<String, u64>,
    /// Some of what was lost, duplicated or reordered, by name.
    pub findings: Vec<String>,
}

/// How long something took, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Half took at most this.
    pub p50_ms: f64,
    /// Nine in ten took at most this.
    pub p90_ms: f64,
    /// 99 in a hundred took at most this.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

// === impl Report ===

impl Report {
    /// Draws up the report of a run from its books.
    pub(crate) fn new(books: &Books, users: usize, rate: f64, sent_for: Duration) -> Self {
        let counts = &books.counts;
        let mut report = Self {
            run: format!("{:08x}", books.run),
            users,
            guilds: books.guilds(),
            rate,
            seconds: sent_for.as_secs_f64(),
            sent: counts.sent.get(),
            withheld: counts.withheld.get(),
            failed: counts.failed.get(),
            retried: counts.retried.get(),
            misrouted: counts.misrouted.get(),
            dropped: counts.dropped.get(),
            reconnects: counts.reconnects.get(),
            unconnected: counts.unconnected.get(),
            resumes: counts.resumes.get(),
            identifies: counts.identifies.get(),
            delivery: Latency::of(&books.delivery()),
            acknowledgement: Latency::of(&books.acknowledgement()),
            causes: books.causes(),
            ..Self::default()
        };
        let mut findings = Findings::default();
        for guild in 0..books.guilds() {
            let verdict = books.guild(guild).verdict();
            report.acknowledged += verdict.acknowledged;
            report.expected += verdict.expected;
            report.delivered += verdict.made;
            report.recovered += verdict.recovered;
            report.lost += verdict.lost;
            report.duplicated += verdict.duplicated;
            report.reordered += verdict.reordered;
            report.unknown_delivered += verdict.unknown_delivered;
            let user = |seat: usize| setup::user_name(books.run, guild + seat * books.guilds());
            let message = |sequence: u32| format!("message {sequence} of guild {guild}");
            let lost = verdict.lost_at.iter();
            findings
                .lost
                .extend(lost.map(|&(seat, at)| format!("lost: {} for {}", message(at), user(seat))));
            let twice = verdict.duplicated_at.iter();
            findings
                .duplicated
                .extend(twice.map(|&(seat, at)| format!("duplicated: {} for {}", message(at), user(seat))));
            let late = verdict.reordered_at.iter();
            findings
                .reordered
                .extend(late.map(|&at| format!("reordered: {} came late", message(at))));
        }
        report.findings = findings.named();
        report
    }

    /// Whether the stack kept its word: something was acknowledged, and nothing acknowledged was lost, and nothing
    /// was duplicated, reordered or misrouted.
    pub fn ok(&self) -> bool {
        self.acknowledged > 0
            && self.lost == 0
            && self.duplicated == 0
            && self.reordered == 0
            && self.misrouted == 0
    }

    /// Writes the report for people.
    pub fn write_table(&self, w: &mut impl Write) -> io::Result<()> {
        let verdict = if self.ok() {
            "ok: every acknowledged message was delivered once and in order"
        } else if self.acknowledged == 0 {
            "FAILED: no message was acknowledged"
        } else {
            "FAILED: an acknowledged message was lost, or one was duplicated, reordered or misrouted"
        };
        writeln!(
            w,
            "run {}: {} users in {} guilds, {:.1} s",
            self.run, self.users, self.guilds, self.seconds
        )?;
        writeln!(w)?;
        let mut row = |name: &str, fields: &[(&str, u64)]| {
            write!(w, "{name:<12}")?;
            for (field, value) in fields {
                write!(w, "  {field} {value}")?;
            }
            writeln!(w)
        };
        row(
            "messages",
            &[
                ("sent", self.sent),
                ("acknowledged", self.acknowledged),
                ("failed", self.failed),
                ("retried", self.retried),
                ("withheld", self.withheld),
            ],
        )?;
        row(
            "deliveries",
            &[
                ("expected", self.expected),
                ("made", self.delivered),
                ("from history", self.recovered),
                ("unacknowledged", self.unknown_delivered),
            ],
        )?;
        row(
            "errors",
            &[
                ("lost", self.lost),
                ("duplicated", self.duplicated),
                ("reordered", self.reordered),
                ("misrouted", self.misrouted),
            ],
        )?;
        row(
            "connections",
            &[
                ("dropped", self.dropped),
                ("asked to reconnect", self.reconnects),
                ("failed", self.unconnected),
                ("resumes", self.resumes),
                ("identifies", self.identifies),
            ],
        )?;
        writeln!(w)?;
        writeln!(
            w,
            "{:<16}{:>10}{:>10}{:>10}{:>10}",
            "latency (ms)", "p50", "p90", "p99", "max"
        )?;
        self.delivery.write_row(w, "delivery")?;
        self.acknowledgement.write_row(w, "acknowledgement")?;
        if !self.causes.is_empty() {
            writeln!(w)?;
            let causes: Vec<_> = self
                .causes
                .iter()
                .map(|(cause, times)| format!("{cause} x{times}"))
                .collect();
            writeln!(w, "failed requests: {}", causes.join(", "))?;
        }
        for finding in &self.findings {
            writeln!(w, "{finding}")?;
        }
        writeln!(w)?;
        writeln!(w, "{verdict}")
    }
}

// === impl Latency ===

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Self {
        let ms = |micros: u64| micros as f64 / 1_000.0;
        Self {
            p50_ms: ms(histogram.value_at_quantile(0.5)),
            p90_ms: ms(histogram.value_at_quantile(0.9)),
            p99_ms: ms(histogram.value_at_quantile(0.99)),
            max_ms: ms(histogram.max()),
        }
    }

    fn write_row(self, w: &mut impl Write, name: &str) -> io::Result<()> {
        let Self {
            p50_ms,
            p90_ms,
            p99_ms,
            max_ms,
        } = self;
        writeln!(
            w,
            "{name:<16}{p50_ms:>10.1}{p90_ms:>10.1}{p99_ms:>10.1}{max_ms:>10.1}"
        )
    }
}

/// What was found, by kind.
#[derive(Debug, Default)]
struct Findings {
    lost: Vec<String>,
    duplicated: Vec<String>,
    reordered: Vec<String>,
}

// === impl Findings ===

impl Findings {
    /// The first few of each kind.
    fn named(self) -> Vec<String> {
        [self.lost, self.duplicated, self.reordered]
            .into_iter()
            .flat_map(|kind| kind.into_iter().take(NAMED))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let latency = Latency {
            p50_ms: 4.25,
            p90_ms: 9.0,
            p99_ms: 31.5,
            max_ms: 1_204.0,
        };
        Report {
            run: "0000002a".to_owned(),
            users: 2_000,
            guilds: 20,
            rate: 20.0,
            seconds: 60.0,
            sent: 1_200,
            acknowledged: 1_199,
            failed: 1,
            retried: 12,
            expected: 119_900,
            delivered: 119_900,
            recovered: 300,
            dropped: 2_000,
            resumes: 1_990,
            identifies: 10,
            delivery: latency,
            acknowledgement: latency,
            causes: [("503".to_owned(), 13)].into(),
            ..Report::default()
        }
    }

    fn table(report: &Report) -> String {
        let mut table = Vec::new();
        report.write_table(&mut table).unwrap();
        String::from_utf8(table).unwrap()
    }

    #[test]
    fn a_table_shows_everything_and_ends_with_the_verdict() {
        insta::assert_snapshot!(table(&report()));
    }

    #[test]
    fn each_broken_promise_fails_the_report_and_nothing_else_does() {
        assert!(report().ok());
        let broken = [
            Report { lost: 1, ..report() },
            Report {
                duplicated: 1,
                ..report()
            },
            Report {
                reordered: 1,
                ..report()
            },
            Report {
                misrouted: 1,
                ..report()
            },
            Report {
                acknowledged: 0,
                ..report()
            },
            Report::default(),
        ];
        for report in broken {
            assert!(!report.ok(), "{report:#?}");
            assert!(table(&report).contains("FAILED: "));
        }
        let troubled = Report {
            unknown_delivered: 5,
            withheld: 5,
            failed: 5,
            ..report()
        };
        assert!(troubled.ok());
    }

    #[test]
    fn a_report_survives_json() {
        let json = serde_json::to_string(&report()).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report());
    }
}
