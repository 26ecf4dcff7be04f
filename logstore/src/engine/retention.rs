//! Retention: whole indices are dropped when they are too old or when there are too many bytes of them.
//!
//! An index is as old as its newest document, or as the day that its name ends in, whichever is later; one without
//! either is as old as itself. An index that was written to within [`FRESH`] is never dropped for its size.

use std::time::Duration;

use tracing::{error, info};

use super::index::Index;
use super::store::Store;
use crate::date::{self, Millis};
use crate::mapping::pattern;

/// An index this young is not dropped for its size: it is the one that is written to.
const FRESH: Duration = Duration::from_secs(3600);

/// One rule. Several may be about an index: the first that is decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Which indices, with `*`.
    pub pattern: String,
    /// Dropped when older.
    pub age: Option<Duration>,
    /// The oldest are dropped while all of the pattern together are larger.
    pub bytes: Option<u64>,
}

impl Store {
    /// Drops what the rules say.
    pub fn retain(&self, rules: &[Rule], now: Millis) {
        if rules.is_empty() {
            return;
        }
        let mut indices: Vec<_> = self
            .list()
            .into_iter()
            .filter(|index| !index.name.starts_with('.') || index.name.starts_with(".ds-"))
            .map(|index| (age(&index, now), index))
            .collect();
        // The oldest first.
        indices.sort_by_key(|(age, _)| std::cmp::Reverse(*age));
        for rule in rules {
            let (about, rest): (Vec<_>, Vec<_>) = indices
                .into_iter()
                .partition(|(_, index)| pattern::matches(&rule.pattern, &index.name));
            indices = rest;
            let mut bytes: u64 = about.iter().map(|(_, index)| index.size_bytes()).sum();
            for (age, index) in about {
                let too_old = rule.age.is_some_and(|limit| age > limit);
                let too_much = rule.bytes.is_some_and(|limit| bytes > limit) && age > FRESH;
                if !too_old && !too_much {
                    continue;
                }
                let (size, documents) = (index.size_bytes(), index.doc_count());
                let reason = if too_old { "age" } else { "size" };
                match self.delete(&index) {
                    Ok(()) => {
                        bytes = bytes.saturating_sub(size);
                        metrics::counter!("logstore_retention_dropped_indices_total", "reason" => reason)
                            .increment(1);
                        metrics::counter!("logstore_retention_dropped_documents_total", "reason" => reason)
                            .increment(documents);
                        info!(
                            event.action = "retention-dropped",
                            event.reason = reason,
                            labels.index = index.name,
                            documents,
                            bytes = size,
                            "index dropped by retention"
                        );
                    }
                    Err(error) => {
                        error!(%error, labels.index = index.name, "retention cannot drop the index, it is tried again")
                    }
                }
            }
        }
    }
}

fn age(index: &Index, now: Millis) -> Duration {
    let newest = newest_document(index)
        .max(day_of_name(&index.name))
        .unwrap_or(index.created);
    Duration::from_millis(u64::try_from(now.saturating_sub(newest)).unwrap_or(0))
}

/// The largest `@timestamp`.
fn newest_document(index: &Index) -> Option<Millis> {
    let searcher = index.searcher();
    let newest = searcher.segment_readers().iter().filter_map(|segment| {
        let column = segment.fast_fields().i64("@timestamp").ok()?;
        (column.num_docs() > 0).then(|| column.max_value())
    });
    newest.max()
}

/// The end of the day in `logs-2026.11.24`.
fn day_of_name(name: &str) -> Option<Millis> {
    let tail = name.get(name.len().checked_sub(10)?..)?;
    let day = tail.replace('.', "-");
    let formats = date::parse::parse_formats("yyyy-MM-dd").ok()?;
    date::parse::parse(&day, &formats, &date::zone::Zone::UTC).map(|parsed| parsed.end)
}

/// Rules of age and of size, those with a pattern of their own first; both about one pattern become one rule.
pub fn merged(ages: &[Rule], sizes: &[Rule]) -> Vec<Rule> {
    let mut rules: Vec<Rule> = ages.to_vec();
    for size in sizes {
        match rules.iter_mut().find(|rule| rule.pattern == size.pattern) {
            Some(rule) => rule.bytes = size.bytes,
            None => rules.push(size.clone()),
        }
    }
    rules.sort_by_key(|rule| rule.pattern == "*");
    rules
}

/// Reads `14d` or `logs-*=14d`.
pub fn parse_age(text: &str) -> Result<Rule, String> {
    let (pattern, age) = text.split_once('=').unwrap_or(("*", text));
    let age = super::settings::duration(age)
        .ok_or_else(|| format!("[{age}] is not a time such as 12h or 14d; write TIME or PATTERN=TIME"))?;
    Ok(Rule {
        pattern: pattern.to_owned(),
        age: Some(age),
        bytes: None,
    })
}

/// Reads `10gb` or `logs-*=10gb`.
pub fn parse_bytes(text: &str) -> Result<Rule, String> {
    let (pattern, size) = text.split_once('=').unwrap_or(("*", text));
    let lower = size.to_lowercase();
    let split = lower.find(|c: char| !c.is_ascii_digit()).unwrap_or(lower.len());
    let (digits, unit) = lower.split_at(split);
    let shift = match unit {
        "" | "b" => 0,
        "k" | "kb" => 10,
        "m" | "mb" => 20,
        "g" | "gb" => 30,
        "t" | "tb" => 40,
        _ => {
            return Err(format!(
                "[{size}] is not a size such as 500mb or 10gb; write BYTES or PATTERN=BYTES"
            ));
        }
    };
    let count: u64 = digits
        .parse()
        .map_err(|_| format!("[{size}] is not a size such as 500mb or 10gb"))?;
    let bytes = count.checked_shl(shift).filter(|bytes| bytes >> shift == count);
    let bytes = bytes.ok_or_else(|| format!("[{size}] is too large"))?;
    Ok(Rule {
        pattern: pattern.to_owned(),
        age: None,
        bytes: Some(bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_with_and_without_a_pattern() {
        assert_eq!(
            parse_age("14d").unwrap().age,
            Some(Duration::from_secs(14 * 86_400))
        );
        assert_eq!(parse_age("logs-*=12h").unwrap().pattern, "logs-*");
        assert_eq!(parse_bytes("2gb").unwrap().bytes, Some(2 << 30));
        assert!(
            parse_age("soon").is_err() && parse_bytes("1x").is_err() && parse_bytes("99999999999tb").is_err()
        );
    }

    #[test]
    fn an_index_is_as_old_as_the_day_in_its_name() {
        assert_eq!(day_of_name("logs-1970.01.01"), Some(86_399_999));
        assert_eq!(day_of_name("logs"), None);
        assert_eq!(day_of_name("logs-not-a-day"), None);
    }
}
