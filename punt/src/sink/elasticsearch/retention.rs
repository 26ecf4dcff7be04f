//! Retention: old indices are deleted by punt, or by a policy of the engine that punt installs.
//!
//! punt deletes only indices whose names the sink's own pattern makes, to the letter: `logs-%Y.%m.%d` never touches
//! `logs-audit-2026.11.24`. The age of an index is that of its last moment. The newest index always stays. Several
//! punts may do this at once: an index that is gone already is no error.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use punt_elastic::{Elastic, Error, IndexSize};
use tracing::{info, warn};

use super::policy;
use super::target::Address;
use crate::config::{IndexPattern, Retention, RetentionBy};
use crate::sink::endpoints::Endpoints;

/// How long to wait for an engine that does not answer.
const RETRY: Duration = Duration::from_secs(5);

/// What is to be kept, and where.
pub(super) struct Keeper {
    pub(super) sink: String,
    pub(super) pattern: IndexPattern,
    pub(super) data_stream: bool,
    pub(super) retention: Retention,
    pub(super) endpoints: Arc<Endpoints<Address>>,
}

/// Looks now and then, for ever.
pub(super) async fn run(keeper: Keeper) {
    let mut said = false;
    loop {
        let pause = match keeper.look().await {
            Ok(()) => {
                said = false;
                keeper.retention.check_every
            }
            Err(error) => {
                if !std::mem::replace(&mut said, true) {
                    warn!(event.action = "retention-failed", labels.sink = keeper.sink, %error,
                          "old indices cannot be seen to, trying again");
                }
                RETRY.min(keeper.retention.check_every)
            }
        };
        tokio::time::sleep(pause).await;
    }
}

// === impl Keeper ===

impl Keeper {
    async fn look(&self) -> Result<(), Error> {
        let mut last = Ok(());
        // The first one that answers is enough: they are one engine.
        for address in self.endpoints.iter() {
            let (dialect, _) = match address.dialect(&self.sink).await {
                Ok(known) => known,
                Err(error) => {
                    last = Err(error);
                    continue;
                }
            };
            if self.retention.by == RetentionBy::Engine
                && let (Some(lifecycle), Some(max_age)) = (dialect.lifecycle(), self.retention.max_age)
            {
                match policy::install(
                    &address.engine,
                    lifecycle,
                    &self.pattern,
                    max_age,
                    self.data_stream,
                )
                .await
                {
                    Ok(()) => return Ok(()),
                    // Builds without the plugin know no such path.
                    Err(error) if matches!(error.status(), Some(400 | 404 | 405)) && !self.data_stream => {
                        info!(event.action = "policy-refused", labels.sink = self.sink, %error,
                              "the engine has no lifecycle policies, punt deletes old indices itself");
                    }
                    Err(error) => return Err(error),
                }
            }
            return self.delete_old(&address.engine).await;
        }
        last
    }

    async fn delete_old(&self, engine: &Elastic) -> Result<(), Error> {
        let indices = engine.indices(&format!("{}*", self.pattern.prefix())).await?;
        for old in surplus(&self.pattern, &self.retention, indices, Timestamp::now()) {
            engine.delete_index(&old.name).await?;
            info!(
                event.action = "index-deleted",
                event.reason = "retention",
                labels.sink = self.sink,
                labels.index = old.name,
                bytes = old.bytes,
                "an old index is deleted"
            );
        }
        Ok(())
    }
}

/// The indices that are to go, the oldest first.
fn surplus(
    pattern: &IndexPattern,
    retention: &Retention,
    indices: Vec<IndexSize>,
    now: Timestamp,
) -> Vec<IndexSize> {
    let mut ours: Vec<(Timestamp, IndexSize)> = indices
        .into_iter()
        .filter_map(|index| pattern.end_of(&index.name).map(|end| (end, index)))
        .collect();
    ours.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
    // The newest stays, and counts for the size.
    let mut total: u64 = ours.iter().map(|(_, index)| index.bytes).sum();
    drop(ours.pop());
    let mut surplus = Vec::new();
    for (end, index) in ours {
        let age = Duration::try_from(now.duration_since(end)).unwrap_or_default();
        let too_old = retention.max_age.is_some_and(|max| age > max);
        let too_much = retention.max_bytes.is_some_and(|max| total > max);
        if too_old || too_much {
            total -= index.bytes;
            surplus.push(index);
        }
    }
    surplus
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(max_age: Option<u64>, max_bytes: Option<u64>) -> Vec<String> {
        let pattern = IndexPattern::try_from("logs-%Y.%m.%d".to_owned()).unwrap();
        let retention = Retention {
            max_age: max_age.map(|days| Duration::from_secs(days * 86_400)),
            max_bytes,
            check_every: Duration::from_secs(1),
            by: RetentionBy::Punt,
        };
        let days = [
            "2026.11.24",
            "2026.11.20",
            "2026.11.22",
            "2026.11.23",
            "2026.11.21",
        ];
        let mut indices: Vec<IndexSize> = days
            .map(|day| IndexSize {
                name: format!("logs-{day}"),
                bytes: 100,
            })
            .into();
        for other in [
            "logs-audit-2020.01.01",
            "logs-2020.01.01-reindexed",
            "log-2020.01.01",
        ] {
            indices.push(IndexSize {
                name: other.into(),
                bytes: 1_000_000,
            });
        }
        let now = "2026-11-24T12:00:00Z".parse().unwrap();
        surplus(&pattern, &retention, indices, now)
            .into_iter()
            .map(|index| index.name)
            .collect()
    }

    #[test]
    fn what_is_too_old_goes_and_another_prefix_never() {
        assert_eq!(names(Some(2), None), ["logs-2026.11.20", "logs-2026.11.21"]);
        assert_eq!(names(Some(0), None).len(), 4, "the newest stays");
    }

    #[test]
    fn the_oldest_go_until_all_together_are_small_enough() {
        assert_eq!(names(None, Some(300)), ["logs-2026.11.20", "logs-2026.11.21"]);
        assert_eq!(names(None, Some(500)), Vec::<String>::new());
        assert_eq!(names(None, Some(0)).len(), 4, "the newest stays");
    }
}
