//! The names of what fetchers count.

use millrace_objects::FetcherMetrics;
use prometheus_client::registry::{Registry, Unit};

/// Registers the metrics under their full names; the registry must have no prefix of its own.
pub fn register(registry: &mut Registry) -> FetcherMetrics {
    let metrics = FetcherMetrics::default();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_contract() {
        let mut registry = Registry::default();
        let metrics = register(&mut registry);
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
