//! What the broker tells us outside of replies, as values in one queue.

use amqprs::{
    Ack, BasicProperties, Cancel, Close, CloseChannel, Nack, Return,
    callbacks::{ChannelCallback, ConnectionCallback},
    channel::Channel,
    connection::Connection,
};
use async_trait::async_trait;
use tokio::sync::mpsc::UnboundedSender;

type Answer<T> = Result<T, amqprs::error::Error>;

/// Something the broker said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// The connection, the channel or the consumer is gone, and why.
    Lost(String),
    /// The broker answers for published messages up to (`multiple`) or at `seq`.
    Confirm { seq: u64, multiple: bool, stored: bool },
    /// A published message had nowhere to go.
    Returned { routing_key: String, text: String },
}

/// Hands the broker's words to the session. Without it a deleted queue would hang silently.
#[derive(Clone)]
pub(super) struct Listener(pub(super) UnboundedSender<Signal>);

// === impl Listener ===

impl Listener {
    fn tell(&self, signal: Signal) {
        // A session that is gone need not be told.
        let _ = self.0.send(signal);
    }
}

#[async_trait]
impl ConnectionCallback for Listener {
    async fn close(&mut self, _: &Connection, close: Close) -> Answer<()> {
        self.tell(Signal::Lost(format!("connection closed by the broker: {close}")));
        Ok(())
    }

    // The client library does not tell the broker that it would like to know of its alarms, so neither
    // of these comes: an alarm shows as copies that are not confirmed.
    async fn blocked(&mut self, _: &Connection, _: String) {}

    async fn unblocked(&mut self, _: &Connection) {}

    async fn secret_updated(&mut self, _: &Connection) {}
}

#[async_trait]
impl ChannelCallback for Listener {
    async fn close(&mut self, _: &Channel, close: CloseChannel) -> Answer<()> {
        self.tell(Signal::Lost(format!("channel closed by the broker: {close}")));
        Ok(())
    }

    async fn cancel(&mut self, _: &Channel, cancel: Cancel) -> Answer<()> {
        let tag = cancel.consumer_tag();
        self.tell(Signal::Lost(format!(
            "consumer {tag} cancelled by the broker; its queue may be gone"
        )));
        Ok(())
    }

    async fn flow(&mut self, _: &Channel, active: bool) -> Answer<bool> {
        Ok(active)
    }

    async fn publish_ack(&mut self, _: &Channel, ack: Ack) {
        self.tell(Signal::Confirm {
            seq: ack.delivery_tag(),
            multiple: ack.mutiple(),
            stored: true,
        });
    }

    async fn publish_nack(&mut self, _: &Channel, nack: Nack) {
        self.tell(Signal::Confirm {
            seq: nack.delivery_tag(),
            multiple: nack.multiple(),
            stored: false,
        });
    }

    async fn publish_return(&mut self, _: &Channel, ret: Return, _: BasicProperties, _: Vec<u8>) {
        self.tell(Signal::Returned {
            routing_key: ret.routing_key().clone(),
            text: ret.reply_text().clone(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Link;
    use crate::{AmqpSettings, Broker, RetrySettings};
    use amqprs::channel::QueueDeclareArguments;
    use millrace_access::renewable::Renewable;
    use millrace_access::tls::TlsFiles;
    use millrace_stack::Stack;
    use std::time::Duration;
    use tokio::sync::mpsc::unbounded_channel;

    fn settings(stack: &Stack, vhost: &str) -> AmqpSettings {
        let (user, password) = stack.rabbitmq.credentials();
        let second = Duration::from_secs(1);
        AmqpSettings {
            broker: Renewable::fixed(Broker {
                host: "127.0.0.1".to_owned(),
                port: stack.rabbitmq.port(),
                user: user.to_owned(),
                password: Some(password.to_owned().into()),
                vhost: vhost.to_owned(),
                tls: false,
            }),
            tls: TlsFiles::default(),
            exchange: "smap.events".to_owned(),
            queue: "analytics.data.collected".to_owned(),
            routing_key: "data.collected".to_owned(),
            new_mode: true,
            legacy_queues: Vec::new(),
            prefetch: 1,
            connect_timeout: second * 10,
            heartbeat: second * 10,
            retry: RetrySettings {
                max_attempts: 3,
                initial_delay: second,
                max_delay: second,
                multiplier: 1.0,
            },
            shutdown_grace: second,
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_channel_that_the_broker_closes_is_told_with_its_reason() {
        let stack = Stack::shared().await;
        let tenant = stack.tenant("channel-close").await.unwrap();
        let (signal_tx, mut signals) = unbounded_channel();
        let link = Link::open(&settings(stack, tenant.vhost()), "test", &signal_tx)
            .await
            .unwrap();
        let channel = link.channel().await.unwrap();
        let look = QueueDeclareArguments::new("no.such.queue").passive(true).finish();
        assert!(channel.queue_declare(look).await.is_err());
        let Some(Signal::Lost(why)) = signals.recv().await else {
            panic!("no word of the lost channel")
        };
        assert!(
            why.starts_with("channel closed by the broker") && why.contains("404"),
            "{why}"
        );
        link.close().await;
    }
}
