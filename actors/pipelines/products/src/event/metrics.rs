//! What the check counts: the names of the contract.

use super::reading::{Counts, TimeFallback};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use std::sync::Arc;

/// The metrics of the check; clones share their values.
#[derive(Clone, Debug, Default)]
pub struct CheckMetrics {
    tombstones: Family<TopicLabel, Counter>,
    without_id: Counter,
    time_fallbacks: Family<KindLabel, Counter>,
    texts_cleaned: Family<KindLabel, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TopicLabel {
    topic: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

/// As `texts_cleaned_total` names it.
const NUL_REMOVED: &str = "nul_removed";
const HALF_PAIR_REPLACED: &str = "half_pair_replaced";

// === impl CheckMetrics ===

impl CheckMetrics {
    /// Makes the metrics and registers them, without the prefix of the pipeline. A series is there for each of `topics`
    /// from the start, so that its first increase shows.
    pub fn register(registry: &mut Registry, topics: &[Arc<str>]) -> Self {
        let metrics = Self::default();
        for topic in topics {
            let topic = topic.clone();
            drop(metrics.tombstones.get_or_create(&TopicLabel { topic }));
        }
        for kind in TimeFallback::ALL.map(TimeFallback::as_str) {
            drop(metrics.time_fallbacks.get_or_create(&KindLabel { kind }));
        }
        for kind in [NUL_REMOVED, HALF_PAIR_REPLACED] {
            drop(metrics.texts_cleaned.get_or_create(&KindLabel { kind }));
        }
        let all = metrics.clone();
        registry.register(
            "tombstones",
            "Records without a value, which are skipped",
            all.tombstones,
        );
        registry.register(
            "events_without_id",
            "Events whose id was made of their topic and bytes",
            all.without_id,
        );
        registry.register(
            "time_fallbacks",
            "Events whose time is not what they name, by the reason",
            all.time_fallbacks,
        );
        registry.register(
            "texts_cleaned",
            "Ids and names that were changed so that they can be stored",
            all.texts_cleaned,
        );
        metrics
    }

    /// Adds what was odd in a chunk.
    pub(super) fn observe(&self, topic: &Arc<str>, counts: &Counts) {
        let Counts {
            tombstones,
            without_id,
            nuls_removed,
            half_pairs_replaced,
            time_fallbacks,
        } = *counts;
        if tombstones > 0 {
            let topic = topic.clone();
            self.tombstones
                .get_or_create(&TopicLabel { topic })
                .inc_by(tombstones);
        }
        self.without_id.inc_by(without_id);
        let fallbacks = TimeFallback::ALL
            .map(TimeFallback::as_str)
            .into_iter()
            .zip(time_fallbacks);
        for (kind, times) in fallbacks.filter(|(_, times)| *times > 0) {
            self.time_fallbacks
                .get_or_create(&KindLabel { kind })
                .inc_by(times);
        }
        for (kind, times) in [
            (NUL_REMOVED, nuls_removed),
            (HALF_PAIR_REPLACED, half_pairs_replaced),
        ] {
            if times > 0 {
                self.texts_cleaned
                    .get_or_create(&KindLabel { kind })
                    .inc_by(times);
            }
        }
    }
}
