//! What the broker is told about one delivery, and in which order: a copy is confirmed before its
//! original is acknowledged, so that at every moment the message is somewhere.

use super::{
    copies::{self, Obituary},
    link::{bounded, broker},
    retry::Plan,
    session::Session,
    spans,
    topology::Queue,
};
use crate::{
    domain::Reason,
    faults::{self, Point},
    ingress::metrics::Ending,
    supervision::{Fault, Settlement, Verdict},
    trace,
};
use amqprs::{BasicProperties, channel::BasicAckArguments};
use jiff::Timestamp;
use std::time::Duration;
use tracing::{debug, error, warn};

// === impl Session ===

impl Session<'_> {
    pub(super) async fn settle(&mut self, Settlement { tag, verdict }: Settlement) -> Result<(), Fault> {
        let Some(delivery) = self.in_flight.get_mut(&tag) else {
            return Ok(()); // settled already: a receipt posts once, so this is not reached
        };
        delivery.settling = spans::settle(&delivery.span);
        match verdict {
            Verdict::Done => {
                delivery.end(Ending::Stored);
                self.acknowledge(tag).await
            }
            Verdict::DeadLetter { reason, detail } => self.bury(tag, reason, &detail).await,
            Verdict::Retry {
                room,
                cause,
                detail,
                charged,
            } => {
                let age = Timestamp::now().duration_since(delivery.facts.first_seen);
                let age = Duration::try_from(age).unwrap_or_default();
                match self
                    .shared
                    .settings
                    .retry
                    .plan(delivery.facts.attempt, charged, age)
                {
                    Plan::After { delay, attempts } => {
                        self.send_back(tag, room, cause, &detail, delay, attempts).await
                    }
                    Plan::Exhausted => {
                        self.bury(
                            tag,
                            Reason::AttemptsExhausted.code(),
                            &format!("{cause}: {detail}"),
                        )
                        .await
                    }
                }
            }
        }
    }

    async fn bury(&mut self, tag: u64, reason: &'static str, detail: &str) -> Result<(), Fault> {
        let Some(delivery) = self.in_flight.get_mut(&tag) else {
            return Ok(());
        };
        delivery.end(Ending::DeadLettered(reason));
        trace::fail(&delivery.span, reason, detail);
        let attempts = delivery.facts.attempt;
        error!(parent: &delivery.span, reason, detail, attempts, fate = "dead_lettered", "event cannot be stored");
        let obituary = Obituary {
            reason,
            detail,
            attempts,
            first_seen: delivery.facts.first_seen,
            event_id: delivery.event_id.as_deref(),
        };
        let properties = copies::dead_letter(&delivery.properties, &obituary);
        let queue = Queue::DeadLetters(delivery.queue.to_string());
        self.copy(tag, &queue, properties).await
    }

    async fn send_back(
        &mut self,
        tag: u64,
        room: &'static str,
        cause: &'static str,
        detail: &str,
        delay: Duration,
        attempts: u32,
    ) -> Result<(), Fault> {
        let Some(delivery) = self.in_flight.get_mut(&tag) else {
            return Ok(());
        };
        delivery.end(Ending::Retried(room));
        trace::fail(&delivery.span, cause, detail);
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        warn!(parent: &delivery.span, cause, detail, attempts, delay_ms, fate = "retried", "event will be tried again");
        // Up to a fifth earlier, so that events that failed together do not return together.
        let jittered = delay.mul_f64(rand::random_range(0.8..=1.0));
        let properties = copies::retry(
            &delivery.properties,
            attempts,
            delivery.facts.first_seen,
            jittered,
        );
        let queue = Queue::Retry {
            of: delivery.queue.to_string(),
            delay,
        };
        self.copy(tag, &queue, properties).await
    }

    pub(super) async fn copy(
        &mut self,
        tag: u64,
        queue: &Queue,
        properties: BasicProperties,
    ) -> Result<(), Fault> {
        let Some(delivery) = self.in_flight.get_mut(&tag) else {
            return Ok(());
        };
        delivery.publishing = spans::publish(&delivery.settling, &queue.name(), delivery.body.len());
        let properties = copies::in_trace(properties, &trace::headers(&delivery.publishing));
        let (properties, left_out) = copies::fit(properties, self.outbox.frame_max());
        if let Some(headers) = left_out {
            warn!(parent: &delivery.span, headers, "these headers are too large for the copy, which goes without them");
        }
        let subject = delivery.event_id.as_deref().unwrap_or_default();
        faults::reached(Point::CopyBegin, subject);
        let sending = self.outbox.send(tag, queue, properties, &delivery.body);
        bounded(&self.shared.settings, sending).await?;
        faults::reached(Point::CopySent, subject);
        Ok(())
    }

    pub(super) async fn acknowledge(&mut self, tag: u64) -> Result<(), Fault> {
        let Some(delivery) = self.in_flight.remove(&tag) else {
            return Ok(());
        };
        let subject = delivery.event_id.as_deref().unwrap_or_default();
        faults::reached(Point::AckBegin, subject);
        self.channel
            .basic_ack(BasicAckArguments::new(tag, false))
            .await
            .map_err(broker)?;
        faults::reached(Point::AckSent, subject);
        self.count_in_flight();
        let elapsed = delivery.since.elapsed();
        self.shared
            .metrics
            .settled(delivery.ending, delivery.platform, elapsed);
        debug!(parent: &delivery.span, elapsed_ms = elapsed.as_millis(), "event acknowledged");
        Ok(())
    }
}
