//! Bulk requests to one engine, by one or several addresses.
//!
//! An address is asked who it is (`GET /`) before the first request and again after each time that it did not
//! answer: that is its health check, and it tells what the engine understands, which may have changed. The index
//! template is installed at the same moments, so that the first index already has the mappings, also in an engine
//! that was set up anew.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use punt_elastic::{Dialect, Elastic, Error, Retry, Verdict};
use tracing::{info, warn};

use super::retention;
use super::template::{self, Template};
use crate::buffer::Payloads;
use crate::config::{ElasticsearchConfig, IndexPattern};
use crate::sink::endpoints::{Asked, Endpoints};
use crate::sink::failure::Failure;
use crate::sink::item::Item;

/// How long to wait before something is tried again that the engine refused.
const REFUSED_PAUSE: Duration = Duration::from_secs(60);

/// An engine as a sink.
#[derive(Debug)]
pub(crate) struct ElasticsearchTarget {
    pub(super) sink: String,
    pub(super) config: ElasticsearchConfig,
    pub(super) destination: IndexPattern,
    pub(super) endpoints: Arc<Endpoints<Address>>,
    template: tokio::sync::Mutex<Installed>,
}

/// One address of the engine, and what it said it is.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) engine: Elastic,
    /// None: it is to be asked, first or again.
    dialect: Mutex<Option<Dialect>>,
}

/// Whether the template is in the engine.
#[derive(Debug, Default)]
enum Installed {
    #[default]
    No,
    Yes,
    /// The engine refused it; tried again then.
    Refused(Instant),
}

// === impl ElasticsearchTarget ===

impl ElasticsearchTarget {
    pub(crate) fn new(sink: &str, config: &ElasticsearchConfig, timeout: Duration) -> Result<Self, Error> {
        let options = config.connection().options(timeout);
        let address = |url: &String| {
            Elastic::with(url, &options).map(|engine| Address {
                engine,
                dialect: Mutex::default(),
            })
        };
        let addresses: Result<Vec<_>, _> = config.url.0.iter().map(address).collect();
        Ok(Self {
            sink: sink.to_owned(),
            config: config.clone(),
            destination: config.destination(),
            endpoints: Arc::new(Endpoints::new(addresses?)),
            template: tokio::sync::Mutex::default(),
        })
    }

    /// Sends these items as one bulk request to one address, and to another one when that is of no use.
    pub(crate) async fn send(&self, items: &Payloads) -> Result<Vec<Verdict>, Failure> {
        let mut tried = Vec::new();
        let mut last = None;
        while let Some(asked) = self.endpoints.pick(&tried) {
            let failure = match self.send_to(&asked, items).await {
                Ok(verdicts) => {
                    asked.is_up();
                    return Ok(verdicts);
                }
                Err(error) => Failure::from(error),
            };
            if !failure.is_of_the_server() {
                return Err(failure);
            }
            asked.is_down();
            asked.to().forget();
            tried.push(asked.number);
            last = Some(failure);
        }
        Err(last.unwrap_or_else(|| Failure::here("there is no address to ask".to_owned())))
    }

    /// Deletes old indices, or has the engine do it, for as long as the sink runs.
    pub(crate) fn upkeep(&self) -> Option<impl Future<Output = ()> + Send + use<>> {
        let retention = self.config.retention.clone()?;
        Some(retention::run(retention::Keeper {
            sink: self.sink.clone(),
            pattern: self.destination.clone(),
            data_stream: self.config.data_stream.is_some(),
            retention,
            endpoints: Arc::clone(&self.endpoints),
        }))
    }

    async fn send_to(&self, asked: &Asked<'_, Address>, items: &Payloads) -> Result<Vec<Verdict>, Error> {
        let address = asked.to();
        let (dialect, news) = address.dialect(&self.sink).await?;
        if self.config.template {
            self.install_template(&address.engine, dialect, news).await?;
        }
        let body = match dialect.action_type() {
            Some(kind) => typed(items, kind),
            None => items.joined(),
        };
        address
            .engine
            .bulk(body, items.len(), self.config.pipeline.as_deref())
            .await
    }

