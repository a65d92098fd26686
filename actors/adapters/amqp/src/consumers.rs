//! The consumers of a session: subscribed while deliveries may be taken, cancelled while they may not.
//!
//! The prefetch counts for each consumer by itself, and what a cancelled one delivered stays in hand until it
//! is settled. So a new one gets what that leaves of the prefetch, and when more of it is free another one is
//! added: whatever is stuck keeps its own places and no others.

use super::{
    link::{broker, lost},
    names,
};
use amqprs::channel::{
    BasicCancelArguments, BasicConsumeArguments, BasicQosArguments, Channel, ConsumerMessage,
};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream, SelectAll},
};
use millrace_engine::Fault;
use std::sync::Arc;

/// An addition that is worth another consumer: one part of the prefetch in so many.
const WORTH: u16 = 4;

/// The consumers of one channel.
pub(super) struct Consumers {
    /// How the broker's operators see us.
    name: String,
    /// Deliveries in hand at once, of each queue.
    prefetch: u16,
    queues: Vec<Places>,
    /// Counts cancellations: the end of a consumer that we cancelled is expected.
    round: u64,
    /// Consumers so far; makes their tags differ.
    count: u64,
    /// Cancelled consumers whose last deliveries have not all come out.
    ending: usize,
    deliveries: SelectAll<BoxStream<'static, Delivered>>,
}

/// The places of one queue in the prefetch.
#[derive(Debug)]
struct Places {
    queue: Arc<str>,
    tags: Vec<String>,
    /// Places of the consumers that are subscribed.
    granted: u16,
    /// Deliveries of those, not settled.
    taken: usize,
    /// Deliveries of cancelled consumers, not settled.
    left_over: usize,
}

/// What comes from a consumer: its queue, its round, and a message or none at its end.
type Delivered = (Arc<str>, u64, Option<ConsumerMessage>);

// === impl Consumers ===

impl Consumers {
    pub(super) fn new(name: &str, queues: &[String], prefetch: u16) -> Self {
        let places = |queue: &String| Places {
            queue: queue.as_str().into(),
            tags: Vec::new(),
            granted: 0,
            taken: 0,
            left_over: 0,
        };
        Self {
            name: name.to_owned(),
            prefetch,
            queues: queues.iter().map(places).collect(),
            round: 0,
            count: 0,
            ending: 0,
            deliveries: SelectAll::new(),
        }
    }

    pub(super) fn subscribed(&self) -> bool {
        self.queues.iter().any(|places| !places.tags.is_empty())
    }

    /// Subscribes for what is free of the prefetch, once what cancelled consumers still deliver has come out.
    pub(super) async fn subscribe(&mut self, channel: &Channel) -> Result<(), Fault> {
        if self.ending > 0 {
            return Ok(());
        }
        for at in 0..self.queues.len() {
            let more = self.queues[at].worth_taking(self.prefetch);
            if more > 0 {
                self.consume(channel, at, more).await?;
            }
        }
        Ok(())
    }

    async fn consume(&mut self, channel: &Channel, at: usize, more: u16) -> Result<(), Fault> {
        self.count += 1;
        let queue = self.queues[at].queue.clone();
        let tag = names::consumer_tag(&self.name, &queue, self.count);
        // It holds for the consumers that come after it on this channel.
        let qos = BasicQosArguments::new(0, more, false);
        channel.basic_qos(qos).await.map_err(broker)?;
        let consume = BasicConsumeArguments::new(&queue, &tag).manual_ack(true).finish();
        let (tag, receiver) = channel.basic_consume_rx(consume).await.map_err(broker)?;
        let places = &mut self.queues[at];
        places.tags.push(tag);
        places.granted += more;
        let round = self.round;
        let messages = stream::unfold(Some(receiver), move |receiver| {
            let queue = queue.clone();
            async move {
                let mut receiver = receiver?;
                let message = receiver.recv().await;
                let receiver = message.is_some().then_some(receiver);
                Some(((queue, round, message), receiver))
            }
        });
        self.deliveries.push(messages.boxed());
        Ok(())
    }

