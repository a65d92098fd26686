//! A connection, its channels, and the bounds on getting them.

use super::{
    replies::Replies,
    signals::{Listener, Signal},
    wire::{Relay, Repairs},
};
use crate::{AmqpSettings, Broker};
use amqprs::{
    channel::Channel,
    connection::{Connection, OpenConnectionArguments},
    security::SecurityCredentials,
};
use millrace_engine::Fault;
use std::{future::Future, time::Duration};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How long a polite goodbye may take before the socket is simply dropped.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// One connection; whatever the broker says about it goes to one listener.
pub(super) struct Link {
    pub(super) connection: Connection,
    listener: Listener,
    /// Behind it the library finds the broker.
    relay: Relay,
}

/// Channels to ask questions on.
pub(super) struct Questions(Connection);

// === impl Link ===

impl Link {
    /// Connects. The caller bounds the whole set-up, see [`bounded`].
    pub(super) async fn open(
        settings: &AmqpSettings,
        name: &str,
        signals: &UnboundedSender<Signal>,
    ) -> Result<Self, Fault> {
        let listener = Listener(signals.clone());
        let relay = Relay::open(settings, name).await?;
        let opened = Connection::open(&arguments(settings, &relay)).await;
        let connection = opened.map_err(|error| {
            let Broker { host, port, .. } = &*settings.broker.last();
            lost(format!("{host}:{port}: {error}"))
        })?;
        connection
            .register_callback(listener.clone())
            .await
            .map_err(broker)?;
        Ok(Self {
            connection,
            listener,
            relay,
        })
    }

    /// What was done to deliveries so that the library could read them.
    pub(super) fn repairs(&self) -> &Repairs {
        &self.relay.repairs
    }

    /// A channel whose loss the listener hears of.
    pub(super) async fn channel(&self) -> Result<Channel, Fault> {
        open_channel(&self.connection, self.listener.clone()).await
    }

    /// A channel whose confirms, returns and loss another listener hears of.
    pub(super) async fn channel_heard_by(&self, signals: UnboundedSender<Signal>) -> Result<Channel, Fault> {
        open_channel(&self.connection, Listener(signals)).await
    }

    /// A channel to ask questions on that the broker may answer by closing it.
    pub(super) async fn quiet_channel(&self) -> Result<Channel, Fault> {
        self.questions().channel().await
    }

    /// The same, with the words that it closes it with.
    pub(super) async fn asking_channel(&self) -> Result<(Channel, Replies), Fault> {
        let channel = self.connection.open_channel(None).await.map_err(broker)?;
        let replies = Replies::default();
        channel.register_callback(replies.clone()).await.map_err(broker)?;
        Ok((channel, replies))
    }

    /// Such channels for another listener; the connection is closed by us all the same.
    pub(super) fn questions(&self) -> Questions {
        Questions(self.connection.clone())
    }

    /// Says goodbye, so that the broker gives unsettled deliveries to others at once.
    pub(super) async fn close(self) {
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.connection.close()).await;
    }

    /// Completes when the connection is gone, whichever side ended it.
    pub(super) async fn lost(&self) {
        if self.connection.is_open() {
            self.connection.listen_network_io_failure().await;
        }
    }
}

// === impl Questions ===

impl Questions {
    pub(super) async fn channel(&self) -> Result<Channel, Fault> {
        let (unheard, _) = unbounded_channel();
        open_channel(&self.0, Listener(unheard)).await
    }
}

/// Bounds a whole set-up: a mute server never answers, and a single abandoned request leaves the
/// channel in a state that looks open. So all or nothing, and nothing is reused.
pub(super) async fn bounded<T>(
    settings: &AmqpSettings,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let limit = settings.connect_timeout;
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done,
        Err(_) => {
            let Broker { host, port, .. } = &*settings.broker.last();
            let limit = limit.as_secs_f64();
            Err(lost(format!("{host}:{port} did not answer within {limit} s")))
        }
    }
}

/// An outage of the broker.
pub(super) fn lost(detail: impl Into<String>) -> Fault {
    Fault::outage("rabbitmq", detail)
}

/// The broker's own words where it had any: they say more than that a socket was closed.
pub(super) fn in_its_words(signals: &mut UnboundedReceiver<Signal>, otherwise: Fault) -> Fault {
    while let Ok(signal) = signals.try_recv() {
        if let Signal::Lost(why) = signal {
            return lost(why);
        }
    }
    otherwise
}

/// An outage of the broker, from the client library's error.
pub(super) fn broker(error: amqprs::error::Error) -> Fault {
    lost(error.to_string())
}

async fn open_channel(connection: &Connection, listener: Listener) -> Result<Channel, Fault> {
    let channel = connection.open_channel(None).await.map_err(broker)?;
    channel.register_callback(listener).await.map_err(broker)?;
    Ok(channel)
}

/// The library speaks to our relay, which knows the address, the credentials and the certificates.
fn arguments(settings: &AmqpSettings, relay: &Relay) -> OpenConnectionArguments {
    let broker = settings.broker.last();
    let address = relay.address;
    let mut arguments = OpenConnectionArguments::new(&address.ip().to_string(), address.port(), "", "");
    if broker.password.is_none() {
        arguments.credentials(SecurityCredentials::new_external());
    }
    let heartbeat = u16::try_from(settings.heartbeat.as_secs()).unwrap_or(u16::MAX);
    arguments
        .virtual_host(&broker.vhost)
        .connection_name(&relay.countersign)
        .heartbeat(heartbeat)
        .finish()
}
