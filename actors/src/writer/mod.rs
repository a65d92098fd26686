//! Stores parsed batches.

pub mod postgres;
mod settings;

pub use settings::PostgresSettings;
