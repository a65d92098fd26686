//! Deliveries that are not acknowledged yet.

use crate::{
    domain::Delivery,
    ingress::{event, metrics::Ending},
};
use amqprs::{BasicProperties, Deliver};
use bytes::Bytes;
use jiff::Timestamp;
use std::sync::Arc;
use tokio::time::Instant;
use tracing::Span;

use super::copies;

/// What we keep of a delivery until it is settled: enough to publish it again.
pub(super) struct InFlight {
    pub(super) tag: u64,
    pub(super) queue: Arc<str>,
    pub(super) body: Bytes,
    pub(super) properties: BasicProperties,
    pub(super) redelivered: bool,
    pub(super) facts: Delivery,
    pub(super) since: Instant,
    /// Known once the event is decoded.
    pub(super) event_id: Option<String>,
    pub(super) platform: &'static str,
    pub(super) span: Span,
    /// How it will have ended once it is acknowledged.
    pub(super) ending: Ending,
}

// === impl InFlight ===

impl InFlight {
    pub(super) fn new(
        queue: Arc<str>,
        deliver: &Deliver,
        properties: BasicProperties,
        body: Vec<u8>,
        now: Timestamp,
    ) -> Self {
        let first_seen =
            copies::header_text(&properties, copies::FIRST_SEEN).and_then(|text| text.parse().ok());
        let trace_id = copies::header_text(&properties, "traceparent").and_then(event::trace_id);
        let facts = Delivery {
            received_at: now,
            first_seen: first_seen.unwrap_or(now),
            attempt: copies::attempts(&properties).saturating_add(1),
            trace_id,
        };
        Self {
            tag: deliver.delivery_tag(),
            queue,
            body: body.into(),
            properties,
            redelivered: deliver.redelivered(),
            facts,
            since: Instant::now(),
            event_id: None,
            platform: "unknown",
            span: Span::none(),
            ending: Ending::Stored,
        }
    }
}
