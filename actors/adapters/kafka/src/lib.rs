//! Kafka: partitions in as chunks of records, positions that a store keeps, copies out.

mod caution;
mod chunk;
mod client_config;
mod context;
mod decide;
mod ends;
mod look;
mod metrics;
mod partition;
mod ping;
mod placing;
mod producer;
mod session;
mod settings;
mod source;
mod status;
mod store;
mod topics;
mod troubles;

pub use chunk::{Care, Chunk, Record, TopicPartition};
pub use ends::ends;
pub use look::{Span, offsets_at, spans};
pub use metrics::KafkaMetrics;
pub use ping::ping;
pub use producer::Producer;
pub use settings::{
    Access, Assignor, GroupProtocol, KafkaSettings, Login, OffsetReset, OnTruncated, Sasl, SaslMechanism,
    SecurityProtocol,
};
pub use source::KafkaSource;
pub use status::{Consuming, KafkaStatus, PartitionStatus, Progress};
pub use store::{FENCED, Gap, PositionStore, Stored, Suspect};

/// What the dependency is called in outages.
pub const DEPENDENCY: &str = "kafka";
