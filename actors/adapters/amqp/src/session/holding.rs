//! What a session does about copies that no queue takes. The delivery is held and its copy tried again,
//! so nothing is lost; and as what is held counts towards the prefetch, it may fill only a share of that.
//! What is beyond goes another way, so that good events still come in.

use super::{Session, settling::early};
use crate::Events;
use crate::failpoints;
use crate::{
    copies::{self, DeadLetter},
    fates::Fate,
    outbox::Answer,
    topology::Queue,
};
use jiff::Timestamp;
use millrace_engine::failpoints::reached;
use millrace_engine::trace;
use millrace_engine::{Fault, jitter};
use std::time::Duration;
use tokio::time::Instant;
use tracing::{Span, debug, info, warn};

/// Of the prefetch, held deliveries may take one part in so many.
const SHARE: usize = 2;
/// A dead letter that is put off stays away at least this long.
const LEAST_ABSENCE: Duration = Duration::from_secs(1);

// === impl Session ===

impl<E: Events> Session<'_, E> {
    pub(super) async fn answered(&mut self, answer: Answer) -> Result<(), Fault> {
        match answer {
            Answer::Stored { tag, queue } => self.stored(tag, &queue).await,
            Answer::Refused { tag, queue, why } => {
                self.shared.metrics.publish_errors.inc();
                self.refused(tag, &queue, &why);
                self.show_held();
                Ok(())
            }
        }
    }

    /// Tries the copies again whose time has come.
    pub(super) fn try_again(&mut self) {
        for copy in self.held.due(Instant::now()) {
            self.outbox.send(copy);
        }
    }

    async fn stored(&mut self, tag: u64, queue: &str) -> Result<(), Fault> {
        reached(failpoints::COPY_CONFIRMED, "");
        if let Some(refused) = self.held.stored(tag, queue, Instant::now()) {
            info!(
                queue,
                refusals = refused.refusals,
                refused_seconds = refused.since.elapsed().as_secs_f64(),
                "queue takes copies again"
            );
        }
        if let Some(delivery) = self.in_flight.get_mut(&tag) {
            delivery.publishing = Span::none();
            let attempt = delivery.facts.attempt;
            let sent = delivery.sent.take();
            let fate = match sent {
                Some((copy, fate)) if copy.queue.name() == queue => Some(fate),
                _ => delivery.detour.take(),
            };
            if let Some(fate) = fate {
                fate.tell(&delivery.span, attempt);
                delivery.end(fate.ending());
            }
        }
        self.show_held();
        // Of an event that crashes the process: now its dead letter is safe. Until it is acknowledged, the note is
        // still needed after another crash.
        let noted = self.noted(tag);
        self.acknowledge(tag).await?;
        if let Some(event_id) = noted {
            self.clear(event_id);
        }
        Ok(())
    }

    fn refused(&mut self, tag: u64, queue: &str, why: &str) {
        let now = Instant::now();
        let Some(delivery) = self.in_flight.get_mut(&tag) else {
            return; // another try was stored
        };
        trace::fail(&delivery.publishing, "refused", why);
        delivery.publishing = Span::none();
        let Some((copy, _)) = &delivery.sent else {
            return;
        };
        let jitter = jitter(0.2);
        if copy.queue.name() != queue {
            delivery.detour = None;
            if self.held.note(queue, why, now) {
                tell_refusal(queue, why);
            }
            self.held.wait(tag, now, jitter);
            return;
        }
        let changes = self.held.keep(copy.clone(), why, now, jitter);
        if changes.of_queue {
            tell_refusal(queue, why);
        }
        let delay_ms = u64::try_from(changes.delay.as_millis()).unwrap_or(u64::MAX);
        if self.held.len() > usize::from(self.shared.settings.prefetch) / SHARE && self.go_round(tag) {
            return;
        }
        let span = &self.in_flight[&tag].span;
        if changes.of_copy {
            warn!(
                parent: span, waits_for = queue, cause = why, delay_ms, fate = "held",
                "event is held until the queue takes its copy"
            );
        } else {
            debug!(parent: span, waits_for = queue, cause = why, delay_ms, "its copy was refused again");
        }
    }

    /// Sends a delivery that cannot stay another way: a dead letter through the retry queue, and what that does
    /// not take either to the end of its work queue, no sooner than after a delay; false where there is none now.
    fn go_round(&mut self, tag: u64) -> bool {
        let waited = self.held.tries(tag) > 1;
        let Some(delivery) = self.in_flight.get(&tag) else {
            return false;
        };
        let Some((copy, fate)) = &delivery.sent else {
            return false;
        };
        let of = delivery.queue.to_string();
        let (queue, properties, fate) = match fate.clone() {
            Fate::DeadLettered { reason, detail } => {
                let age = Timestamp::now().duration_since(delivery.facts.first_seen);
                let age = Duration::try_from(age).unwrap_or_default();
                let delay = self.shared.settings.retry.delay_at_age(age).max(LEAST_ABSENCE);
                let details = DeadLetter {
                    reason,
                    detail: &detail,
                    attempts: delivery.facts.attempt,
                    first_seen: delivery.facts.first_seen,
                    event_id: delivery.event_id.as_deref(),
                };
                let properties = copies::put_off(&delivery.properties, &details, early(delay));
                let fate = Fate::PutOff {
                    reason,
                    detail,
                    waits_for: copy.queue.name(),
                    delay,
                };
                (Queue::Retry { of, delay }, properties, fate)
            }
            Fate::Retried {
                stage,
                cause,
                detail,
                attempts,
                ..
            } if waited => {
                let first_seen = delivery.facts.first_seen;
                let properties = copies::retry(&delivery.properties, attempts, first_seen, None);
                let fate = Fate::Retried {
                    stage,
                    cause,
                    detail,
                    attempts,
                    delay: Duration::ZERO,
                };
                (Queue::Work(of), properties, fate)
            }
            Fate::Quarantined { attempts, .. } if waited => {
                let first_seen = delivery.facts.first_seen;
                let properties = copies::retry(&delivery.properties, attempts, first_seen, None);
                let delay = Duration::ZERO;
                let fate = Fate::Quarantined { attempts, delay };
                (Queue::Work(of), copies::quarantined(properties), fate)
            }
            _ => return false,
        };
        self.held.leaves(tag);
        self.publish(tag, queue, properties);
        if let Some(delivery) = self.in_flight.get_mut(&tag) {
            delivery.detour = Some(fate);
        }
        true
    }

    /// Shows which queues take no copies, and how many deliveries wait for them.
    fn show_held(&self) {
        let held = self.held.len();
        self.shared
            .metrics
            .copies_held
            .set(i64::try_from(held).unwrap_or(i64::MAX));
        let queues = self.held.queues().iter();
        let refusing: Vec<_> = queues
            .map(|(queue, refusing)| format!("queue {queue} takes no copies: {}", refusing.why))
            .collect();
        let full = held >= usize::from(self.shared.settings.prefetch);
        self.shared.status.copies_held(&refusing, held, full);
    }
}

fn tell_refusal(queue: &str, why: &str) {
    warn!(
        queue,
        why, "queue takes no copies; what is meant for it is held and tried again"
    );
}
