//! Deliveries that are not acknowledged yet.

use super::{fates::Fate, outbox::Copy};
use crate::{Ending, events::UNKNOWN};
use amqprs::{BasicProperties, Deliver};
use bytes::Bytes;
use jiff::Timestamp;
use millrace_engine::{Delivery, trace};
use std::sync::Arc;
use tokio::time::Instant;
use tracing::Span;

use super::copies;

/// What we keep of a delivery until it is settled: enough to publish it again.
pub(super) struct InFlight {
    pub(super) tag: u64,
    pub(super) queue: Arc<str>,
    /// Of the consumers, see there.
    pub(super) round: u64,
    pub(super) body: Bytes,
    pub(super) properties: BasicProperties,
    pub(super) redelivered: bool,
    pub(super) facts: Delivery,
    pub(super) since: Instant,
    /// Known once the event is decoded.
    pub(super) event_id: Option<String>,
    pub(super) label: &'static str,
    /// What is done for it.
    pub(super) span: Span,
    /// What the broker is told about it.
    pub(super) settling: Span,
    /// The copy that is on its way to another queue.
    pub(super) publishing: Span,
    /// Its copy for another queue, and what becomes of it when the broker has that.
    pub(super) sent: Option<(Copy, Fate)>,
    /// What becomes of it when the broker has the copy that goes another way, because the first way is shut.
    pub(super) detour: Option<Fate>,
    /// How it will have ended once it is acknowledged.
    pub(super) ending: Ending,
}

// === impl InFlight ===

impl InFlight {
    /// Notes how it will have ended once it is acknowledged.
    pub(super) fn end(&mut self, ending: Ending) {
        self.ending = ending;
        for span in [&self.span, &self.settling] {
            trace::attribute(span, "millrace.outcome", ending.as_str());
        }
    }

    pub(super) fn new(
        (queue, round): (Arc<str>, u64),
        deliver: &Deliver,
        properties: BasicProperties,
        body: Vec<u8>,
        now: Timestamp,
    ) -> Self {
        let first_seen =
            copies::header_text(&properties, copies::FIRST_SEEN).and_then(|text| text.parse().ok());
        let trace_id = copies::header_text(&properties, "traceparent").and_then(trace::id_in);
        let facts = Delivery {
            received_at: now,
            first_seen: first_seen.unwrap_or(now),
            attempt: copies::attempts(&properties).saturating_add(1),
            trace_id,
        };
        Self {
            tag: deliver.delivery_tag(),
            queue,
            round,
            body: body.into(),
            properties,
            redelivered: deliver.redelivered(),
            facts,
            since: Instant::now(),
            event_id: None,
            label: UNKNOWN,
            span: Span::none(),
            settling: Span::none(),
            publishing: Span::none(),
            sent: None,
            detour: None,
            ending: Ending::Stored,
        }
    }
}
