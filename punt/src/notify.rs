//! What systemd is told (`sd_notify(3)`, `Type=notify-reload`): ready, reloading, stopping, and signs of life.
//!
//! Without `NOTIFY_SOCKET` nothing is said. That systemd cannot be reached is no reason to ship no logs.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::debug;

/// The sources listen.
pub(crate) fn ready() {
    say(&[NotifyState::Ready]);
}

/// The configuration is read again; [`ready`] ends it.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => say(&[NotifyState::Reloading, now]),
        Err(error) => debug!(%error, "no monotonic clock, systemd is not told of the reload"),
    }
}

/// The stop signal has come.
pub(crate) fn stopping() {
    say(&[NotifyState::Stopping]);
}

fn say(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        debug!(%error, "systemd was not told");
    }
}

/// Signs of life at half of the interval that systemd wants (`WatchdogSec=`).
pub(crate) struct Watchdog(Option<Interval>);

// === impl Watchdog ===

impl Watchdog {
    pub(crate) fn new() -> Self {
        let wanted = sd_notify::watchdog_enabled().filter(|every| !every.is_zero());
        Self(wanted.map(|every| {
            let mut interval = interval((every / 2).max(Duration::from_millis(1)));
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        }))
    }

    /// Gives the next sign when it is due. Never returns when none are wanted.
    pub(crate) async fn sign(&mut self) {
        match &mut self.0 {
            Some(interval) => {
                interval.tick().await;
                say(&[NotifyState::Watchdog]);
            }
            None => std::future::pending().await,
        }
    }
}
