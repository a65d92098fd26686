//! Stores parsed batches.

mod batch_summary;
mod metrics;
mod outcome;
pub mod postgres;
mod settings;

pub use metrics::WriterMetrics;
pub use settings::{DatabaseUrl, PostgresSettings};
