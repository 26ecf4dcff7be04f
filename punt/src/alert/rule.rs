//! When an alert fires: so many events within a window, and silence for a while after a message.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use punt_lucene::Expression;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

use super::Notice;
use crate::config::AlertConfig;
use crate::meter::{Count, Meter};
use crate::transform::Draft;

/// How often it is looked whether a silence is over.
const TICK: Duration = Duration::from_secs(1);

/// All rules, as the routing stage sees them.
#[derive(Clone, Default)]
pub(crate) struct Rules(Arc<Vec<Rule>>);

/// One rule and what it remembers.
pub(crate) struct Rule {
    name: String,
    when: Expression,
    threshold: usize,
    window: Duration,
    roll_up: Duration,
    key: Option<String>,
    max_keys: usize,
    counts: Mutex<HashMap<String, Counted>>,
    meter: Arc<Meter>,
    /// Dropped with the stage, so that the action ends.
    queue: Sender<Notice>,
}

/// What is known of one value of the key.
#[derive(Default)]
struct Counted {
    /// When the latest matching events came, at most `threshold` of them.
    recent: VecDeque<Instant>,
    /// Until then nothing is said.
    silent_until: Option<Instant>,
    /// Events during the silence, and the latest of them.
    suppressed: u64,
    latest: Bytes,
}

/// What a matching event does.
enum Fires {
    No,
    /// With so many events.
    Yes(u64),
}

// === impl Rules ===

impl Rules {
    pub(crate) fn new(rules: Vec<Rule>) -> Self {
        Self(Arc::new(rules))
    }

    /// Whether there is none, and no event needs to be shown.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Says what no message has said yet: nothing more will come.
    pub(crate) fn finish(&self) {
        for rule in self.0.iter() {
            rule.sweep(None);
        }
    }

    /// Shows an event to every rule.
    pub(crate) fn observe(&self, document: &[u8], now: Instant) {
        for rule in self.0.iter().filter(|rule| rule.when.matches(document)) {
            rule.matched(document, now);
        }
    }
}

/// Says at the end of each silence what came during it, until the stop signal.
pub(crate) async fn tick(rules: std::sync::Weak<Vec<Rule>>, stop: CancellationToken) {
    let mut timer = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = timer.tick() => {}
        }
        // The stage owns them; when it has ended there is nothing more to say.
        let Some(rules) = rules.upgrade() else { return };
        for rule in rules.iter() {
            rule.sweep(Some(Instant::now()));
        }
    }
}

impl Rules {
    /// For [`tick`].
    pub(crate) fn downgrade(&self) -> std::sync::Weak<Vec<Rule>> {
        Arc::downgrade(&self.0)
    }
}

// === impl Rule ===

impl Rule {
    pub(crate) fn new(name: &str, config: &AlertConfig, meter: Arc<Meter>, queue: Sender<Notice>) -> Self {
        Self {
            name: name.to_owned(),
            when: config.when.0.clone(),
            threshold: config.threshold,
            window: config.window,
            roll_up: config.roll_up,
            key: config.key.clone(),
            max_keys: config.max_keys,
            counts: Mutex::default(),
            meter,
            queue,
        }
    }

    fn matched(&self, document: &[u8], now: Instant) {
        self.meter.add(Count::Received, 1);
        let mut key = String::new();
        if let Some(field) = &self.key {
            let mut draft = Draft::default();
            if draft.open(document).is_ok() {
                draft.text_into(field, &mut key);
            }
        }
        let fires = {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            if counts.len() >= self.max_keys && !counts.contains_key(&key) {
                counts.retain(|_, counted| !counted.is_idle(now, self.window));
                if counts.len() >= self.max_keys {
                    key.clear();
                }
            }
            let counted = counts.entry(key.clone()).or_default();
            counted.count(document, now, self.threshold, self.window, self.roll_up)
        };
        if let Fires::Yes(count) = fires {
            self.say(&key, count, Bytes::copy_from_slice(document), false);
        }
    }

    /// Never waits: a queue that is full costs the message.
    fn say(&self, key: &str, count: u64, document: Bytes, rolled_up: bool) {
        let notice = Notice {
            alert: self.name.clone(),
            key: key.to_owned(),
            count,
            rolled_up,
            document,
        };
        self.meter.add(Count::Fired, 1);
        if self.queue.try_send(notice).is_err() {
            self.meter.add(Count::DroppedQueueFull, 1);
        }
    }