    /// Takes no more. What the broker has sent already still comes.
    pub(super) async fn cancel(&mut self, channel: &Channel) -> Result<(), Fault> {
        self.round += 1;
        let mut tags = Vec::new();
        for places in &mut self.queues {
            tags.append(&mut places.tags);
            places.granted = 0;
            places.left_over += std::mem::take(&mut places.taken);
        }
        self.ending += tags.len();
        for tag in tags {
            let cancelled = channel.basic_cancel(BasicCancelArguments::new(&tag)).await;
            cancelled.map_err(broker)?;
        }
        Ok(())
    }

    /// One consumer for a queue again, where it came to several: only while nothing is in hand, so that
    /// nothing waits for it.
    pub(super) async fn gather(&mut self, channel: &Channel) -> Result<(), Fault> {
        let idle = |places: &Places| places.taken == 0 && places.left_over == 0;
        if self.queues.iter().any(|places| places.tags.len() > 1) && self.queues.iter().all(idle) {
            self.cancel(channel).await?;
        }
        Ok(())
    }

    /// The next message, with its queue and the round it belongs to; none at the end of a consumer that we
    /// cancelled.
    ///
    /// # Errors
    /// An outage when a consumer ended that we did not cancel.
    pub(super) async fn next(&mut self) -> Result<Option<(Arc<str>, u64, ConsumerMessage)>, Fault> {
        match self.deliveries.next().await {
            Some((queue, round, Some(message))) => {
                let current = round == self.round;
                let known = self.queues.iter_mut().find(|places| places.queue == queue);
                if let Some(places) = known {
                    places.takes(current);
                }
                Ok(Some((queue, round, message)))
            }
            Some((queue, round, None)) if round == self.round => {
                Err(lost(format!("the consumer of {queue} ended")))
            }
            Some((.., None)) => {
                self.ending = self.ending.saturating_sub(1);
                Ok(None)
            }
            None => std::future::pending().await,
        }
    }

    /// Notes that a delivery of this queue and round is settled.
    pub(super) fn settled(&mut self, queue: &str, round: u64) {
        let current = round == self.round;
        let known = self.queues.iter_mut().find(|places| *places.queue == *queue);
        if let Some(places) = known {
            places.gives(current);
        }
    }
}

// === impl Places ===

impl Places {
    /// How many places another consumer should get now; 0 where there should be none. One that is the only
    /// one gets at least one place: what is stuck is not to keep everything out.
    fn worth_taking(&self, prefetch: u16) -> u16 {
        let left_over = u16::try_from(self.left_over).unwrap_or(u16::MAX);
        let free = prefetch.saturating_sub(left_over).saturating_sub(self.granted);
        if self.granted == 0 {
            return free.max(1);
        }
        match free {
            _ if self.left_over == 0 => free,
            _ if free >= (prefetch / WORTH).max(1) => free,
            _ => 0,
        }
    }

    fn takes(&mut self, current: bool) {
        *self.side(current) += 1;
    }

    fn gives(&mut self, current: bool) {
        let side = self.side(current);
        *side = side.saturating_sub(1);
    }

    fn side(&mut self, current: bool) -> &mut usize {
        match current {
            true => &mut self.taken,
            false => &mut self.left_over,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(granted: u16, left_over: usize) -> Places {
        Places {
            queue: "q".into(),
            tags: Vec::new(),
            granted,
            taken: 0,
            left_over,
        }
    }

    #[test]
    fn what_is_held_keeps_its_own_places_and_no_others() {
        let more = |granted, left_over| places(granted, left_over).worth_taking(20);
        assert_eq!(more(0, 0), 20);
        assert_eq!(more(0, 3), 17);
        assert_eq!(more(0, 20), 1, "what is stuck does not keep everything out");
        assert_eq!(more(1, 18), 0, "not for a single place");
        assert_eq!(more(1, 12), 7, "most of it is free again");
        assert_eq!(more(17, 0), 3, "all of it");
        assert_eq!(more(20, 0), 0);
        assert_eq!(places(0, 1).worth_taking(1), 1);
    }
}
