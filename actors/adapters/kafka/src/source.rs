//! The source: chunks of the partitions that the group gives to this replica.

use crate::{Chunk, KafkaMetrics, KafkaSettings, KafkaStatus, PositionStore, session::Session, topics};
use millrace_engine::{ByteBudget, Fault, Intake, Source};
use std::{collections::BTreeMap, sync::Arc};
use tracing::warn;

/// Takes records in. Where it goes on is what the store says.
#[derive(Clone, Debug)]
pub struct KafkaSource<S> {
    /// What it is told.
    pub settings: Arc<KafkaSettings>,
    /// The truth about positions.
    pub store: S,
    /// Bounds the bytes of chunks.
    pub budget: Arc<ByteBudget>,
    /// Where it shows how it is.
    pub status: KafkaStatus,
    /// What it counts.
    pub metrics: KafkaMetrics,
    /// The pipeline's name, for log and traces.
    pub pipeline: &'static str,
}

// === impl KafkaSource ===

impl<S: PositionStore> KafkaSource<S> {
    /// How many partitions the topics have; it shapes what may wait in the client.
    async fn partitions(&self) -> usize {
        let topics = topics::ask(&self.settings).await.unwrap_or_else(|error| {
            warn!(%error, "the brokers do not tell of the topics yet");
            BTreeMap::new()
        });
        for missing in self
            .settings
            .topics
            .iter()
            .filter(|topic| !topics.contains_key(*topic))
        {
            warn!(
                topic = missing,
                "the topic is not there; it is waited for, none is made"
            );
        }
        topics.values().map(|topic| topic.partitions).sum()
    }
}

impl<S: PositionStore> Source for KafkaSource<S> {
    type Out = Chunk;

    async fn pull(&mut self, intake: Intake<Chunk>) -> Result<(), Fault> {
        let partitions = self.partitions().await;
        let mut session = Session::open(self, partitions)?;
        let ended = session.run(&intake).await;
        let why = match &ended {
            Ok(()) => "it has drained".to_owned(),
            Err(fault) => fault.to_string(),
        };
        self.status.turn(false, &why);
        session.close().await;
        ended
    }
}
