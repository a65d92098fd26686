//! The draft of the probe: written and taken back, to learn whether the database takes writes.

use super::super::draft::{Draft, RejectedRow, whole_micros};
use crate::domain::{Change, Event, EventType, ProductValues, Reason};
use jiff::Timestamp;
use millrace_kafka::{Record, TopicPartition};
use std::{borrow::Cow, sync::OnceLock};

/// A draft with a row for each table.
pub(in super::super) fn draft<'c>(name: String) -> Draft<'c> {
    let event = event();
    let partition = TopicPartition {
        topic: name.as_str().into(),
        partition: 0,
    };
    Draft {
        id: name,
        partition,
        topic_id: None,
        from: None,
        next: 1,
        bytes: 0,
        is_careful: false,
        events: vec![event],
        rejected: vec![RejectedRow {
            event_id: None,
            reason: Reason::RowRefused,
            detail: Cow::Borrowed(""),
            at: event.at,
            record: &event.record,
        }],
        received_at: whole_micros(Timestamp::now()),
        is_trial: false,
    }
}

/// One for each process: drafts only borrow their events.
fn event() -> &'static Event {
    static EVENT: OnceLock<Event> = OnceLock::new();
    EVENT.get_or_init(|| {
        let name = format!(".millrace-probe-{}", uuid::Uuid::new_v4().simple());
        let at = whole_micros(Timestamp::now());
        Event {
            id: name.clone(),
            event_type: EventType::Created,
            product_id: name.clone(),
            seller_id: None,
            at,
            change: Change::Values(ProductValues {
                name,
                price: "0".to_owned(),
                stock: 0,
                category: None,
            }),
            trace_id: None,
            record: Record {
                offset: 0,
                timestamp: Some(at),
                key: None,
                value: Some("{}".into()),
                headers: Vec::new(),
            },
        }
    })
}
