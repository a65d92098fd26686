//! What the broker is told about one delivery, and in which order: a copy is confirmed before its
//! original is acknowledged, so that at every moment the message is somewhere.

use super::Session;
use crate::failpoints;
use crate::{Ending, Events, reasons};
use crate::{
    copies::{self, DeadLetter},
    fates::Fate,
    link::broker,
    outbox::Copy,
    retry::Plan,
    spans,
    topology::Queue,
};
use amqprs::{BasicProperties, channel::BasicAckArguments};
use jiff::Timestamp;
use millrace_engine::failpoints::reached;
use millrace_engine::trace;
use millrace_engine::{Fault, Outcome, Settlement, jitter};
use std::time::Duration;
use tracing::{debug, warn};

// === impl Session ===

impl<E: Events> Session<'_, E> {
    pub(super) async fn settle(&mut self, Settlement { tag, outcome }: Settlement) -> Result<(), Fault> {
        let Some(delivery) = self.in_flight.get_mut(&tag) else {
            return Ok(()); // settled already: a handle posts once, so this is not reached
        };
        delivery.settling = spans::settle(&delivery.span);
        match outcome {
            Outcome::Done => {
                delivery.end(Ending::Stored);
                return self.acknowledge(tag).await;
            }
            Outcome::DeadLetter { reason, detail } => self.dead_letter(tag, reason, &detail),
            Outcome::Retry {
                stage,
                cause,
                detail,
                charged,
            } => {
                let age = Timestamp::now().duration_since(delivery.facts.first_seen);
                let age = Duration::try_from(age).unwrap_or_default();
                let retry = &self.shared.settings.retry;
                match retry.plan(delivery.facts.attempt, charged, age) {
                    Plan::After { delay, attempts } => {
                        self.send_back(tag, stage, cause, detail, (delay, attempts));
                    }
                    Plan::Exhausted => {
                        let detail = format!("{cause}: {detail}");
                        self.dead_letter(tag, reasons::ATTEMPTS_EXHAUSTED, &detail);
                    }
                }
            }
        }
        Ok(())
    }

    fn dead_letter(&mut self, tag: u64, reason: &'static str, detail: &str) {
        let Some(delivery) = self.in_flight.get_mut(&tag) else {
            return;
        };
        trace::fail(&delivery.span, reason, detail);
        let details = DeadLetter {
            reason,
            detail,
            attempts: delivery.facts.attempt,
            first_seen: delivery.facts.first_seen,
            event_id: delivery.event_id.as_deref(),
        };
        let properties = copies::dead_letter(&delivery.properties, &details);
        let queue = Queue::DeadLetters(delivery.queue.to_string());
        let detail = detail.to_owned();
        self.copy(tag, queue, properties, Fate::DeadLettered { reason, detail });
    }

    fn send_back(
        &mut self,
        tag: u64,
        stage: &'static str,
        cause: &'static str,
        detail: String,
        (delay, attempts): (Duration, u32),
    ) {
        let Some(delivery) = self.in_flight.get_mut(&tag) else {
            return;
        };
        trace::fail(&delivery.span, cause, &detail);
        let first_seen = delivery.facts.first_seen;
        let properties = copies::retry(&delivery.properties, attempts, first_seen, Some(early(delay)));
        let queue = Queue::Retry {
            of: delivery.queue.to_string(),
            delay,
        };
        let fate = Fate::Retried {
            stage,
            cause,
            detail,
            attempts,
            delay,
        };
        self.copy(tag, queue, properties, fate);
    }

    /// Sends a copy on its way, and notes what it makes true when the broker has it.
    pub(super) fn copy(&mut self, tag: u64, queue: Queue, properties: BasicProperties, fate: Fate) {
        if let Some(copy) = self.publish(tag, queue, properties)
            && let Some(delivery) = self.in_flight.get_mut(&tag)
        {
            delivery.sent = Some((copy, fate));
        }
    }

    pub(super) fn publish(&mut self, tag: u64, queue: Queue, properties: BasicProperties) -> Option<Copy> {
        let delivery = self.in_flight.get_mut(&tag)?;
        delivery.publishing = spans::publish(&delivery.settling, &queue.name(), delivery.body.len());
        let properties = copies::in_trace(properties, &trace::headers(&delivery.publishing));
        let (properties, left_out) = copies::fit(properties, self.outbox.frame_max());
        if let Some(headers) = left_out {
            warn!(parent: &delivery.span, headers, "these headers are too large for the copy, which goes without them");
        }
        let subject = delivery.event_id.as_deref().unwrap_or_default();
        reached(failpoints::COPY_BEGIN, subject);
        let copy = Copy {
            tag,
            queue,
            properties,
            body: delivery.body.clone(),
        };
        self.outbox.send(copy.clone());
        reached(failpoints::COPY_SENT, subject);
        Some(copy)
    }

    pub(super) async fn acknowledge(&mut self, tag: u64) -> Result<(), Fault> {
        let Some(delivery) = self.in_flight.remove(&tag) else {
            return Ok(());
        };
        self.consumers.settled(&delivery.queue, delivery.round);
        let subject = delivery.event_id.as_deref().unwrap_or_default();
        reached(failpoints::ACK_BEGIN, subject);
        self.channel
            .basic_ack(BasicAckArguments::new(tag, false))
            .await
            .map_err(broker)?;
        reached(failpoints::ACK_SENT, subject);
        self.count_in_flight();
        let elapsed = delivery.since.elapsed();
        self.shared.metrics.settled(delivery.ending);
        self.shared
            .events
            .settled(delivery.ending, delivery.label, elapsed);
        debug!(parent: &delivery.span, elapsed_ms = elapsed.as_millis(), "event acknowledged");
        Ok(())
    }
}

/// Up to a fifth earlier, so that events that failed together do not return together.
pub(super) fn early(delay: Duration) -> Duration {
    delay.mul_f64(jitter(0.2))
}
