//! The exchange and the queues: used as they stand where they exist, made where they do not.

use super::{
    link::{Link, broker, lost},
    replies::{ACCESS_REFUSED, NOT_FOUND, RESOURCE_LOCKED, Replies, Reply},
};
use crate::AmqpSettings;
use amqprs::{
    FieldTable, FieldValue,
    channel::{Channel, ExchangeDeclareArguments, QueueBindArguments, QueueDeclareArguments},
};
use millrace_engine::Fault;
use std::time::Duration;
use tracing::{info, warn};

/// Deliveries of one message before a quorum queue gives up on it. RabbitMQ 4 would stop at 20 without
/// a word; counting attempts is our business, so the queue's own limit is out of reach.
const DELIVERY_LIMIT: i64 = 1_000_000;

/// A queue that must exist before we work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Queue {
    /// Events.
    Work(String),
    /// Where the dead letters of a work queue stay.
    DeadLetters(String),
    /// Holds messages for this long, then sends them back to a work queue.
    Retry { of: String, delay: Duration },
}

// === impl Queue ===

impl Queue {
    /// The name on the broker.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Work(queue) => queue.clone(),
            Self::DeadLetters(of) => format!("{of}.dlq"),
            // The delay is part of the name: a queue's arguments never change, settings do.
            Self::Retry { of, delay } => format!("{of}.retry.{}ms", delay.as_millis()),
        }
    }

    /// What a new queue of this kind is made with, best first.
    pub(super) fn candidates(&self) -> [FieldTable; 2] {
        let mut quorum = self.arguments();
        quorum.insert(key("x-queue-type"), text("quorum"));
        if matches!(self, Self::Work(_)) {
            quorum.insert(key("x-delivery-limit"), FieldValue::l(DELIVERY_LIMIT));
        }
        if matches!(self, Self::Retry { .. }) {
            // Expired messages leave the queue only once the work queue has them for sure.
            quorum.insert(key("x-dead-letter-strategy"), text("at-least-once"));
            quorum.insert(key("x-overflow"), text("reject-publish"));
        }
        [quorum, self.arguments()]
    }

    pub(super) fn arguments(&self) -> FieldTable {
        let mut arguments = FieldTable::new();
        let target = match self {
            Self::Work(queue) => Some(Self::DeadLetters(queue.clone()).name()),
            Self::DeadLetters(_) => None,
            Self::Retry { of, .. } => Some(of.clone()),
        };
        if let Some(target) = target {
            arguments.insert(key("x-dead-letter-exchange"), text(""));
            arguments.insert(key("x-dead-letter-routing-key"), text(&target));
        }
        if let Self::Retry { delay, .. } = self {
            let delay = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
            arguments.insert(key("x-message-ttl"), FieldValue::l(delay));
        }
        arguments
    }
}

/// Looks at what is there and makes what is missing, on a channel that the broker may close in answer.
pub(super) struct Topology<'a> {
    link: &'a Link,
    pub(super) channel: Channel,
    replies: Replies,
}

// === impl Topology ===

impl<'a> Topology<'a> {
    pub(super) async fn open(link: &'a Link) -> Result<Self, Fault> {
        let (channel, replies) = link.asking_channel().await?;
        Ok(Self {
            link,
            channel,
            replies,
        })
    }

    /// Sees to it that the exchange, the work queues and their dead-letter queues exist and are bound.
    pub(super) async fn prepare(
        &mut self,
        settings: &AmqpSettings,
        work_queues: &[String],
    ) -> Result<(), Fault> {
        for name in work_queues {
            self.ensure(&Queue::DeadLetters(name.clone())).await?;
            self.ensure(&Queue::Work(name.clone())).await?;
        }
        if settings.new_mode {
            self.ensure_exchange(&settings.exchange).await?;
            self.bind(settings).await?;
        }
        Ok(())
    }

    /// Uses the queue as it stands, or makes it.
    pub(super) async fn ensure(&mut self, queue: &Queue) -> Result<(), Fault> {
        let name = queue.name();
        if self.has_queue(&name).await? {
            return Ok(());
        }
        let mut said = None;
        for arguments in queue.candidates() {
            let declare = QueueDeclareArguments::durable_client_named(&name)
                .arguments(arguments)
                .finish();
            let Err(error) = self.channel.queue_declare(declare).await else {
                info!(queue = name, "made a queue that did not exist");
                return Ok(());
            };
            said = Some(self.refusal(error).await?);
            if self.has_queue(&name).await? {
                return Ok(()); // another replica was faster
            }
        }
        let said = said.map_or_else(String::new, |reply| format!(": {reply}"));
        Err(lost(format!(
            "queue {name} does not exist and the broker refuses to make it{said}"
        )))
    }

