//! What is read of records.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod cloud_events;
mod metrics;
mod oracle;
mod producers;
mod properties;
mod reasons;
mod schema;
mod spellings;
mod times;

use jiff::Timestamp;
use millrace_engine::ByteBudget;
use millrace_kafka::{Care, Chunk, Record, TopicPartition};
use millrace_products::{
    domain::{Event, Reason, Rejected},
    event::{Counts, Limits, check},
    messages::CheckedChunk,
};

/// When the records of these tests are fetched.
const RECEIVED: &str = "2026-03-01T12:00:00.123456Z";

fn received() -> Timestamp {
    RECEIVED.parse().unwrap()
}

/// A record with this value and nothing else.
fn record(value: impl AsRef<[u8]>) -> Record {
    Record {
        offset: 7,
        timestamp: Some("2026-03-01T11:59:00Z".parse().unwrap()),
        key: None,
        value: Some(value.as_ref().to_vec().into()),
        headers: Vec::new(),
    }
}

fn with_headers(value: impl AsRef<[u8]>, headers: &[(&str, &str)]) -> Record {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Some(value.as_bytes().to_vec().into())));
    Record {
        headers: headers.collect(),
        ..record(value)
    }
}

fn chunk(topic: &str, records: Vec<Record>) -> Chunk {
    Chunk {
        partition: TopicPartition {
            topic: topic.into(),
            partition: 3,
        },
        topic_id: None,
        from: Some(7),
        next: 8,
        records,
        care: Care::None,
        received_at: received(),
        reservation: ByteBudget::new(1 << 20).try_reserve(1).unwrap(),
    }
}

fn checked(topic: &str, records: Vec<Record>) -> (CheckedChunk, Counts) {
    check(chunk(topic, records), &Limits::default())
}

/// The one record read, and what was odd about it.
fn read_counted(topic: &str, record: Record) -> (Result<Event, Rejected>, Counts) {
    let (mut chunk, counts) = checked(topic, vec![record]);
    let read = match (chunk.events.pop(), chunk.rejected.pop()) {
        (Some(event), None) => Ok(event),
        (None, Some(rejected)) => Err(rejected),
        both => panic!("{both:?}"),
    };
    (read, counts)
}

#[expect(clippy::result_large_err, reason = "a record is large, and this is a test")]
fn read(topic: &str, record: Record) -> Result<Event, Rejected> {
    read_counted(topic, record).0
}

/// What is accepted of a deletion, which needs nothing but a product.
fn deletion(value: &str) -> Event {
    read("ProductDeleted", record(value)).unwrap()
}

/// Why it is rejected.
fn refusal(topic: &str, record: Record) -> (Reason, String) {
    let rejected = read(topic, record).unwrap_err();
    (rejected.reason, rejected.detail)
}
