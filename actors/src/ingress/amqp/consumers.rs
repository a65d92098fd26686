//! The consumers of a session: subscribed while deliveries may be taken, cancelled while they may not.

use super::link::{broker, lost};
use crate::supervision::Fault;
use amqprs::channel::{BasicCancelArguments, BasicConsumeArguments, Channel, ConsumerMessage};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream, SelectAll},
};
use std::sync::Arc;

/// The consumers of one channel, one for each queue.
pub(super) struct Consumers {
    /// How the broker's operators see us.
    name: String,
    queues: Vec<Arc<str>>,
    tags: Vec<String>,
    /// Counts subscriptions: the end of a consumer that we cancelled is no news.
    round: u64,
    deliveries: SelectAll<BoxStream<'static, Delivered>>,
}

/// What comes from a consumer: its queue, its round, and a message or none at its end.
type Delivered = (Arc<str>, u64, Option<ConsumerMessage>);

// === impl Consumers ===

impl Consumers {
    pub(super) fn new(name: &str, queues: &[String]) -> Self {
        Self {
            name: name.to_owned(),
            queues: queues.iter().map(|queue| queue.as_str().into()).collect(),
            tags: Vec::new(),
            round: 0,
            deliveries: SelectAll::new(),
        }
    }

    pub(super) fn subscribed(&self) -> bool {
        !self.tags.is_empty()
    }

    pub(super) async fn subscribe(&mut self, channel: &Channel) -> Result<(), Fault> {
        self.round += 1;
        for queue in &self.queues {
            let tag = format!("{} {queue} {}", self.name, self.round);
            let consume = BasicConsumeArguments::new(queue, &tag).manual_ack(true).finish();
            let (tag, receiver) = channel.basic_consume_rx(consume).await.map_err(broker)?;
            self.tags.push(tag);
            let (queue, round) = (queue.clone(), self.round);
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
        }
        Ok(())
    }

    /// Takes no more. What the broker has sent already still comes.
    pub(super) async fn cancel(&mut self, channel: &Channel) -> Result<(), Fault> {
        for tag in std::mem::take(&mut self.tags) {
            let cancelled = channel.basic_cancel(BasicCancelArguments::new(&tag)).await;
            cancelled.map_err(broker)?;
        }
        Ok(())
    }

    /// The next message.
    ///
    /// # Errors
    /// An outage when a consumer ended that we did not cancel.
    pub(super) async fn next(&mut self) -> Result<(Arc<str>, ConsumerMessage), Fault> {
        loop {
            match self.deliveries.next().await {
                Some((queue, _, Some(message))) => return Ok((queue, message)),
                Some((queue, round, None)) if round == self.round && self.subscribed() => {
                    return Err(lost(format!("the consumer of {queue} ended")));
                }
                Some((.., None)) => {}
                None => std::future::pending().await,
            }
        }
    }
}