    /// A passive declaration asks without changing anything.
    pub(super) async fn has_queue(&mut self, name: &str) -> Result<bool, Fault> {
        let look = QueueDeclareArguments::new(name).passive(true).finish();
        match self.channel.queue_declare(look).await {
            Ok(_) => Ok(true),
            Err(error) => self.is_missing(&format!("queue {name}"), error).await,
        }
    }

    /// Whether an exchange of this name is there.
    pub(super) async fn has_exchange(&mut self, name: &str) -> Result<bool, Fault> {
        let look = ExchangeDeclareArguments::new(name, "topic")
            .passive(true)
            .finish();
        match self.channel.exchange_declare(look).await {
            Ok(()) => Ok(true),
            Err(error) => self.is_missing(&format!("exchange {name}"), error).await,
        }
    }

    /// Only "not found" says that there is none: `false`.
    async fn is_missing(&mut self, what: &str, error: amqprs::error::Error) -> Result<bool, Fault> {
        let reply = self.refusal(error).await?;
        let hint = match reply.code {
            NOT_FOUND => return Ok(false),
            ACCESS_REFUSED => {
                "; RabbitMQ 4.2 and later want the `configure` right for a look at it: grant it (the first pattern of \
                 `rabbitmqctl set_permissions`)"
            }
            RESOURCE_LOCKED => "; another connection has it for itself alone",
            _ => "",
        };
        Err(lost(format!("{what} cannot be looked at: {reply}{hint}")))
    }

    /// An exchange that exists is used whatever its type: the operator's bindings hold.
    async fn ensure_exchange(&mut self, exchange: &str) -> Result<(), Fault> {
        if self.has_exchange(exchange).await? {
            return Ok(());
        }
        let declare = ExchangeDeclareArguments::new(exchange, "topic")
            .durable(true)
            .finish();
        if let Err(error) = self.channel.exchange_declare(declare).await {
            let reply = self.refusal(error).await?;
            return Err(lost(format!(
                "exchange {exchange} does not exist and the broker refuses to make it: {reply}"
            )));
        }
        info!(exchange, "made an exchange that did not exist");
        Ok(())
    }

    /// Binding again what is bound changes nothing. Where an operator forbids it, the binding is the
    /// operator's business and its absence shows as a queue that stays empty.
    async fn bind(&mut self, settings: &AmqpSettings) -> Result<(), Fault> {
        let AmqpSettings {
            queue,
            exchange,
            routing_key,
            ..
        } = settings;
        let binding = QueueBindArguments::new(queue, exchange, routing_key);
        if let Err(error) = self.channel.queue_bind(binding).await {
            let error = self.refusal(error).await?;
            warn!(queue, exchange, routing_key, %error, "could not bind the queue; assuming that it is bound");
        }
        Ok(())
    }

    /// The broker's words after a question that failed. It closes the channel with every "no", so there is
    /// another one now.
    ///
    /// # Errors
    /// It said nothing: the connection is lost.
    pub(super) async fn refusal(&mut self, error: amqprs::error::Error) -> Result<Reply, Fault> {
        let reply = self.replies.last().ok_or_else(|| broker(error))?;
        (self.channel, self.replies) = self.link.asking_channel().await?;
        Ok(reply)
    }
}

pub(super) fn key(name: &str) -> amqprs::FieldName {
    name.try_into().expect("our own short names")
}

pub(super) fn text(value: &str) -> FieldValue {
    FieldValue::S(value.try_into().expect("shorter than 4 GiB"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RetrySettings;

    #[test]
    fn names_derive_from_the_work_queue() {
        let of = || "analytics.data.collected".to_owned();
        assert_eq!(Queue::DeadLetters(of()).name(), "analytics.data.collected.dlq");
        let retry = Queue::Retry {
            of: of(),
            delay: Duration::from_millis(1_500),
        };
        assert_eq!(retry.name(), "analytics.data.collected.retry.1500ms");

        let settings = RetrySettings {
            max_attempts: 3,
            initial_delay: Duration::from_secs(1),
            max_delay: Duration::from_millis(1_500),
            multiplier: 2.0,
        };
        let checked_at_start = settings.names_of(&of());
        assert_eq!(
            checked_at_start,
            [Queue::DeadLetters(of()), retry].map(|queue| queue.name())
        );
    }
}
