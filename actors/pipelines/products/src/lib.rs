//! The pipeline of product events: records of Kafka become a journal, an archive and aggregates.

pub mod archive;
pub mod copies;
pub mod domain;
pub mod event;
pub mod messages;
pub mod recent;
pub mod reports;
pub mod write;

/// The name of the pipeline.
pub const NAME: &str = "products";
