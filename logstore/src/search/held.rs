//! Searches that go on: scrolls and points in time.
//!
//! A context holds the views of the moment it was opened, and with them files that merges and deletes would have
//! freed. So their number is bounded, each has a keep-alive, and [`Held::reap`] ends what nobody asked for again.
//! One more than the bound is refused: ending another client's scroll would lose documents without a word.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::request::SearchRequest;
use super::view::View;
use crate::date::{self, Millis};
use crate::error::{ApiError, ApiResult};
use crate::limits::Limits;

/// What a context is for.
#[derive(Debug, Clone)]
pub enum Purpose {
    /// A point in time: any search may look at it.
    Point,
    /// A scroll: one search, page by page. The request carries the position in `search_after`.
    Scroll(Arc<SearchRequest>),
}

/// An open context.
#[derive(Debug, Clone)]
pub struct Context {
    /// What it sees.
    pub views: Arc<Vec<View>>,
    /// What it is for.
    pub purpose: Purpose,
    keep_alive: Duration,
    expires: Instant,
    opened: Millis,
}

/// All open contexts.
#[derive(Debug)]
pub struct Held {
    open: Mutex<HashMap<String, Context>>,
    at_most: usize,
    longest: Duration,
    next: AtomicU64,
}

// === impl Held ===

