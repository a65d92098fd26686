//! What the archive counts.

use super::Round;
use jiff::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

/// The metrics of the archive. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct ArchiveMetrics {
    files: Family<LateLabels, Counter>,
    bytes: Counter,
    pending_events: Gauge,
    oldest_pending: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LateLabels {
    late: &'static str,
}

// === impl ArchiveMetrics ===

impl ArchiveMetrics {
    /// Makes the metrics and makes them known. The registry has the prefix of the pipeline, and adds `_total` to
    /// counters.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        for late in [false, true] {
            drop(metrics.files.get_or_create(&labels(late)));
        }
        registry.register(
            "archive_files",
            "Files of the archive that were stored, by whether their events came late",
            metrics.files.clone(),
        );
        registry.register(
            "archive_bytes",
            "Bytes of objects that were stored in the archive",
            metrics.bytes.clone(),
        );
        registry.register(
            "archive_pending_events",
            "Events that are in no file of the archive yet",
            metrics.pending_events.clone(),
        );
        registry.register_with_unit(
            "archive_oldest_pending",
            "Since when the oldest event waits that is in no file yet, or whose file is not stored",
            Unit::Seconds,
            metrics.oldest_pending.clone(),
        );
        metrics
    }

    /// A file is stored.
    pub(super) fn stored(&self, late: bool, bytes: u64) {
        self.files.get_or_create(&labels(late)).inc();
        self.bytes.inc_by(bytes);
    }

    /// What waits, as of `now`.
    pub fn waiting(&self, round: &Round, now: Timestamp) {
        self.pending_events
            .set(i64::try_from(round.waiting).unwrap_or(i64::MAX));
        let age = round
            .oldest
            .map_or(0, |oldest| now.duration_since(oldest).as_secs());
        self.oldest_pending.set(age.max(0));
    }
}

fn labels(late: bool) -> LateLabels {
    LateLabels {
        late: if late { "true" } else { "false" },
    }
}
