//! Rate limits: one bucket per account, route and top-level id, refilled once a window.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::json;

use crate::answer::json_response;

/// Buckets that are remembered; when there are more, those whose window is over are forgotten first.
const MAX_BUCKETS: usize = 65_536;

/// The buckets of this node.
#[derive(Debug)]
pub(crate) struct RateLimits {
    limit: u32,
    window: Duration,
    buckets: Mutex<HashMap<u64, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    used: u32,
    ends: Instant,
}

/// Where a request stands in its bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Standing {
    limit: u32,
    remaining: u32,
    reset_after: Duration,
    /// The same for all accounts: libraries use it to find routes that share a bucket.
    route: u64,
    pub(crate) over: bool,
}

// === impl RateLimits ===

impl RateLimits {
    pub(crate) fn new(limit: u32, window: Duration) -> Self {
        Self {
            limit: limit.max(1),
            window,
            buckets: Mutex::new(HashMap::new()),
        }
    }

    /// Counts a request of `account` to `route` about the channel or guild `top`.
    pub(crate) fn count(&self, account: u64, route: &str, top: &str, now: Instant) -> Standing {
        let route = hash(&route);
        let key = hash(&(account, route, top));
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_BUCKETS && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| bucket.ends > now);
            if buckets.len() >= MAX_BUCKETS {
                // So many accounts at once: start over rather than grow.
                buckets.clear();
            }
        }
        let fresh = Bucket {
            used: 0,
            ends: now + self.window,
        };
        let bucket = buckets.entry(key).or_insert(fresh);
        if bucket.ends <= now {
            *bucket = fresh;
        }
        let over = bucket.used >= self.limit;
        bucket.used = (bucket.used + 1).min(self.limit);
        Standing {
            limit: self.limit,
            remaining: self.limit - bucket.used,
            reset_after: bucket.ends - now,
            route,
            over,
        }
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

// === impl Standing ===

impl Standing {
    /// Writes the `X-RateLimit-*` headers.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let reset = SystemTime::now() + self.reset_after;
        let reset = reset.duration_since(UNIX_EPOCH).unwrap_or_default();
        for (name, value) in [
            ("x-ratelimit-limit", self.limit.to_string()),
            ("x-ratelimit-remaining", self.remaining.to_string()),
            ("x-ratelimit-reset", format!("{:.3}", reset.as_secs_f64())),
            (
                "x-ratelimit-reset-after",
                format!("{:.3}", self.reset_after.as_secs_f64()),
            ),
            ("x-ratelimit-bucket", format!("{:016x}", self.route)),
        ] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }

    /// The answer to one request too many.
    pub(crate) fn refusal(&self) -> Response {
        let seconds = self.reset_after.as_secs_f64();
        let body = json!({
            "message": "You are being rate limited.",
            "retry_after": (seconds * 1000.0).ceil() / 1000.0,
            "global": false,
        });
        let mut response = json_response(StatusCode::TOO_MANY_REQUESTS, &body);
        let headers = response.headers_mut();
        self.write(headers);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.ceil() as u64));
        headers.insert(
            HeaderName::from_static("x-ratelimit-scope"),
            HeaderValue::from_static("user"),
        );
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_is_refilled() {
        let limits = RateLimits::new(2, Duration::from_secs(1));
        let now = Instant::now();
        let count = |account, top, now| {
            let standing = limits.count(account, "/channels/{channel}/messages", top, now);
            (standing.remaining, standing.over)
        };
        assert_eq!(count(1, "7", now), (1, false));
        assert_eq!(count(1, "7", now), (0, false));
        assert_eq!(count(1, "7", now), (0, true));
        assert_eq!(count(1, "8", now), (1, false), "another channel");
        assert_eq!(count(2, "7", now), (1, false), "another account");
        assert_eq!(count(1, "7", now + Duration::from_secs(1)), (1, false));
    }

    #[test]
    fn a_refusal_says_when_to_come_back() {
        let limits = RateLimits::new(1, Duration::from_millis(1500));
        let now = Instant::now();
        limits.count(1, "/", "", now);
        let standing = limits.count(1, "/", "", now);
        let response = standing.refusal();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["retry-after"], "2");
        assert_eq!(response.headers()["x-ratelimit-remaining"], "0");
        assert_eq!(response.headers()["x-ratelimit-reset-after"], "1.500");
    }
}
