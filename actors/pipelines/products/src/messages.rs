//! What the actors say to each other. One chunk of a partition is one message the whole way.

use crate::domain::{Event, Rejected};
use jiff::Timestamp;
use millrace_engine::Reservation;
use millrace_kafka::{Care, TopicPartition};
use uuid::Uuid;

/// Check → writer: what is stored in one transaction.
#[derive(Debug)]
pub struct CheckedChunk {
    /// Where it is from.
    pub partition: TopicPartition,
    /// The topic's id where the broker tells it.
    pub topic_id: Option<Uuid>,
    /// The position that must be stored now.
    pub from: Option<i64>,
    /// The position to store.
    pub next: i64,
    /// How carefully it is to be treated.
    pub care: Care,
    /// When it was fetched.
    pub received_at: Timestamp,
    /// By offset; an id may come twice, and then the first wins.
    pub events: Vec<Event>,
    /// By offset.
    pub rejected: Vec<Rejected>,
    /// Bytes of all records: how heavy a write of it is.
    pub bytes: usize,
    /// Its share of the memory budget; freed when the chunk is settled.
    pub reservation: Reservation,
}