    /// Installs the template when that is due. An error: the engine does not answer, so nothing can be sent either.
    async fn install_template(&self, engine: &Elastic, dialect: Dialect, news: bool) -> Result<(), Error> {
        let mut installed = self.template.lock().await;
        let due = match *installed {
            Installed::No => true,
            Installed::Yes => news,
            Installed::Refused(again) => news || again <= Instant::now(),
        };
        if !due {
            return Ok(());
        }
        let template = Template::new(&self.destination, &self.config, dialect);
        let name = template::name(&self.destination);
        match template.install(engine, &name).await {
            Ok(()) => {
                info!(
                    event.action = "template-installed",
                    labels.sink = self.sink,
                    labels.template = name,
                    "index template installed"
                );
                *installed = Installed::Yes;
            }
            Err(error) if matches!(error.retry(), Retry::Never | Retry::Smaller) => {
                warn!(event.action = "template-refused", labels.sink = self.sink, labels.template = name, %error,
                      "the engine refused the index template, fields may get other types");
                *installed = Installed::Refused(Instant::now() + REFUSED_PAUSE);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

// === impl Address ===

impl Address {
    /// What the engine understands, and whether it was asked just now.
    pub(super) async fn dialect(&self, sink: &str) -> Result<(Dialect, bool), Error> {
        let known = *self.dialect.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(dialect) = known {
            return Ok((dialect, false));
        }
        let dialect = match self.engine.info().await {
            Ok(info) => {
                let name = info.version.distribution.as_deref().unwrap_or("elasticsearch");
                info!(
                    event.action = "engine-detected",
                    labels.sink = sink,
                    labels.engine = name,
                    labels.version = info.version.number,
                    labels.address = self.engine.address(),
                    "engine detected"
                );
                Dialect::from(&info)
            }
            // Not up yet, or not up any more.
            Err(error @ Error::Unreachable { .. }) => return Err(error),
            Err(error) if matches!(error.status(), Some(408 | 425 | 429 | 500..)) => return Err(error),
            // A proxy that only lets bulk requests through, or a user who may do nothing else.
            Err(error) => {
                info!(event.action = "engine-unknown", labels.sink = sink, %error,
                      "the engine does not say what it is, and is taken for a current one");
                Dialect::MODERN
            }
        };
        *self.dialect.lock().unwrap_or_else(PoisonError::into_inner) = Some(dialect);
        Ok((dialect, true))
    }

    /// It did not answer: what comes back may be another one.
    fn forget(&self) {
        *self.dialect.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The body of a bulk request to an engine that wants a type in every action.
fn typed(items: &Payloads, kind: &str) -> Bytes {
    let key = format!("\"_type\":\"{kind}\",");
    let mut body = Vec::with_capacity(items.bytes() + items.len() * key.len());
    for payload in items.iter() {
        let at = Item::inside_action(payload).unwrap_or_default();
        let (head, rest) = payload.split_at(at);
        body.extend_from_slice(head);
        if at > 0 {
            body.extend_from_slice(key.as_bytes());
        }
        body.extend_from_slice(rest);
    }
    body.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_engines_find_a_type_in_every_action() {
        let one = "{\"create\":{\"_index\":\"i\",\"_id\":\"a\"}}\n{\"m\":{}}\n";
        let items = Payloads::new(
            Bytes::from(one.repeat(2)),
            vec![0..one.len(), one.len()..2 * one.len()],
        );
        let typed_one = "{\"create\":{\"_type\":\"doc\",\"_index\":\"i\",\"_id\":\"a\"}}\n{\"m\":{}}\n";
        assert_eq!(typed(&items, "doc"), typed_one.repeat(2));
    }
}
