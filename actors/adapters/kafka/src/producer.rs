//! Copies out: each is written once, and told when it is safe.

use crate::{Access, Record, client_config, context::Listener};
use millrace_engine::Fault;
use rdkafka::{
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord, Producer as _},
};
use std::time::Duration;
use tokio::{sync::mpsc::unbounded_channel, task::spawn_blocking};

/// For a copy to be safe, retries of the client included.
const PATIENCE: Duration = Duration::from_secs(30);

/// An idempotent producer that waits for all replicas (`acks=all`). Clones share it.
#[derive(Clone)]
pub struct Producer {
    client: FutureProducer<Listener>,
}

// === impl Producer ===

impl Producer {
    /// A producer. It connects by itself, and again when it has to.
    ///
    /// # Errors
    /// The configuration is refused.
    pub fn new(brokers: &[String], client: &str, access: &Access) -> Result<Self, Fault> {
        // What it tells beside its answers is not listened to.
        let (tell, _) = unbounded_channel();
        let mut config = client_config::producer(brokers, client, access);
        config.set("message.timeout.ms", PATIENCE.as_millis().to_string());
        let listener = Listener::new(tell, access.sasl.clone());
        let client = config.create_with_context(listener).map_err(outage)?;
        Ok(Self { client })
    }

    /// Writes a copy of a record to a topic; its key decides the partition. It is safe when this returns: partition and
    /// offset. `offset` of the record means nothing here.
    ///
    /// # Errors
    /// [`Fault::Outage`] when it was not told to be safe; it may be there all the same.
    pub async fn send(&self, topic: &str, record: &Record) -> Result<(i32, i64), Fault> {
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in &record.headers {
            headers = headers.insert(Header {
                key,
                value: value.as_deref(),
            });
        }
        let copy = FutureRecord::<[u8], [u8]> {
            topic,
            partition: None,
            payload: record.value.as_deref(),
            key: record.key.as_deref(),
            timestamp: record.timestamp.map(|at| at.as_millisecond()),
            headers: Some(headers),
        };
        let sent = self.client.send(copy, PATIENCE).await;
        let placed = sent.map_err(|(error, _)| outage(error))?;
        Ok((placed.partition, placed.offset))
    }

    /// Waits until nothing is on its way.
    ///
    /// # Errors
    /// [`Fault::Outage`] when that takes too long.
    pub async fn flush(&self) -> Result<(), Fault> {
        let client = self.client.clone();
        let flushed = spawn_blocking(move || client.flush(PATIENCE)).await;
        flushed
            .unwrap_or(Err(rdkafka::error::KafkaError::Canceled))
            .map_err(outage)
    }
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Producer")
    }
}

fn outage(error: rdkafka::error::KafkaError) -> Fault {
    Fault::outage(crate::DEPENDENCY, error.to_string())
}
