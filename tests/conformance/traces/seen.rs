//! Looking at spans.

use millrace_stack::{Span, Trace};
use serde_json::Value;

pub(super) const CLIENT: &str = "client";
pub(super) const CONSUMER: &str = "consumer";
pub(super) const PRODUCER: &str = "producer";
pub(super) const INTERNAL: &str = "internal";

/// A span whose attributes are checked one by one.
pub(super) struct Seen<'a>(&'a Span);

// === impl Seen ===

impl<'a> Seen<'a> {
    pub(super) fn of(span: &'a Span) -> Self {
        Self(span)
    }

    /// The attribute has this value, and this type: Jaeger tells numbers from text.
    #[track_caller]
    pub(super) fn is(self, key: &str, value: impl Into<Value>) -> Self {
        assert_eq!(self.0.tag(key), Some(&value.into()), "{key} of {:#?}", self.0);
        self
    }

    /// The attribute has some text.
    #[track_caller]
    pub(super) fn has(self, key: &str) -> Self {
        let text = self.0.tag(key).and_then(Value::as_str);
        assert!(
            text.is_some_and(|text| !text.is_empty()),
            "no {key} in {:#?}",
            self.0
        );
        self
    }

    #[track_caller]
    pub(super) fn lacks(self, key: &str) -> Self {
        assert_eq!(self.0.tag(key), None, "{key} of {:#?}", self.0);
        self
    }

    /// It failed for this reason, and says so to people too.
    #[track_caller]
    pub(super) fn failed(self, kind: &str) -> Self {
        self.is("otel.status_code", "ERROR")
            .is("error", true)
            .is("error.type", kind)
            .has("otel.status_description")
    }
}

/// The names of a trace's spans as a tree: children below their parent, the first to start first.
pub(super) fn outline(trace: &Trace) -> Vec<String> {
    let is_root = |span: &&Span| {
        span.parent()
            .is_none_or(|parent| trace.span(&parent.span).is_none())
    };
    let mut roots: Vec<_> = trace.spans.iter().filter(is_root).collect();
    roots.sort_by_key(|span| span.start_time);
    let mut lines = Vec::new();
    for root in roots {
        draw(trace, root, 0, &mut lines);
    }
    lines
}

fn draw(trace: &Trace, span: &Span, depth: usize, lines: &mut Vec<String>) {
    lines.push(format!("{}{}", "  ".repeat(depth), span.name));
    for child in trace.children(span) {
        draw(trace, child, depth + 1, lines);
    }
}

/// Children lie within their parent and one after another, and all of it between `begun` and now.
#[track_caller]
pub(super) fn assert_in_time(trace: &Trace, root: &Span, begun: jiff::Timestamp) {
    let micros = |at: jiff::Timestamp| u64::try_from(at.as_microsecond()).unwrap();
    assert!(micros(begun) <= root.start_time, "{root:#?} began before {begun}");
    assert!(
        root.end_time() <= micros(jiff::Timestamp::now()),
        "{root:#?} ends in the future"
    );
    let mut last = root.start_time;
    for child in trace.children(root) {
        assert!(
            last <= child.start_time && child.end_time() <= root.end_time(),
            "{trace:#?}"
        );
        last = child.end_time();
    }
    assert!(
        trace.children(root).iter().any(|child| child.duration > 0),
        "{trace:#?}"
    );
}
