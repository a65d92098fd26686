//! Kafka: partitions in as chunks of records, positions that a store keeps, copies out.

mod chunk;
mod settings;
mod store;

pub use chunk::{Care, Chunk, Record, TopicPartition};
pub use settings::{
    Access, Assignor, GroupProtocol, KafkaSettings, Login, OffsetReset, OnTruncated, Sasl, SaslMechanism,
    SecurityProtocol,
};
pub use store::{FENCED, Gap, PositionStore, Stored, Suspect};