    /// Says at the end of a silence what came during it. Without a time, all silences are over.
    fn sweep(&self, at: Option<Instant>) {
        let now = at.unwrap_or_else(Instant::now);
        let mut over = Vec::new();
        {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, counted) in counts.iter_mut() {
                if counted
                    .silent_until
                    .is_some_and(|until| at.is_none() || until <= now)
                {
                    counted.silent_until = None;
                    if counted.suppressed > 0 {
                        // As long as it goes on, one message each time.
                        counted.silent_until = Some(now + self.roll_up);
                        over.push((
                            key.clone(),
                            counted.suppressed,
                            std::mem::take(&mut counted.latest),
                        ));
                        counted.suppressed = 0;
                    }
                }
            }
            counts.retain(|_, counted| !counted.is_idle(now, self.window));
        }
        for (key, count, document) in over {
            self.say(&key, count, document, true);
        }
    }
}

// === impl Counted ===

impl Counted {
    fn count(
        &mut self,
        document: &[u8],
        now: Instant,
        threshold: usize,
        window: Duration,
        roll_up: Duration,
    ) -> Fires {
        if self.silent_until.is_some_and(|until| until > now) {
            self.suppressed += 1;
            self.latest = Bytes::copy_from_slice(document);
            return Fires::No;
        }
        self.recent.push_back(now);
        while self.recent.len() > threshold
            || self
                .recent
                .front()
                .is_some_and(|first| now.saturating_duration_since(*first) > window)
        {
            self.recent.pop_front();
        }
        if self.recent.len() < threshold {
            return Fires::No;
        }
        let count = self.recent.len() as u64 + std::mem::take(&mut self.suppressed);
        self.recent.clear();
        self.silent_until = (!roll_up.is_zero()).then(|| now + roll_up);
        Fires::Yes(count)
    }

    fn is_idle(&self, now: Instant, window: Duration) -> bool {
        self.silent_until.is_none()
            && self.suppressed == 0
            && self
                .recent
                .back()
                .is_none_or(|last| now.saturating_duration_since(*last) > window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use punt_control::Kind;

    fn rule(text: &str) -> (Rule, tokio::sync::mpsc::Receiver<Notice>) {
        let config: AlertConfig = toml::from_str(text).unwrap();
        let (queue, receiver) = tokio::sync::mpsc::channel(4);
        (
            Rule::new("r", &config, Meter::new(Kind::Alert, "r", None), queue),
            receiver,
        )
    }

    #[test]
    fn it_takes_the_threshold_within_the_window() {
        let (rule, mut notices) =
            rule("when = 'a:1'\nthreshold = 3\nwindow = '10s'\nroll_up = '0s'\naction = 'x'");
        let start = Instant::now();
        for at in [0, 6, 12, 13] {
            rule.matched(b"{\"a\":1}", start + Duration::from_secs(at));
        }
        assert_eq!(notices.try_recv().unwrap().count, 3);
        assert!(notices.try_recv().is_err());
    }

    #[test]
    fn what_comes_during_the_silence_is_one_message_at_its_end() {
        let (rule, mut notices) = rule("when = 'a:1'\nroll_up = '10s'\naction = 'x'");
        let start = Instant::now();
        for _ in 0..1000 {
            rule.matched(b"{\"a\":1}", start);
        }
        rule.sweep(Some(start + Duration::from_secs(5)));
        assert_eq!(notices.try_recv().unwrap().count, 1);
        assert!(notices.try_recv().is_err());
        rule.sweep(Some(start + Duration::from_secs(10)));
        let rolled_up = notices.try_recv().unwrap();
        assert_eq!((rolled_up.count, rolled_up.rolled_up), (999, true));
        rule.sweep(Some(start + Duration::from_secs(20)));
        rule.sweep(Some(start + Duration::from_secs(100)));
        assert!(rule.counts.lock().unwrap().is_empty());
    }

    #[test]
    fn keys_count_for_themselves_and_are_bounded() {
        let (rule, mut notices) =
            rule("when = '*'\nthreshold = 2\nkey = 'k'\nmax_keys = 2\nroll_up = '0s'\naction = 'x'");
        let now = Instant::now();
        for key in ["a", "b", "a"] {
            rule.matched(format!("{{\"k\":\"{key}\"}}").as_bytes(), now);
        }
        assert_eq!(notices.try_recv().unwrap().key, "a");
        for n in 0..100 {
            rule.matched(format!("{{\"k\":\"new{n}\"}}").as_bytes(), now);
        }
        assert!(rule.counts.lock().unwrap().len() <= 3);
        assert!(
            rule.meter.get(Count::DroppedQueueFull) > 0,
            "a full queue is counted"
        );
    }
}