impl Held {
    /// No context yet.
    pub fn new(limits: &Limits) -> Self {
        Self {
            open: Mutex::default(),
            at_most: limits.max_open_contexts,
            longest: limits.max_keep_alive,
            next: AtomicU64::new(0),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Context>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses a time that is longer than this store keeps a context, or than a setting of the cluster says.
    pub fn check_keep_alive(&self, keep_alive: Duration, setting: Duration) -> ApiResult<()> {
        let longest = self.longest.min(setting);
        if keep_alive > longest {
            return Err(ApiError::argument(format!(
                "Keep alive for request ({}) is too large. It must be less than ({}). This limit can be set by changing the [search.max_keep_alive] cluster level setting (--max-keep-alive).",
                shown(keep_alive),
                shown(longest)
            )));
        }
        Ok(())
    }

    /// Opens a context, and returns its id.
    pub fn open(&self, views: Vec<View>, purpose: Purpose, keep_alive: Duration) -> ApiResult<String> {
        self.check_keep_alive(keep_alive, self.longest)?;
        let now = Instant::now();
        let mut open = self.lock();
        if open.len() >= self.at_most {
            open.retain(|_, context| context.expires > now);
        }
        if open.len() >= self.at_most {
            metrics::counter!("logstore_rejected_total", "what" => "context").increment(1);
            let kind = match purpose {
                Purpose::Point => "point in time",
                Purpose::Scroll(_) => "scroll",
            };
            return Err(ApiError::rejected(format!(
                "Trying to create too many {kind} contexts. Must be less than or equal to: [{0}]. This limit can be set by changing the [search.max_open_scroll_context] setting (--max-open-contexts).",
                self.at_most
            )));
        }
        // Two random parts and a counter: unguessable, and never the same twice.
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let id = format!(
            "{}{}{number:x}",
            crate::engine::op::new_id(),
            crate::engine::op::new_id()
        );
        open.insert(
            id.clone(),
            Context {
                views: Arc::new(views),
                purpose,
                keep_alive,
                expires: now + keep_alive,
                opened: date::now(),
            },
        );
        metrics::gauge!("logstore_open_contexts").increment(1);
        Ok(id)
    }

    /// A context, kept alive for another while: as long as asked, or as long as the last time.
    pub fn touch(&self, id: &str, keep_alive: Option<Duration>) -> ApiResult<Context> {
        if let Some(keep_alive) = keep_alive {
            self.check_keep_alive(keep_alive, self.longest)?;
        }
        let now = Instant::now();
        let mut open = self.lock();
        let context = open
            .get_mut(id)
            .filter(|context| context.expires > now)
            .ok_or_else(|| missing(id))?;
        // A point in time keeps the longest time it was given, a scroll the last one.
        context.keep_alive = match (keep_alive, &context.purpose) {
            (None, _) => context.keep_alive,
            (Some(new), Purpose::Scroll(_)) => new,
            (Some(new), Purpose::Point) => new.max(context.keep_alive),
        };
        context.expires = now + context.keep_alive;
        Ok(context.clone())
    }

    /// Moves a scroll on. One that was closed meanwhile stays closed.
    pub fn advance(&self, id: &str, request: SearchRequest) {
        if let Some(context) = self.lock().get_mut(id) {
            context.purpose = Purpose::Scroll(Arc::new(request));
        }
    }

    /// Closes a context of the wanted kind, and says whether there was one.
    pub fn close(&self, id: &str, scroll: bool) -> bool {
        let mut open = self.lock();
        let fits = open
            .get(id)
            .is_some_and(|context| matches!(context.purpose, Purpose::Scroll(_)) == scroll);
        if fits {
            open.remove(id);
            metrics::gauge!("logstore_open_contexts").decrement(1);
        }
        fits
    }

    /// Closes all of a kind, and returns how many there were.
    pub fn close_all(&self, scroll: bool) -> usize {
        self.retain(|context| matches!(context.purpose, Purpose::Scroll(_)) != scroll)
    }

    /// All points in time: their ids, when they were opened and how long they are kept, in milliseconds.
    pub fn points(&self) -> Vec<(String, Millis, u64)> {
        let open = self.lock();
        let mut points: Vec<_> = open
            .iter()
            .filter(|(_, context)| matches!(context.purpose, Purpose::Point))
            .map(|(id, context)| {
                let kept = u64::try_from(context.keep_alive.as_millis()).unwrap_or(u64::MAX);
                (id.clone(), context.opened, kept)
            })
            .collect();
        points.sort();
        points
    }

    /// Closes what was not asked for in time.
    pub fn reap(&self) {
        let now = Instant::now();
        self.retain(|context| context.expires > now);
    }

    fn retain(&self, keep: impl Fn(&Context) -> bool) -> usize {
        let mut open = self.lock();
        let before = open.len();
        open.retain(|_, context| keep(context));
        let closed = before - open.len();
        if closed > 0 {
            #[expect(clippy::cast_precision_loss, reason = "a gauge of a few hundred")]
            metrics::gauge!("logstore_open_contexts").decrement(closed as f64);
        }
        closed
    }
}

/// A duration as Elasticsearch would write it.
fn shown(time: Duration) -> String {
    let millis = time.as_millis();
    match millis {
        0 => "0ms".to_owned(),
        _ if millis.is_multiple_of(86_400_000) => format!("{}d", millis / 86_400_000),
        _ if millis.is_multiple_of(3_600_000) => format!("{}h", millis / 3_600_000),
        _ if millis.is_multiple_of(60_000) => format!("{}m", millis / 60_000),
        _ if millis.is_multiple_of(1_000) => format!("{}s", millis / 1_000),
        _ => format!("{millis}ms"),
    }
}

/// What Elasticsearch says of a context that is gone.
fn missing(id: &str) -> ApiError {
    let reason = format!("No search context found for id [{id}]");
    let cause: Value = json!({"type": "search_context_missing_exception", "reason": reason});
    ApiError::new(404, "search_context_missing_exception", reason)
        .with("caused_by", cause)
        .on_shard("_na_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(at_most: usize) -> Held {
        Held::new(&Limits {
            max_open_contexts: at_most,
            max_keep_alive: Duration::from_secs(60),
            ..Limits::default()
        })
    }

    #[test]
    fn one_context_too_many_is_refused_and_closing_one_makes_room() {
        let held = held(1);
        let minute = Duration::from_secs(60);
        let id = held.open(Vec::new(), Purpose::Point, minute).unwrap();
        assert_eq!(
            held.open(Vec::new(), Purpose::Point, minute).unwrap_err().status,
            429
        );
        assert!(!held.close(&id, true), "it is no scroll");
        assert!(held.close(&id, false));
        held.open(Vec::new(), Purpose::Point, minute).unwrap();
    }

    #[test]
    fn an_expired_context_is_gone_and_its_place_is_free() {
        let held = held(1);
        let id = held.open(Vec::new(), Purpose::Point, Duration::ZERO).unwrap();
        let error = held.touch(&id, None).unwrap_err();
        assert_eq!(
            (error.status, error.kind),
            (404, "search_context_missing_exception")
        );
        held.open(Vec::new(), Purpose::Point, Duration::ZERO).unwrap();
        held.reap();
        assert!(held.points().is_empty());
    }

    #[test]
    fn a_keep_alive_beyond_the_limit_is_refused() {
        let error = held(1)
            .open(Vec::new(), Purpose::Point, Duration::from_secs(61))
            .unwrap_err();
        assert!(
            error.reason.contains("(61s)") && error.reason.contains("(1m)"),
            "{error}"
        );
    }
}
