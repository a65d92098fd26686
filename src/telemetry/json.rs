//! One JSON object a line, with the fields of the enclosing spans beside those of the event.
//!
//! Ready-made layers nest span fields or write a key twice when span and event share it; dashboards and
//! `jq` want `event_id` at the top, once.

use super::fields::Fields;
use millrace_engine::trace;
use opentelemetry::trace::TraceContextExt;
use serde::Serializer;
use serde_json::Value;
use std::borrow::Cow;
use std::io::Write;
use std::sync::OnceLock;
use tracing::dispatcher::WeakDispatch;
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Writes each event as a line.
pub(super) struct JsonLines<W> {
    writer: W,
    /// Where spans are found as OpenTelemetry knows them.
    dispatch: OnceLock<WeakDispatch>,
}

/// A line as it is put together; keys are unique.
struct Line(Vec<(Cow<'static, str>, Value)>);

/// Keys that a field cannot take.
const FIXED: [&str; 4] = ["timestamp", "level", "message", "target"];

// === impl JsonLines ===

impl<W> JsonLines<W> {
    pub(super) fn new(writer: W) -> Self {
        Self {
            writer,
            dispatch: OnceLock::new(),
        }
    }

    /// Trace and span of the innermost span that is exported.
    fn place<S>(&self, event: &Event<'_>, context: &Context<'_, S>) -> Option<[(&'static str, Value); 2]>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let mut spans = context.event_scope(event)?;
        let exported = spans.find(|span| span.metadata().target() == trace::TARGET)?;
        let dispatch = self.dispatch.get()?.upgrade()?;
        let found = tracing_opentelemetry::get_otel_context(&exported.id(), &dispatch)?;
        let found = found.span().span_context().clone();
        let ids = [
            ("trace_id", found.trace_id().to_string().into()),
            ("span_id", found.span_id().to_string().into()),
        ];
        found.is_valid().then_some(ids)
    }
}

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        // The first one is the process's; there is no second outside tests.
        let _ = self.dispatch.set(dispatch.downgrade());
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Line::new(event);
        for (name, value) in self.place(event, &context).into_iter().flatten() {
            line.0.push((name.into(), value));
        }
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<Fields>() {
                line.extend(fields);
            }
        }
        let mut writer = self.writer.make_writer_for(event.metadata());
        // Where standard error is gone there is no place left for a message.
        let _ = writer.write_all(&line.into_bytes());
    }
}

// === impl Line ===

impl Line {
    fn new(event: &Event<'_>) -> Self {
        let metadata = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let message = fields
            .take("message")
            .unwrap_or_else(|| Value::from(metadata.name()));
        // Records of the `log` crate carry their real target in a field.
        let target = fields
            .take("log.target")
            .unwrap_or_else(|| Value::from(metadata.target()));
        for bookkeeping in ["log.module_path", "log.file", "log.line"] {
            fields.take(bookkeeping);
        }
        let now = format!("{:.6}", jiff::Timestamp::now());
        let mut line = Self(Vec::with_capacity(16));
        for (key, value) in
            FIXED
                .into_iter()
                .zip([now.into(), metadata.level().as_str().into(), message, target])
        {
            line.0.push((key.into(), value));
        }
        line.extend(&fields);
        line
    }

    /// Adds what is not there yet: the event before its spans, inner spans before outer ones.
    fn extend(&mut self, fields: &Fields) {
        for (name, value) in fields.iter() {
            let key: Cow<'static, str> = match FIXED.contains(&name) {
                true => format!("field.{name}").into(),
                false => name.into(),
            };
            if !self.0.iter().any(|(known, _)| *known == key) {
                self.0.push((key, value.clone()));
            }
        }
    }

    fn into_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512);
        let pairs = self.0.iter().map(|(key, value)| (key, value));
        let written = serde_json::Serializer::new(&mut bytes).collect_map(pairs);
        debug_assert!(written.is_ok(), "values are JSON already");
        bytes.push(b'\n');
        bytes
    }
}
