//! Stores parsed batches.

mod batch_summary;
mod metrics;
mod outcome;
pub mod postgres;
mod recent_rates;
mod settings;

pub use metrics::WriterMetrics;
pub use settings::PostgresSettings;
