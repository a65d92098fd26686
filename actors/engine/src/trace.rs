//! Spans as OpenTelemetry sees them: the way of one event through the stages. The only place of this crate
//! that names OpenTelemetry; without a subscriber that exports, all of it does nothing.
//!
//! Attributes are set here and not as fields of the span, because fields also go into every log line.

use super::ActorId;
pub use crate::traceparent::id_in;
pub use opentelemetry::Value;
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector},
    trace::{Status, TraceContextExt},
};
use tracing::{Span, error_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

tokio::task_local! {
    /// The span of the event that the current task works on, where it is one event.
    static EVENT: Span;
}

/// Headers of a message that carry a trace.
pub const HEADERS: [&str; 2] = ["traceparent", "tracestate"];

/// Target of the spans that are exported. Others carry the fields of log lines.
pub const TARGET: &str = "millrace::trace";

/// What a span says of its place in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Works on a message.
    Consumer,
    /// Sends a message.
    Producer,
    /// Waits for a server.
    Client,
    /// Sends nothing.
    Internal,
}

/// Headers by name.
#[derive(Default)]
struct Headers(Vec<(String, String)>);

/// A span below `parent`. Its level is that of errors, so that no `LOG_LEVEL` takes it out of a trace.
pub fn child(parent: &Span, name: &str, kind: Kind) -> Span {
    error_span!(target: TARGET, parent: parent, "span", otel.name = name, otel.kind = kind.as_str())
}

/// A span below `parent` that names the actor that works in it, for the log too.
pub(crate) fn work(parent: &Span, name: &str, kind: Kind, actor: ActorId) -> Span {
    error_span!(target: TARGET, parent: parent, "work", otel.name = name, otel.kind = kind.as_str(), %actor)
}

/// A span in a trace of its own for work that serves several events.
pub(crate) fn shared_work(name: &str, kind: Kind, actor: ActorId, events: usize) -> Span {
    let pipeline = actor.pipeline;
    error_span!(target: TARGET, parent: None, "work", otel.name = name, otel.kind = kind.as_str(), pipeline, %actor, events)
}

/// Lets a span go on with the trace that came with a message. To be called before anything else is done
/// with the span.
pub fn go_on<'a>(span: &Span, header: impl Fn(&str) -> Option<&'a str>) {
    let found = HEADERS
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), header(name)?.to_owned())));
    let found = Headers(found.collect());
    let remote = opentelemetry::global::get_text_map_propagator(|propagator| {
        propagator.extract_with_context(&Context::new(), &found)
    });
    if remote.span().span_context().is_valid() {
        // It fails only where the span is not exported.
        let _ = span.set_parent(remote);
    }
}

/// The headers that let the receiver of a message go on with this span's trace; none without telemetry.
pub fn headers(span: &Span) -> Vec<(String, String)> {
    let mut headers = Headers::default();
    opentelemetry::global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&span.context(), &mut headers);
    });
    headers.0
}

/// The trace that a span belongs to; none without telemetry.
pub fn id(span: &Span) -> Option<String> {
    let context = span.context();
    let context = context.span().span_context().clone();
    context.is_valid().then(|| context.trace_id().to_string())
}

/// Lets two spans of different traces know of each other.
pub fn link(one: &Span, other: &Span) {
    let context = |span: &Span| span.context().span().span_context().clone();
    one.add_link(context(other));
    other.add_link(context(one));
}

/// Says something about a span.
pub fn attribute(span: &Span, name: &'static str, value: impl Into<Value>) {
    span.set_attribute(name, value);
}

/// A number as an attribute.
pub fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Says something about what the current task does.
pub fn note(name: &'static str, value: impl Into<Value>) {
    attribute(&Span::current(), name, value);
}

/// Says something about the event that the current task works on.
pub fn note_on_event(name: &'static str, value: impl Into<Value>) {
    let _ = EVENT.try_with(|span| attribute(span, name, value));
}

/// Marks a span as failed. `kind` is one of a bounded set of names, `detail` is for people.
pub fn fail(span: &Span, kind: &'static str, detail: &str) {
    span.set_attribute("error.type", kind);
    span.set_status(Status::error(detail.to_owned()));
}

/// Runs `work` on an event.
pub async fn on_event<W: Future>(event: Span, work: W) -> W::Output {
    EVENT.scope(event, work).await
}

// === impl Kind ===

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Consumer => "consumer",
            Self::Producer => "producer",
            Self::Client => "client",
            Self::Internal => "internal",
        }
    }
}

// === impl Headers ===

impl Extractor for Headers {
    fn get(&self, key: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(name, _)| name == key)?;
        Some(value)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }
}

impl Injector for Headers {
    fn set(&mut self, key: &str, value: String) {
        // An empty `tracestate` says nothing.
        if !value.is_empty() {
            self.0.push((key.to_owned(), value));
        }
    }
}
