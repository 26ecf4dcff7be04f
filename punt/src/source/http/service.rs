//! One request: who sends it, what it is, and what is answered.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use tracing::warn;

use super::answer::Answer;
use super::auth::Auth;
use super::body::{self, Body, Pending};
use super::bulk::{self, Item, Operation};
use super::documents;
use super::facade::Facade;
use super::ingest::{Ingest, Outcome, Place};
use super::refusal::Refusal;
use crate::config::{HttpConfig, HttpFormat};
use crate::event::{write_number, write_text};
use crate::meter::Count;
use crate::source::Intake;
use crate::source::ids::Ids;

/// What all requests of a source share.
pub(super) struct Service {
    pub(super) config: HttpConfig,
    pub(super) intake: Intake,
    pub(super) ids: Ids,
    pub(super) auth: Auth,
    pub(super) facade: Facade,
    pub(super) pending: Arc<Pending>,
}

/// An item of a bulk and what is to be said of it.
struct Verdict {
    item: Item,
    id: Option<String>,
    result: Result<Place, Refusal>,
}

// === impl Service ===

impl Service {
    /// Answers one request, whatever it is.
    pub(super) async fn call(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        self.intake.meter.add(Count::HttpRequests, 1);
        let headers = request.headers().clone();
        let head = request.method() == Method::HEAD;
        let answer = self.answer(request).await.unwrap_or_else(Answer::from);
        answer.respond(&headers, head)
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Answer, Refusal> {
        let (parts, mut incoming) = request.into_parts();
        let answer = match self.auth.check(&parts.headers) {
            Ok(()) => self.route(&parts, &mut incoming).await,
            Err(refusal) => Err(refusal),
        };
        // A client that is still sending would see a broken connection instead of the answer.
        body::drain(&mut incoming, self.config.idle_timeout).await;
        answer
    }

    async fn route(&self, parts: &Parts, incoming: &mut Incoming) -> Result<Answer, Refusal> {
        let (method, path) = (&parts.method, parts.uri.path());
        if let Some(format) = self.config.endpoints.get(path) {
            if !matches!(*method, Method::POST | Method::PUT) {
                let mut answer = Answer::from(Refusal::new(405, "method_not_allowed", "use POST"));
                answer.allow = Some("POST");
                return Ok(answer);
            }
            let body = self.read(&parts.headers, incoming).await?;
            return self.documents(*format, &body.bytes).await;
        }
        if !self.config.elasticsearch {
            return Err(Refusal::new(
                404,
                "resource_not_found_exception",
                format!("there is no {path} here"),
            ));
        }
        let segments: Vec<String> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let writing = matches!(*method, Method::POST | Method::PUT);
        match segments.as_slice() {
            ["_bulk"] if writing => {
                let body = self.read(&parts.headers, incoming).await?;
                self.bulk(None, &body.bytes).await
            }
            [index, "_bulk"] | [index, _, "_bulk"] if writing => {
                let body = self.read(&parts.headers, incoming).await?;
                self.bulk(Some(index), &body.bytes).await
            }
            [index, kind @ ("_doc" | "_create"), rest @ ..] if writing && rest.len() <= 1 => {
                let body = self.read(&parts.headers, incoming).await?;
                let operation = match *kind {
                    "_create" => Operation::Create,
                    _ => Operation::Index,
                };
                self.document(operation, index, rest.first().copied(), &body.bytes)
                    .await
            }
            ["_ingest", "pipeline", name] if writing => {
                warn!(
                    event.action = "pipeline-ignored",
                    labels.source = self.intake.name,
                    labels.pipeline = name,
                    "a client installs an ingest pipeline, and punt runs none: use a transform"
                );
                Ok(self.facade.answer(method, &segments))
            }
            segments => Ok(self.facade.answer(method, segments)),
        }
    }

    async fn read(&self, headers: &http::HeaderMap, incoming: &mut Incoming) -> Result<Body, Refusal> {
        let config = &self.config;
        body::read(
            headers,
            incoming,
            config.max_body_bytes,
            config.idle_timeout,
            &self.pending,
        )
        .await
    }

    /// A body under a path of one's own: all of it is durable, or the answer is no.
    async fn documents(&self, format: HttpFormat, body: &[u8]) -> Result<Answer, Refusal> {
        let mut ingest = Ingest::new(self);
        let (mut count, mut last) = (0_u64, None);
        match format {
            HttpFormat::Plain => {
                for line in documents::lines(body) {
                    last = Some(ingest.line(line).await);
                    count += 1;
                }
            }
            HttpFormat::Ndjson => {
                for line in documents::lines(body) {
                    last = Some(match ingest.record(line, None, None).await {
                        Ok(place) => place,
                        Err(refusal) => ingest.broken(line, &refusal.reason).await,
                    });
                    count += 1;
                }
            }
            HttpFormat::Json => {
                for object in documents::objects(body)? {
                    let text = object.get().as_bytes();
                    last = Some(match ingest.record(text, None, None).await {
                        Ok(place) => place,
                        Err(refusal) => ingest.broken(text, &refusal.reason).await,
                    });
                    count += 1;
                }
            }
        }
        let outcome = ingest.finish().await;
        if let Some(last) = last {
            outcome.whole(last)?;
        }
        Ok(Answer::json(200, &serde_json::json!({"accepted": count})))
    }

    async fn bulk(&self, path_index: Option<&str>, body: &[u8]) -> Result<Answer, Refusal> {
        let begun = Instant::now();
        let items = bulk::parse(body)?;
        let mut ingest = Ingest::new(self);
        let mut verdicts = Vec::with_capacity(items.len());
        for item in items {
            let document = &body[item.document.clone()];
            verdicts.push(self.item(&mut ingest, item, path_index, document).await);
        }
        let outcome = ingest.finish().await;
        Ok(bulk_answer(&verdicts, &outcome, path_index, begun))
    }

    async fn document(
        &self,
        operation: Operation,
        index: &str,
        id: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, Refusal> {
        let item = Item {
            operation,
            index: Some(index.to_owned()),
            id: id.map(ToOwned::to_owned),
            document: 0..body.len(),
        };
        let mut ingest = Ingest::new(self);
        let verdict = self.item(&mut ingest, item, None, body).await;
        let outcome = ingest.finish().await;
        outcome.of(verdict.result.clone()?)?;
        let mut out = Vec::new();
        write_item(&mut out, &verdict, index, &Ok(()));
        Ok(Answer::bytes(201, out))
    }

    async fn item(
        &self,
        ingest: &mut Ingest<'_>,
        item: Item,
        path_index: Option<&str>,
        document: &[u8],
    ) -> Verdict {
        let index = item.index.as_deref().or(path_index);
        let (id, result) = match item.operation {
            Operation::Index | Operation::Create => {
                let placed = ingest.record(document, item.id.as_deref(), index).await;
                (ingest.last_id(), placed)
            }
            operation => (
                item.id.clone(),
                Err(Refusal::argument(format!(
                    "{} is not possible here: punt ships events, and what was shipped stays as it is",
                    operation.name()
                ))),
            ),
        };
        if result.is_err() {
            self.intake.meter.add(Count::Refused, 1);
        }
        Verdict { item, id, result }
    }
}

/// The answer to a bulk: a verdict an item, in their order.
fn bulk_answer(verdicts: &[Verdict], outcome: &Outcome, path_index: Option<&str>, begun: Instant) -> Answer {
    let mut items = Vec::with_capacity(verdicts.len() * 128);
    let mut errors = false;
    for verdict in verdicts {
        let result = verdict.result.clone().and_then(|place| outcome.of(place));
        errors |= result.is_err();
        if !items.is_empty() {
            items.push(b',');
        }
        items.extend_from_slice(b"{\"");
        items.extend_from_slice(verdict.item.operation.name().as_bytes());
        items.extend_from_slice(b"\":");
        let index = verdict.item.index.as_deref().or(path_index).unwrap_or("punt");
        write_item(&mut items, verdict, index, &result);
        items.push(b'}');
    }
    let took = begun.elapsed().as_millis();
    let mut out = format!("{{\"took\":{took},\"errors\":{errors},\"items\":[").into_bytes();
    out.append(&mut items);
    out.extend_from_slice(b"]}");
    Answer::bytes(200, out)
}

fn write_item(out: &mut Vec<u8>, verdict: &Verdict, index: &str, result: &Result<(), Refusal>) {
    out.extend_from_slice(b"{\"_index\":");
    write_text(out, index);
    out.extend_from_slice(b",\"_type\":\"_doc\",\"_id\":");
    match &verdict.id {
        Some(id) => write_text(out, id),
        None => out.extend_from_slice(b"null"),
    }
    match result {
        Ok(()) => out.extend_from_slice(
            b",\"_version\":1,\"result\":\"created\",\"_shards\":{\"total\":1,\"successful\":1,\"failed\":0},\
              \"_seq_no\":0,\"_primary_term\":1,\"status\":201}",
        ),
        Err(refusal) => {
            out.extend_from_slice(b",\"status\":");
            write_number(out, refusal.status.into());
            out.extend_from_slice(b",\"error\":{\"type\":");
            write_text(out, refusal.kind);
            out.extend_from_slice(b",\"reason\":");
            write_text(out, &refusal.reason);
            out.extend_from_slice(b"}}");
        }
    }
}
