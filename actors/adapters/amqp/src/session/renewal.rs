//! Messages that their queue will soon give up on are replaced by a copy.
//!
//! A quorum queue counts how often it had to take a message back, and at its limit drops it, or sends it where its
//! operator said. RabbitMQ 4 has a limit of 20 on every queue that was made without one, so a bystander of some lost
//! sessions would be gone without a word. A copy begins to count from 0.

use super::Session;
use crate::Events;
use crate::{copies, fates::Fate, topology::Queue};
use amqprs::BasicProperties;

/// Lost deliveries of one message before it is replaced. Far from the limit of 20, and past the three crashes after
/// which quarantine knows what kills the process.
const RENEW_AT: u32 = 5;

/// Whether a message was taken back so often that it should be replaced.
pub(super) fn is_due(properties: &BasicProperties) -> bool {
    copies::deliveries(properties) >= RENEW_AT
}

// === impl Session ===

impl<E: Events> Session<'_, E> {
    /// Puts a copy at the end of the queue in place of this message.
    pub(super) fn renew(&mut self, tag: u64) {
        let Some(delivery) = self.in_flight.get(&tag) else {
            return;
        };
        let deliveries = copies::deliveries(&delivery.properties);
        let attempts = delivery.facts.attempt.saturating_sub(1);
        let properties = copies::retry(&delivery.properties, attempts, delivery.facts.first_seen, None);
        // A copy is not redelivered, and what is noted about this message is still to be asked.
        let properties = copies::quarantined(properties);
        let queue = Queue::Work(delivery.queue.to_string());
        self.copy(tag, queue, properties, Fate::Renewed { deliveries });
    }
}
