//! The projection: events of the journal become items of the recent store. It is late when the store is away, and never
//! wrong: the queue keeps what is not there yet.

use super::{ProjectionQueue, RecentStore, RefusedEvent};
use jiff::civil::Date;
use millrace_engine::{Fault, Load, Sink, trace::Kind};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use std::{collections::HashMap, sync::Arc};
use tracing::warn;

/// A row of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedEvent {
    /// The day of the journal that it is in.
    pub received_on: Date,
    /// Its id.
    pub event_id: String,
}

/// What became of events.
#[derive(Clone, Debug, Default)]
pub struct ProjectionMetrics {
    items: Family<OutcomeLabel, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// The sink of the queue.
pub struct Projector {
    queue: ProjectionQueue,
    store: Arc<dyn RecentStore>,
    metrics: ProjectionMetrics,
}

/// The cause of a retry: no fault of the event, and none for which Kafka is to wait.
const STORE_LATE: &str = "recent_store";

// === impl ProjectionMetrics ===

impl ProjectionMetrics {
    /// Registers them; `registry` has the prefix of the pipeline.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "projection_items",
            "Events by what became of them in the recent store",
            metrics.items.clone(),
        );
        metrics
    }

    fn count(&self, outcome: &'static str, events: usize) {
        let counted = self.items.get_or_create(&OutcomeLabel { outcome });
        counted.inc_by(u64::try_from(events).unwrap_or(u64::MAX));
    }
}

// === impl Projector ===

impl Projector {
    /// From this queue into this store.
    pub fn new(queue: ProjectionQueue, store: Arc<dyn RecentStore>, metrics: ProjectionMetrics) -> Self {
        Self {
            queue,
            store,
            metrics,
        }
    }
}

impl Sink for Projector {
    type In = QueuedEvent;

    const VERB: &'static str = "project";
    const KIND: Kind = Kind::Client;

    fn load(_: &QueuedEvent) -> Load {
        Load { rows: 1, bytes: 0 }
    }

    async fn write(&mut self, batch: &[&QueuedEvent]) -> Result<(), Fault> {
        let wanted: Vec<_> = batch
            .iter()
            .map(|queued| (queued.received_on, queued.event_id.as_str()))
            .collect();
        let events = self.queue.events(&wanted).await?;
        let refused = match self.store.put(&events).await {
            Ok(refused) => refused,
            Err(why) => {
                self.metrics.count("later", events.len());
                return Err(Fault::deferred(STORE_LATE, why.to_string()));
            }
        };
        self.metrics.count("stored", events.len() - refused.len());
        // Its day was dropped, or it has expired: there is nothing to show.
        self.metrics.count("gone", batch.len() - events.len());
        if !refused.is_empty() {
            self.metrics.count("refused", refused.len());
            self.note(&wanted, refused).await?;
        }
        Ok(())
    }
}

impl Projector {
    async fn note(&self, wanted: &[(Date, &str)], refused: Vec<RefusedEvent>) -> Result<(), Fault> {
        let days: HashMap<_, _> = wanted.iter().map(|(day, id)| (*id, *day)).collect();
        let noted = refused.into_iter().filter_map(|refused| {
            warn!(
                event_id = refused.id,
                error = refused.why,
                "the recent store refuses an event; it stays in the journal and in the archive, and in projection_failures"
            );
            Some((*days.get(refused.id.as_str())?, refused))
        });
        self.queue.note_refused(&noted.collect::<Vec<_>>()).await
    }
}
