//! The readiness probe: asks an HTTP address until it answers 200.

use std::time::Duration;

/// Between two questions.
const INTERVAL: Duration = Duration::from_millis(20);
/// Between two questions, when it is not ready after [`PATIENCE`] of them.
const LATER_INTERVAL: Duration = Duration::from_millis(250);
/// After so many questions the probe slows down.
const PATIENCE: u32 = 500;
/// One question. The socket is open before its process is: the question waits in its backlog meanwhile.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Returns when `url` answers 200; at once when there is none to ask.
pub(crate) async fn until_ready(http: &reqwest::Client, url: Option<&str>) {
    let Some(url) = url else { return };
    let mut asked = 0;
    loop {
        let answer = http.get(url).timeout(TIMEOUT).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return;
        }
        asked += 1;
        tokio::time::sleep(if asked < PATIENCE {
            INTERVAL
        } else {
            LATER_INTERVAL
        })
        .await;
    }
}
