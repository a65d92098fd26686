//! How far the projection is behind, and whether its table forgets: looked at now and then.

use super::{ProjectionQueue, SHAPE, Waiting};
use jiff::Timestamp;
use millrace_dynamodb::Table;
use prometheus_client::{metrics::gauge::Gauge, registry::Registry};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tracing::debug;

/// Between two looks at the queue.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// Looks at the queue for each at the table.
const LOOKS_A_TABLE: u64 = 20;

/// What was seen last. Clones share it.
#[derive(Clone, Debug)]
pub struct ProjectionWatch {
    queue: ProjectionQueue,
    pending: Gauge,
    oldest: Gauge,
    ttl: Gauge,
    seen: Arc<Mutex<Seen>>,
}

/// What was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    /// What waits.
    pub waiting: Waiting,
    /// Whether items end by themselves; none where the table has not said.
    pub ttl: Option<bool>,
}

// === impl ProjectionWatch ===

impl ProjectionWatch {
    /// Registers its metrics; `registry` has the prefix of the pipeline.
    pub fn register(registry: &mut Registry, queue: ProjectionQueue) -> Self {
        let watch = Self {
            queue,
            pending: Gauge::default(),
            oldest: Gauge::default(),
            ttl: Gauge::default(),
            seen: Arc::default(),
        };
        for (name, help, gauge) in [
            (
                "projection_pending",
                "Events that the recent store does not have yet",
                &watch.pending,
            ),
            (
                "projection_oldest_seconds",
                "How long the oldest of them waits",
                &watch.oldest,
            ),
            (
                "projection_ttl_enabled",
                "Whether DynamoDB deletes expired items: 1, or 0",
                &watch.ttl,
            ),
        ] {
            registry.register(name, help, gauge.clone());
        }
        watch
    }

    /// What was seen last.
    pub fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks for ever.
    pub async fn keep(self, table: &Table) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        for look in 0_u64.. {
            ticks.tick().await;
            self.look(table, look % LOOKS_A_TABLE == 0).await;
        }
    }

    /// Looks once, at the table too where that is asked for. What cannot be seen stays as it was.
    pub async fn look(&self, table: &Table, at_table: bool) {
        let mut seen = self.seen();
        match self.queue.waiting().await {
            Ok(waiting) => {
                let now = Timestamp::now();
                self.pending.set(waiting.events);
                self.oldest.set(
                    waiting
                        .oldest
                        .map_or(0, |since| now.as_second() - since.as_second()),
                );
                seen.waiting = waiting;
            }
            Err(error) => debug!(%error, "could not look at the queue of the projection"),
        }
        if at_table {
            match table.describe().await {
                Ok(description) => {
                    let ends = description
                        .and_then(|it| it.ttl)
                        .is_some_and(|by| by == SHAPE.ttl);
                    self.ttl.set(i64::from(ends));
                    seen.ttl = Some(ends);
                }
                Err(error) => debug!(%error, "could not look at the table of recent events"),
            }
        }
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }
}
