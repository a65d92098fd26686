//! What a partition brings: records in their order, and the positions around them.

use bytes::Bytes;
use jiff::Timestamp;
use millrace_engine::Reservation;
use std::{fmt, sync::Arc};
use uuid::Uuid;

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The number of the partition in it.
    pub partition: i32,
}

/// A record, as it was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its place in the partition.
    pub offset: i64,
    /// When it was created or appended, as the topic is configured.
    pub timestamp: Option<Timestamp>,
    /// Decides its partition, where the producer gave one.
    pub key: Option<Bytes>,
    /// None: a tombstone.
    pub value: Option<Bytes>,
    /// In the order of the record; a name may come twice, a value may be null.
    pub headers: Vec<(String, Option<Bytes>)>,
}

/// How carefully a chunk is to be treated, after what has become of its records before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Care {
    /// Nothing has happened.
    #[default]
    None,
    /// A part of a chunk that failed as a whole.
    Part,
    /// One record that was alone too often when a stage or a process died: it is not to be read again.
    Reject,
}

/// Some records of one partition that are stored together, and the positions that the storing moves.
#[derive(Debug)]
pub struct Chunk {
    /// Where they are from.
    pub partition: TopicPartition,
    /// The topic's id where the broker tells it (3.1 and later).
    pub topic_id: Option<Uuid>,
    /// The position that must be stored now; none where there was none. Where it is another, the
    /// partition is lost ([`FENCED`](crate::FENCED)).
    pub from: Option<i64>,
    /// The position to store: behind the last record, gaps included.
    pub next: i64,
    /// The records, by offset. There may be none: then the position alone is stored.
    pub records: Vec<Record>,
    /// How carefully.
    pub care: Care,
    /// When it was fetched.
    pub received_at: Timestamp,
    /// Its share of the memory budget; freed when the chunk is settled.
    pub reservation: Reservation,
}

// === impl TopicPartition ===

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}
