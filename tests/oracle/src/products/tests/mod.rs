//! The oracle itself: what it computes of some records, that it sees every difference, and that order does not matter.

mod comparison;
mod order;

use super::{ProductSettings, SentRecord, expect};
use serde_json::Value;

fn settings() -> ProductSettings {
    ProductSettings {
        received_at: "2026-03-01T12:00:00Z".parse().unwrap(),
        ..ProductSettings::now()
    }
}

/// A record in its topic, at this offset of partition 0.
fn record(topic: &str, offset: i64, value: &Value) -> SentRecord {
    SentRecord {
        topic: topic.to_owned(),
        partition: 0,
        offset,
        timestamp: Some("2026-03-01T11:00:00Z".parse().unwrap()),
        key: Some(b"p".to_vec()),
        value: Some(value.to_string().into_bytes()),
        headers: vec![("source".to_owned(), Some(b"test".to_vec()))],
    }
}
