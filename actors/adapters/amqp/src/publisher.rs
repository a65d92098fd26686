//! Publishes events as a crawler would: persistent, confirmed, and never into the void.

use super::{
    confirms::Confirms,
    copies,
    link::{Link, bounded, broker, lost},
    signals::Signal,
    spans,
    topology::Topology,
};
use crate::AmqpSettings;
use amqprs::{
    BasicProperties,
    channel::{BasicPublishArguments, Channel, ConfirmSelectArguments},
};
use millrace_engine::Fault;
use millrace_engine::trace;
use std::sync::Arc;
use tokio::sync::{
    Mutex,
    mpsc::{UnboundedReceiver, unbounded_channel},
    oneshot,
};
use tracing::Span;

type Answer = Result<(), Fault>;
type Unanswered = Arc<Mutex<Confirms<oneshot::Sender<Answer>>>>;

/// A connection that publishes to the event exchange. Shared: many messages may wait for their
/// confirmation at once.
pub struct Publisher {
    link: Link,
    channel: Channel,
    unanswered: Unanswered,
    exchange: String,
    routing_key: String,
}

// === impl Publisher ===

impl Publisher {
    /// Connects and sees to it that exchange and queues exist, so that no event is lost before the
    /// first consumer comes.
    ///
    /// # Errors
    /// An outage of the broker.
    pub async fn connect(settings: &AmqpSettings) -> Result<Self, Fault> {
        bounded(settings, async {
            let (signal_tx, signals) = unbounded_channel();
            let link = Link::open(settings, "millrace generate", &signal_tx).await?;
            let queues = [settings.queue.clone()];
            Topology::open(&link).await?.prepare(settings, &queues).await?;
            let channel = link.channel().await?;
            channel
                .confirm_select(ConfirmSelectArguments::new(false))
                .await
                .map_err(broker)?;
            let unanswered = Unanswered::default();
            tokio::spawn(pass_on_answers(signals, unanswered.clone()));
            Ok(Self {
                link,
                channel,
                unanswered,
                exchange: settings.exchange.clone(),
                routing_key: settings.routing_key.clone(),
            })
        })
        .await
    }

    /// Publishes one event; done when the broker has stored it.
    ///
    /// # Errors
    /// An outage when the broker is lost, refuses the message or has no queue for it.
    pub async fn publish(&self, body: Vec<u8>) -> Answer {
        let span = spans::publish(&Span::none(), &self.exchange, body.len());
        let properties = BasicProperties::default()
            .with_content_type("application/json")
            .with_persistence(true)
            .finish();
        let properties = copies::in_trace(properties, &trace::headers(&span));
        let target = BasicPublishArguments::new(&self.exchange, &self.routing_key)
            .mandatory(true)
            .finish();
        let (answer_tx, answer) = oneshot::channel();
        {
            // Held across the publication: the broker numbers messages in the order they go out.
            let mut unanswered = self.unanswered.lock().await;
            self.channel
                .basic_publish(properties, body, target)
                .await
                .map_err(broker)?;
            unanswered.published(answer_tx);
        }
        answer
            .await
            .unwrap_or_else(|_| Err(lost("connection lost before the broker confirmed a message")))
    }

    /// Says goodbye.
    pub async fn close(self) {
        self.link.close().await;
    }
}

/// Ends with the connection. What still waits when that or a queue is gone is told.
async fn pass_on_answers(mut signals: UnboundedReceiver<Signal>, unanswered: Unanswered) {
    while let Some(signal) = signals.recv().await {
        let wrong = match signal {
            Signal::Confirm {
                seq,
                multiple,
                stored,
            } => {
                let told = if stored {
                    Ok(())
                } else {
                    Err(lost("the broker refused to store a message"))
                };
                for answer in unanswered.lock().await.answered(seq, multiple) {
                    let _ = answer.send(told.clone());
                }
                continue;
            }
            Signal::Returned { routing_key, text } => lost(format!("no queue takes {routing_key}: {text}")),
            Signal::Lost(why) => lost(why),
        };
        for answer in unanswered.lock().await.take_all() {
            let _ = answer.send(Err(wrong.clone()));
        }
    }
}
