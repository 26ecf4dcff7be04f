//! The task that sends an action's messages, one after another, with bounded patience.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Notice;
use super::message::{Form, Wording};
use super::post::{Failed, Post};
use crate::config::{ActionConfig, AlertConfig, SendingConfig};
use crate::meter::{Count, Meter};

/// The first pause after a failed try; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(500);

/// The longest pause, also when the other side asks for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long messages may still be sent after the stop signal.
const AFTER_STOP: Duration = Duration::from_secs(3);

/// An action that is ready to run.
pub(crate) struct Action {
    name: String,
    post: Post,
    form: Form,
    sending: SendingConfig,
    wordings: HashMap<String, Wording>,
    meter: Arc<Meter>,
    notices: Receiver<Notice>,
}

// === impl Action ===

impl Action {
    /// The action `name`, for the alerts that name it.
    pub(crate) fn new(
        name: &str,
        config: &ActionConfig,
        url: &str,
        alerts: &[(String, AlertConfig)],
        meter: Arc<Meter>,
        notices: Receiver<Notice>,
    ) -> Result<Self, String> {
        let wordings = alerts
            .iter()
            .filter(|(_, alert)| alert.action == name)
            .map(|(alert, config)| Ok((alert.clone(), Wording::new(config)?)));
        Ok(Self {
            name: name.to_owned(),
            post: Post::new(url)?,
            form: Form::new(config)?,
            sending: config.sending().clone(),
            wordings: wordings.collect::<Result<_, String>>()?,
            meter,
            notices,
        })
    }

    /// Sends until the rules have ended. After the stop signal it does not take long, whoever hangs.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut failing = false;
        while let Some(notice) = self.notices.recv().await {
            self.meter.add(Count::Received, 1);
            let given_up = async {
                stop.cancelled().await;
                sleep(AFTER_STOP).await;
            };
            let sent = tokio::select! {
                sent = self.send(&notice) => sent,
                () = given_up => Err("punt is stopping".to_owned()),
            };
            match sent {
                Ok(()) => {
                    self.meter.add(Count::Acknowledged, 1);
                    if std::mem::take(&mut failing) {
                        info!(
                            event.action = "alert-sent",
                            labels.action_name = self.name,
                            "alerts can be sent again"
                        );
                    }
                }
                Err(error) => {
                    self.meter.add(Count::Failed, 1);
                    self.meter.add(Count::DroppedUnsent, 1);
                    // Once when it begins: an alert about failing alerts helps nobody.
                    if !std::mem::replace(&mut failing, true) {
                        warn!(
                            event.action = "alert-failed",
                            labels.action_name = self.name,
                            labels.alert = notice.alert,
                            error,
                            "an alert could not be sent, and is dropped"
                        );
                    }
                }
            }
        }
        Ok(())
    }

    async fn send(&self, notice: &Notice) -> Result<(), String> {
        let Some(wording) = self.wordings.get(&notice.alert) else {
            return Err(format!("there is no alert {:?}", notice.alert));
        };
        let body = self.form.body(notice, wording);
        let mut pause = PAUSE;
        let mut tries = 0;
        loop {
            self.meter.add(Count::Requests, 1);
            let tried = timeout(self.sending.timeout, self.post.send(body.clone())).await;
            let failed = match tried {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(failed)) => failed,
                Err(_) => Failed {
                    reason: format!("no answer within {:?}", self.sending.timeout),
                    again: true,
                    after: None,
                },
            };
            self.meter.add(Count::FailedRequests, 1);
            if !failed.again || tries == self.sending.retries {
                return Err(failed.reason);
            }
            tries += 1;
            self.meter.add(Count::Retried, 1);
            sleep(failed.after.unwrap_or(pause).min(LONGEST_PAUSE)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
