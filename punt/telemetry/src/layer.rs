//! The `tracing` layer that turns events into records in the spool.
//!
//! Fields of the enclosing spans are added to the event (outermost first, the event's own fields win), which is
//! how `trace.id` reaches every record of a request.

use std::fmt::Debug;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::record::Identity;
use crate::spool::Spool;

pub(crate) struct EcsLayer {
    identity: Identity,
    spool: Spool,
}

struct SpanFields(Map<String, Value>);

/// Collects fields; the event's `message` apart.
#[derive(Default)]
struct Collect {
    message: Option<String>,
    fields: Map<String, Value>,
}

// === impl EcsLayer ===

impl EcsLayer {
    pub(crate) fn new(identity: Identity, spool: Spool) -> Self {
        Self { identity, spool }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for EcsLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut collect = Collect::default();
        attributes.record(&mut collect);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(SpanFields(collect.fields));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut extensions = span.extensions_mut();
            if let Some(SpanFields(fields)) = extensions.get_mut::<SpanFields>() {
                let mut collect = Collect {
                    message: None,
                    fields: std::mem::take(fields),
                };
                values.record(&mut collect);
                *fields = collect.fields;
            }
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut collect = Collect::default();
        if let Some(scope) = context.event_scope(event) {
            for span in scope.from_root() {
                if let Some(SpanFields(fields)) = span.extensions().get::<SpanFields>() {
                    collect
                        .fields
                        .extend(fields.iter().map(|(k, v)| (k.clone(), v.clone())));
                }
            }
        }
        event.record(&mut collect);
        let metadata = event.metadata();
        let level = match *metadata.level() {
            tracing::Level::ERROR => "error",
            tracing::Level::WARN => "warn",
            tracing::Level::INFO => "info",
            tracing::Level::DEBUG => "debug",
            tracing::Level::TRACE => "trace",
        };
        let record = self.identity.record(
            jiff::Timestamp::now(),
            level,
            metadata.target(),
            collect.message.unwrap_or_default(),
            collect.fields,
        );
        self.spool.write(&record);
    }
}

// === impl Collect ===

impl Collect {
    fn put(&mut self, field: &Field, value: Value) {
        if field.name() == "message" {
            self.message = Some(
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), ToOwned::to_owned),
            );
        } else {
            self.fields.insert(field.name().to_owned(), value);
        }
    }
}

impl Visit for Collect {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format!("{value:?}").into());
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field, value.to_string().into());
    }
}
