//! What the fetcher counts.

use prometheus_client::{
    metrics::{counter::Counter, histogram::Histogram},
    registry::{Registry, Unit},
};

/// Counters of the fetcher. Clones share their values.
#[derive(Clone, Debug)]
pub struct FetcherMetrics {
    pub(super) fetched: Counter,
    pub(super) duration: Histogram,
    pub(super) connection_errors: Counter,
}

/// In seconds. The same as those of event processing, so that the two can be drawn together.
const BUCKETS: [f64; 12] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

// === impl FetcherMetrics ===

impl FetcherMetrics {
    /// Registers the metrics under their full names; the registry must have no prefix of its own.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        // The encoder appends `_total` to counters.
        registry.register(
            "analytics_batches_fetched",
            "Objects fetched completely",
            metrics.fetched.clone(),
        );
        registry.register_with_unit(
            "analytics_batch_fetch_duration",
            "Time from the request to the last byte of an object, without the wait for memory",
            Unit::Seconds,
            metrics.duration.clone(),
        );
        registry.register(
            "analytics_minio_connection_errors",
            "Fetches that failed because the object store did not answer, or refused us",
            metrics.connection_errors.clone(),
        );
        metrics
    }
}

impl Default for FetcherMetrics {
    fn default() -> Self {
        Self {
            fetched: Counter::default(),
            duration: Histogram::new(BUCKETS),
            connection_errors: Counter::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_contract() {
        let mut registry = Registry::default();
        let metrics = FetcherMetrics::register(&mut registry);
        metrics.fetched.inc();
        metrics.duration.observe(0.02);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "analytics_batches_fetched_total 1",
            "analytics_minio_connection_errors_total 0",
            "analytics_batch_fetch_duration_seconds_bucket{le=\"0.025\"} 1",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
