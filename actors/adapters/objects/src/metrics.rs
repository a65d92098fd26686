//! What the fetcher counts. A pipeline registers it under its own names.

use prometheus_client::metrics::{counter::Counter, histogram::Histogram};

/// Counters of the fetcher. Clones share their values.
#[derive(Clone, Debug)]
pub struct FetcherMetrics {
    /// Objects that were got completely.
    pub fetched: Counter,
    /// Seconds from a request to the last byte, without the wait for memory.
    pub duration: Histogram,
    /// Fetches that failed because the store did not answer, or refused us.
    pub connection_errors: Counter,
}

/// In seconds. The same as those of event processing, so that the two can be drawn together.
const BUCKETS: [f64; 12] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

// === impl FetcherMetrics ===

impl Default for FetcherMetrics {
    fn default() -> Self {
        Self {
            fetched: Counter::default(),
            duration: Histogram::new(BUCKETS),
            connection_errors: Counter::default(),
        }
    }
}
