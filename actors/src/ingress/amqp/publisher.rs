//! Publishes events as a crawler would: persistent, confirmed, and never into the void.

use super::{
    confirms::Confirms,
    link::{Link, bounded, broker, lost},
    signals::Signal,
    topology::Topology,
};
use crate::{ingress::AmqpSettings, supervision::Fault};
use amqprs::{
    BasicProperties, FieldTable,
    channel::{BasicPublishArguments, Channel, ConfirmSelectArguments},
};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const CONFIRM_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection that publishes to the event exchange.
pub struct Publisher {
    link: Link,
    channel: Channel,
    signals: UnboundedReceiver<Signal>,
    unanswered: Confirms<()>,
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
            Ok(Self {
                link,
                channel,
                signals,
                unanswered: Confirms::default(),
                exchange: settings.exchange.clone(),
                routing_key: settings.routing_key.clone(),
            })
        })
        .await
    }

    /// Publishes one event; [`Self::flush`] says whether it arrived.
    ///
    /// # Errors
    /// An outage of the broker.
    pub async fn publish(&mut self, body: Vec<u8>, headers: &[(&str, &str)]) -> Result<(), Fault> {
        let mut table = FieldTable::new();
        for (name, value) in headers {
            let (Ok(name), Ok(value)) = ((*name).try_into(), (*value).try_into()) else {
                return Err(lost(format!("header {name} is too long")));
            };
            table.insert(name, amqprs::FieldValue::S(value));
        }
        let properties = BasicProperties::default()
            .with_content_type("application/json")
            .with_persistence(true)
            .with_headers(table)
            .finish();
        let target = BasicPublishArguments::new(&self.exchange, &self.routing_key)
            .mandatory(true)
            .finish();
        self.channel
            .basic_publish(properties, body, target)
            .await
            .map_err(broker)?;
        self.unanswered.published(());
        Ok(())
    }

    /// Waits until the broker has stored all that was published.
    ///
    /// # Errors
    /// An outage when the broker is lost, refuses a message or has no queue for it.
    pub async fn flush(&mut self) -> Result<(), Fault> {
        while !self.unanswered.is_empty() {
            let signal = tokio::time::timeout(CONFIRM_TIMEOUT, self.signals.recv()).await;
            match signal.map_err(|_| lost("the broker does not confirm what we publish"))? {
                Some(Signal::Confirm {
                    seq,
                    multiple,
                    stored,
                }) => {
                    self.unanswered.answered(seq, multiple, stored)?;
                }
                Some(Signal::Returned { routing_key, text }) => {
                    return Err(lost(format!("no queue takes {routing_key}: {text}")));
                }
                Some(Signal::Lost(why)) => return Err(lost(why)),
                Some(Signal::Blocked(_)) => {}
                None => return Err(lost("connection lost")),
            }
        }
        Ok(())
    }

    /// Waits for what is on its way and says goodbye.
    ///
    /// # Errors
    /// See [`Self::flush`].
    pub async fn close(mut self) -> Result<(), Fault> {
        self.flush().await?;
        self.link.close().await;
        Ok(())
    }
}
