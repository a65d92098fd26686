//! What was sent.

use jiff::Timestamp;

/// A record as it is in Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentRecord {
    /// Name of the topic.
    pub topic: String,
    /// Number of the partition.
    pub partition: i32,
    /// Place in the partition.
    pub offset: i64,
    /// As the producer or the broker set it.
    pub timestamp: Option<Timestamp>,
    /// Where the producer gave one.
    pub key: Option<Vec<u8>>,
    /// None: a tombstone.
    pub value: Option<Vec<u8>>,
    /// In the order of the record.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// What the service is set to.
#[derive(Clone, Debug)]
pub struct ProductSettings {
    /// `MAX_EVENT_BYTES`.
    pub max_event_bytes: usize,
    /// `MAX_JSON_DEPTH`.
    pub max_json_depth: usize,
    /// `MAX_FUTURE_MINUTES`.
    pub max_future_minutes: i64,
    /// About when the records are received. Times near to the limits of what counts as ahead cannot be judged.
    pub received_at: Timestamp,
}

// === impl ProductSettings ===

impl ProductSettings {
    /// The settings that the service has unless told otherwise, and now.
    pub fn now() -> Self {
        Self {
            max_event_bytes: 1 << 20,
            max_json_depth: 64,
            max_future_minutes: 60,
            received_at: Timestamp::now(),
        }
    }
}
