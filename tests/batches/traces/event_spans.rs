//! What a collector was told about one event.

use crate::running::PATIENCE;
use millrace_stack::{Collector, Seen, wait_for};
use serde_json::Value;
use std::collections::BTreeMap;

/// Spans of one event, whatever trace they are in.
pub(super) struct EventSpans {
    pub(super) roots: Vec<Seen>,
    pub(super) all: Vec<Seen>,
}

// === impl EventSpans ===

impl EventSpans {
    /// Waits until so many deliveries of the event were told.
    pub(super) async fn of(collector: &Collector, event_id: &str, deliveries: usize) -> Self {
        wait_for("the spans of an event", PATIENCE, async || {
            let all = collector.spans();
            let is_root = |span: &&Seen| span.attribute("millrace.event_id") == event_id;
            let roots: Vec<_> = all.iter().filter(is_root).cloned().collect();
            if roots.len() == deliveries {
                Ok(Self { roots, all })
            } else {
                Err(format!("{} deliveries among {} spans", roots.len(), all.len()))
            }
        })
        .await
        .unwrap()
    }

    pub(super) fn children(&self, parent: &Seen) -> BTreeMap<&str, &Seen> {
        let of = |span: &&Seen| span.parent.as_ref() == Some(&parent.span_id);
        let found: Vec<_> = self.all.iter().filter(of).collect();
        let by_name: BTreeMap<_, _> = found.iter().map(|span| (span.name.as_str(), *span)).collect();
        assert_eq!(by_name.len(), found.len(), "each step once: {found:?}");
        for child in &found {
            assert_eq!(child.trace_id, parent.trace_id);
        }
        by_name
    }
}

/// One after the other, and all within another.
pub(super) fn assert_ordered(spans: &[&Seen], within: &Seen) {
    let mut before = within.start;
    for span in spans {
        assert!(span.start >= before && span.end >= span.start, "{spans:?}");
        before = span.end;
    }
    assert!(before <= within.end, "{within:?} ends after {spans:?}");
}

/// The span has these attributes.
pub(super) fn assert_says(span: &Seen, expected: &Value) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(span.attribute(name), value, "{name} of {span:?}");
    }
}
