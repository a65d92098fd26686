//! What the writer counts: only what is committed.

use super::{draft::Draft, statements::Stored};
use crate::domain::{EventType, Reason};
use jiff::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};
use std::time::Duration;

/// The writer's metrics. Cheap to clone.
#[derive(Clone, Debug)]
pub struct WriterMetrics {
    stored: Family<TypeLabels, Counter>,
    duplicates: Family<KindLabels, Counter>,
    rejected: Family<ReasonLabels, Counter>,
    late: Counter,
    chunk_records: Histogram,
    write_seconds: Histogram,
    delay_seconds: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TypeLabels {
    event_type: &'static str,
}

/// `position`: a record that was stored before; `id`: another record with an id that was stored before.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

/// Upper bounds of `products_chunk_records`.
const RECORDS: [f64; 9] = [1.0, 5.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1e3, 1e4];

/// Upper bounds of `products_write_duration_seconds`.
const SECONDS: [f64; 12] = [
    0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0,
];

/// Upper bounds of `products_event_delay_seconds`.
const DELAYS: [f64; 12] = [
    0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 60.0, 600.0, 3600.0, 86400.0,
];

const POSITION: KindLabels = KindLabels { kind: "position" };
const ID: KindLabels = KindLabels { kind: "id" };

// === impl WriterMetrics ===

impl WriterMetrics {
    /// Makes the metrics and makes them known. The registry has the prefix of the pipeline, and adds `_total` to
    /// counters.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            stored: Family::default(),
            duplicates: Family::default(),
            rejected: Family::default(),
            late: Counter::default(),
            chunk_records: Histogram::new(RECORDS),
            write_seconds: Histogram::new(SECONDS),
            delay_seconds: Histogram::new(DELAYS),
        };
        metrics.show_from_the_start();
        registry.register(
            "events_stored",
            "Events in the journal, by type",
            metrics.stored.clone(),
        );
        registry.register(
            "duplicates",
            "Records whose position or id was stored before",
            metrics.duplicates.clone(),
        );
        registry.register(
            "rejected",
            "Records that are no events, by reason",
            metrics.rejected.clone(),
        );
        registry.register(
            "late_events",
            "Events that came when their hour was flushed already",
            metrics.late.clone(),
        );
        registry.register(
            "chunk_records",
            "Records of a transaction",
            metrics.chunk_records.clone(),
        );
        registry.register_with_unit(
            "write_duration",
            "Time of a write, retries included",
            Unit::Seconds,
            metrics.write_seconds.clone(),
        );
        registry.register_with_unit(
            "event_delay",
            "From the time of an event to its commit",
            Unit::Seconds,
            metrics.delay_seconds.clone(),
        );
        metrics
    }

    /// A series that is there from the start shows its first increase.
    fn show_from_the_start(&self) {
        for event_type in EventType::ALL.map(EventType::as_str) {
            drop(self.stored.get_or_create(&TypeLabels { event_type }));
        }
        for reason in Reason::ALL.map(Reason::as_str) {
            drop(self.rejected.get_or_create(&ReasonLabels { reason }));
        }
        for kind in [POSITION, ID] {
            drop(self.duplicates.get_or_create(&kind));
        }
    }

    /// Counts a committed chunk.
    pub(super) fn count(&self, draft: &Draft<'_>, stored: &Stored<'_>, took: Duration) {
        let now = Timestamp::now();
        for event in &stored.new {
            let event_type = event.event_type.as_str();
            self.stored.get_or_create(&TypeLabels { event_type }).inc();
            let delay = now.duration_since(event.at).as_secs_f64();
            self.delay_seconds.observe(delay.max(0.0));
        }
        let rejected = draft.rejected.iter();
        for row in rejected.filter(|row| stored.rejected.contains(&row.record.offset)) {
            let reason = row.reason.as_str();
            self.rejected.get_or_create(&ReasonLabels { reason }).inc();
        }
        self.duplicates
            .get_or_create(&ID)
            .inc_by(stored.again.len() as u64);
        self.late
            .inc_by(stored.is_late.iter().filter(|is_late| **is_late).count() as u64);
        self.chunk_records
            .observe((draft.events.len() + draft.rejected.len()) as f64);
        self.write_seconds.observe(took.as_secs_f64());
    }

    /// Counts records of a chunk that was not stored, because they had been stored before.
    pub(super) fn passed(&self, passed: usize) {
        self.duplicates.get_or_create(&POSITION).inc_by(passed as u64);
    }
}
