//! The `http` sink: documents as the body of a POST, as NDJSON or as one JSON array.
//!
//! A 2xx answer stores all of them. There are no verdicts for single items in plain HTTP: a request that is refused
//! as too large or malformed (400, 413, 422) is halved until the culprit is alone. A re-send after a lost answer may
//! store an event twice; the receiver can tell by the ids in the documents if it wants to.

use std::time::Duration;

use bytes::Bytes;
use punt_elastic::{Error, JSON, Method, NDJSON, Retry, Transport, Verdict};

use super::endpoints::Endpoints;
use super::failure::Failure;
use super::item::Item;
use super::target::all_stored;
use crate::buffer::Payloads;
use crate::config::{HttpEncoding, HttpSinkConfig};

/// The servers of an `http` sink.
#[derive(Debug)]
pub(crate) struct HttpTarget {
    endpoints: Endpoints<Transport>,
    encoding: HttpEncoding,
}

// === impl HttpTarget ===

impl HttpTarget {
    pub(super) fn new(config: &HttpSinkConfig, timeout: Duration) -> Result<Self, Error> {
        let mut options = config.connection().options(timeout);
        options.headers.clone_from(&config.headers);
        let made: Result<Vec<_>, _> = config
            .url
            .0
            .iter()
            .map(|url| Transport::new(url, &options))
            .collect();
        Ok(Self {
            endpoints: Endpoints::new(made?),
            encoding: config.encoding,
        })
    }

    pub(super) async fn send(&self, items: &Payloads) -> Result<Vec<Verdict>, Failure> {
        let (content_type, body) = self.body(items);
        post(&self.endpoints, "", content_type, &body).await?;
        Ok(all_stored(items))
    }

    fn body(&self, items: &Payloads) -> (&'static str, Bytes) {
        let mut body = Vec::with_capacity(items.bytes());
        let documents = items.iter().map(|payload| Item::read(payload).document);
        match self.encoding {
            HttpEncoding::Ndjson => {
                for document in documents {
                    body.extend_from_slice(document);
                    body.push(b'\n');
                }
                (NDJSON, body.into())
            }
            HttpEncoding::Json => {
                body.push(b'[');
                for (number, document) in documents.enumerate() {
                    if number > 0 {
                        body.push(b',');
                    }
                    body.extend_from_slice(document);
                }
                body.push(b']');
                (JSON, body.into())
            }
        }
    }
}

/// Posts to one of the servers, and to another one when that is of no use.
pub(super) async fn post(
    endpoints: &Endpoints<Transport>,
    path: &str,
    content_type: &str,
    body: &Bytes,
) -> Result<(), Failure> {
    let mut tried = Vec::new();
    let mut last = None;
    while let Some(asked) = endpoints.pick(&tried) {
        let answer = asked
            .to()
            .send(Method::POST, path, content_type, Some(body.clone()))
            .await;
        let failure = match answer {
            Ok(_) => {
                asked.is_up();
                return Ok(());
            }
            Err(error) => classify(Failure::from(error)),
        };
        if !failure.is_of_the_server() {
            return Err(failure);
        }
        asked.is_down();
        tried.push(asked.number);
        last = Some(failure);
    }
    Err(last.unwrap_or_else(|| Failure::here("there is no server to ask".to_owned())))
}

/// What a status says of a body that is no bulk request.
fn classify(mut failure: Failure) -> Failure {
    if matches!(failure.status, 400 | 413 | 422) {
        failure.retry = Retry::Smaller;
    }
    failure
}
