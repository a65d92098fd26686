//! What becomes of spans: a gate before the queue of those that wait for the collector, and a count of how
//! they ended. The standard processor drops what does not fit without telling how much.

use millrace_text::mask;
use opentelemetry::{Context, Value, trace::Status};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanExporter, SpanProcessor},
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tracing::{info, warn};

/// Counts spans by what became of them.
#[derive(Clone, Debug, Default)]
pub(super) struct ExportMetrics(Family<OutcomeLabel, Counter>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// Takes spans while fewer than the limit wait.
#[derive(Clone, Debug)]
pub(super) struct Gate(Arc<Limit>);

#[derive(Debug)]
struct Limit {
    /// Spans that may wait or be on their way out.
    size: usize,
    taken: AtomicUsize,
    /// The last export failed.
    failing: AtomicBool,
    /// Spans lost since exports began to fail.
    lost: AtomicUsize,
    metrics: ExportMetrics,
}

/// A processor behind the gate.
#[derive(Debug)]
pub(super) struct Gated<P> {
    gate: Gate,
    next: P,
}

/// An exporter whose results are counted.
#[derive(Debug)]
pub(super) struct Counted<E> {
    exporter: E,
    gate: Gate,
}

// === impl ExportMetrics ===

impl ExportMetrics {
    /// Makes the counts known.
    pub(super) fn register(&self, registry: &mut Registry) {
        for outcome in ["exported", "failed", "dropped"] {
            // A series that is there from the start shows its first increase.
            let _ = self.0.get_or_create(&OutcomeLabel { outcome });
        }
        registry.register(
            "analytics_trace_spans",
            "Spans by what became of them: exported, failed at the collector, or dropped because too many waited",
            self.0.clone(),
        );
    }

    fn count(&self, outcome: &'static str, spans: usize) {
        self.0
            .get_or_create(&OutcomeLabel { outcome })
            .inc_by(spans as u64);
    }
}

// === impl Gate ===

impl Gate {
    pub(super) fn new(size: usize, metrics: ExportMetrics) -> Self {
        Self(Arc::new(Limit {
            size,
            taken: AtomicUsize::new(0),
            failing: AtomicBool::new(false),
            lost: AtomicUsize::new(0),
            metrics,
        }))
    }

    pub(super) fn before<P: SpanProcessor>(self, next: P) -> Gated<P> {
        Gated { gate: self, next }
    }

    fn enter(&self) -> bool {
        let entered = self
            .0
            .taken
            .try_update(Relaxed, Relaxed, |taken| {
                (taken < self.0.size).then_some(taken + 1)
            })
            .is_ok();
        if !entered {
            self.0.metrics.count("dropped", 1);
            self.0.lost.fetch_add(1, Relaxed);
        }
        entered
    }

    /// One line when exports begin to fail and one when they succeed again.
    fn left(&self, spans: usize, exported: &OTelSdkResult) {
        self.0.taken.fetch_sub(spans, Relaxed);
        match exported {
            Ok(()) => {
                self.0.metrics.count("exported", spans);
                if self.0.failing.swap(false, Relaxed) {
                    let lost = self.0.lost.swap(0, Relaxed);
                    info!(spans.lost = lost, "traces reach their collector again");
                }
            }
            Err(error) => {
                self.0.metrics.count("failed", spans);
                self.0.lost.fetch_add(spans, Relaxed);
                if !self.0.failing.swap(true, Relaxed) {
                    warn!(%error, "traces do not reach their collector; events are not affected");
                }
            }
        }
    }
}

// === impl Gated ===

impl<P: SpanProcessor> SpanProcessor for Gated<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.next.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.gate.enter() {
            self.next.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}

/// What a collector gets is seen by more people than the log.
fn hide_secrets(span: &mut SpanData) {
    if let Status::Error { description } = &mut span.status
        && let Cow::Owned(masked) = mask::masked(description)
    {
        *description = masked.into();
    }
    hide(&mut span.name);
    let events = &mut span.events.events;
    // A mark is called what the line said.
    events.iter_mut().for_each(|event| hide(&mut event.name));
    let of_events = events.iter_mut().flat_map(|event| &mut event.attributes);
    for attribute in span.attributes.iter_mut().chain(of_events) {
        if let Value::String(text) = &attribute.value
            && let Cow::Owned(masked) = mask::masked(text.as_str())
        {
            attribute.value = masked.into();
        }
    }
}

fn hide(text: &mut Cow<'static, str>) {
    if let Cow::Owned(masked) = mask::masked(text) {
        *text = masked.into();
    }
}

// === impl Counted ===

impl<E> Counted<E> {
    pub(super) fn new(exporter: E, gate: Gate) -> Self {
        Self { exporter, gate }
    }
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        batch.iter_mut().for_each(hide_secrets);
        let exported = self.exporter.export(batch).await;
        self.gate.left(spans, &exported);
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
