//! The messages of the crawlers, as the source of RabbitMQ asks for them.

use super::{DecodeError, Decoded, EventMetrics, Note, decode};
use crate::{
    domain::{CrawlEvent, Reason},
    messages::BatchRef,
    write::WriterMetrics,
};
use millrace_amqp::{Ending, Event, Events, Refusal};
use millrace_engine::{Delivery, trace::Value};
use std::{sync::Arc, time::Duration};
use tracing::{error_span, field::Empty};

/// Reads events of crawlers and counts them.
#[derive(Clone, Debug)]
pub struct CrawlEvents {
    metrics: EventMetrics,
    /// The writer counts those of its own that were stored before.
    of_writer: WriterMetrics,
}

// === impl CrawlEvents ===

impl CrawlEvents {
    /// What is stored already is counted as the writer counts it.
    pub fn new(metrics: EventMetrics, of_writer: WriterMetrics) -> Self {
        Self { metrics, of_writer }
    }
}

impl Events for CrawlEvents {
    type Message = BatchRef;

    const PIPELINE: &'static str = crate::NAME;
    const NAME: &'static str = "data.collected";

    fn decode(
        &self,
        body: &[u8],
        legacy_queue: Option<&str>,
        delivery: Delivery,
    ) -> Result<Event<BatchRef>, Refusal> {
        let Decoded { event, source, notes } = decode(body, legacy_queue, delivery)?;
        Ok(Event {
            id: event.event_id.clone(),
            label: event.platform.label(),
            // At error level, so that `LOG_LEVEL` does not take them away.
            fields: error_span!(
                "event",
                pipeline = crate::NAME,
                event_id = event.event_id,
                job_id = event.job_id,
                project_id = event.project_id(),
                trace_id = Empty
            ),
            attributes: attributes(&event),
            notes: notes.into_iter().map(Note::code).collect(),
            message: BatchRef {
                event: Arc::new(event),
                source,
            },
        })
    }

    fn traced(message: &mut BatchRef, trace_id: String) {
        if let Some(event) = Arc::get_mut(&mut message.event) {
            event.delivery.trace_id = Some(trace_id);
        }
    }

    fn reason(code: &str) -> Option<&'static str> {
        Reason::of_events().find(|reason| *reason == code)
    }

    fn noted(&self, note: &'static str) {
        self.metrics.noted(note);
    }

    fn was_stored(&self, platform: &'static str) {
        tracing::info!("batch was stored before, nothing changed");
        self.of_writer.repeated(platform);
    }

    fn settled(&self, ending: Ending, platform: &'static str, took: Duration) {
        self.metrics.settled(ending, platform, took);
    }
}

fn attributes(event: &CrawlEvent) -> Vec<(&'static str, Value)> {
    let mut attributes = vec![
        ("millrace.job_id", event.job_id.clone().into()),
        ("millrace.platform", event.platform.as_str().to_owned().into()),
    ];
    if let Some(project) = event.project_id() {
        attributes.push(("millrace.project_id", project.to_owned().into()));
    }
    if let Some(index) = event.batch_index {
        attributes.push(("millrace.batch_index", index.into()));
    }
    attributes
}

// === impl Refusal ===

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        Self {
            reason: error.reason.code(),
            detail: error.detail,
            event_id: error.event_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_itself_only_why_an_event_is_dead_lettered() {
        assert_eq!(CrawlEvents::reason("killed_worker"), Some("killed_worker"));
        for odd in ["no_reason", "malformed_item"] {
            assert_eq!(CrawlEvents::reason(odd), None, "{odd}");
        }
    }
}
