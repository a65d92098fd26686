//! Chunks as the check makes them.

use jiff::Timestamp;
use millrace_engine::ByteBudget;
use millrace_kafka::{Care, Record, TopicPartition};
use millrace_products::{
    domain::{Change, Event, EventType, ProductValues, Reason, Rejected},
    messages::CheckedChunk,
};

/// Some moment, and so many seconds after it.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(4_000_000_000 + seconds).unwrap()
}

pub(crate) fn record(offset: i64, value: &str) -> Record {
    Record {
        offset,
        timestamp: Some(at(0)),
        key: Some("key".into()),
        value: Some(value.to_owned().into()),
        headers: vec![
            ("trace".to_owned(), Some("a\u{e9}".into())),
            ("trace".to_owned(), None),
            ("raw".to_owned(), Some(vec![0, 255].into())),
        ],
    }
}

fn event(offset: i64, id: &str, event_type: EventType, product: &str, seconds: i64, change: Change) -> Event {
    Event {
        id: id.to_owned(),
        event_type,
        product_id: product.to_owned(),
        seller_id: None,
        at: at(seconds),
        change,
        trace_id: None,
        record: record(offset, &format!("{{\"id\": {id:?},  \"odd\": \"\\u0000\"}}")),
    }
}

pub(crate) fn values(price: &str, stock: i64, category: Option<&str>) -> Change {
    Change::Values(ProductValues {
        name: format!("costs {price}"),
        price: price.to_owned(),
        stock,
        category: category.map(str::to_owned),
    })
}

pub(crate) fn created(offset: i64, id: &str, product: &str, seconds: i64) -> Event {
    event(
        offset,
        id,
        EventType::Created,
        product,
        seconds,
        values("1.50", 5, None),
    )
}

pub(crate) fn updated(offset: i64, id: &str, product: &str, seconds: i64, change: Change) -> Event {
    event(offset, id, EventType::Updated, product, seconds, change)
}

pub(crate) fn deleted(offset: i64, id: &str, product: &str, seconds: i64) -> Event {
    event(offset, id, EventType::Deleted, product, seconds, Change::Deleted)
}

pub(crate) fn warned(
    offset: i64,
    id: &str,
    product: &str,
    seconds: i64,
    (stock, threshold): (i64, Option<i64>),
) -> Event {
    let change = Change::LowStock {
        stock,
        threshold,
        name: None,
        category: None,
    };
    event(offset, id, EventType::LowStock, product, seconds, change)
}

pub(crate) fn rejected(offset: i64, value: &str) -> Rejected {
    Rejected {
        event_id: None,
        reason: Reason::MalformedEvent,
        detail: "no JSON\0".to_owned(),
        at: at(0),
        record: record(offset, value),
    }
}

/// The records from `from` to before `next` of the first partition.
pub(crate) fn chunk(from: Option<i64>, next: i64, events: Vec<Event>) -> CheckedChunk {
    chunk_of(0, from, next, events)
}

pub(crate) fn chunk_of(partition: i32, from: Option<i64>, next: i64, events: Vec<Event>) -> CheckedChunk {
    CheckedChunk {
        partition: TopicPartition {
            topic: "ProductCreated".into(),
            partition,
        },
        topic_id: None,
        from,
        next,
        care: Care::None,
        received_at: Timestamp::now(),
        bytes: events.len() * 100,
        events,
        rejected: Vec::new(),
        reservation: ByteBudget::new(1).try_reserve(0).unwrap(),
    }
}
