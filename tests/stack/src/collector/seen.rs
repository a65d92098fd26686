//! Spans as a reader of traces sees them.

use std::collections::BTreeMap;
use std::fmt::Write;

use axum::http::HeaderMap;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::Value;

/// One export.
#[derive(Clone, Debug)]
pub struct Export {
    /// Headers, or metadata.
    pub headers: HeaderMap,
    /// Its spans.
    pub spans: Vec<Seen>,
}

/// One span. Ids are hex digits.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// `INTERNAL`, `SERVER`, `CLIENT`, `PRODUCER`, `CONSUMER`.
    pub kind: &'static str,
    /// Its trace.
    pub trace_id: String,
    /// Itself.
    pub span_id: String,
    /// Its parent, where it has one.
    pub parent: Option<String>,
    /// Nanoseconds since 1970.
    pub start: u64,
    /// Nanoseconds since 1970.
    pub end: u64,
    /// What it says.
    pub attributes: BTreeMap<String, Value>,
    /// Trace and span of what it is linked to.
    pub links: Vec<(String, String)>,
    /// Names of the marks in it.
    pub events: Vec<String>,
    /// What went wrong, where it says that something did.
    pub error: Option<String>,
    /// What its resource says.
    pub resource: BTreeMap<String, Value>,
}

// === impl Export ===

impl Export {
    pub(super) fn new(headers: HeaderMap, request: ExportTraceServiceRequest) -> Self {
        let mut spans = Vec::new();
        for of_resource in request.resource_spans {
            let resource = attributes(of_resource.resource.unwrap_or_default().attributes);
            let found = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            spans.extend(found.map(|span| Seen::new(span, resource.clone())));
        }
        Self { headers, spans }
    }
}

// === impl Seen ===

impl Seen {
    fn new(span: Span, resource: BTreeMap<String, Value>) -> Self {
        let kind = span.kind().as_str_name().trim_start_matches("SPAN_KIND_");
        debug_assert_ne!(span.kind(), SpanKind::Unspecified);
        let status = span.status.unwrap_or_default();
        let links = span.links.iter();
        Self {
            kind,
            trace_id: hex(&span.trace_id),
            span_id: hex(&span.span_id),
            parent: (!span.parent_span_id.is_empty()).then(|| hex(&span.parent_span_id)),
            start: span.start_time_unix_nano,
            end: span.end_time_unix_nano,
            attributes: attributes(span.attributes),
            links: links
                .map(|link| (hex(&link.trace_id), hex(&link.span_id)))
                .collect(),
            events: span.events.into_iter().map(|event| event.name).collect(),
            error: (status.code() == StatusCode::Error).then_some(status.message),
            name: span.name,
            resource,
        }
    }

    /// What it says of `name`; null where it says nothing.
    pub fn attribute(&self, name: &str) -> &Value {
        self.attributes.get(name).unwrap_or(&Value::Null)
    }
}

fn attributes(all: Vec<KeyValue>) -> BTreeMap<String, Value> {
    all.into_iter()
        .map(|entry| (entry.key, value(entry.value)))
        .collect()
}

fn value(found: Option<AnyValue>) -> Value {
    match found.and_then(|value| value.value) {
        Some(any_value::Value::StringValue(text)) => text.into(),
        Some(any_value::Value::BoolValue(yes)) => yes.into(),
        Some(any_value::Value::IntValue(number)) => number.into(),
        Some(any_value::Value::DoubleValue(number)) => number.into(),
        // We send no lists and no bytes.
        _ => Value::Null,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
