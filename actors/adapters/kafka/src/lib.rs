//! Kafka: partitions in as chunks of records, positions that a store keeps, copies out.

mod chunk;

pub use chunk::{Care, Chunk, Record, TopicPartition};
