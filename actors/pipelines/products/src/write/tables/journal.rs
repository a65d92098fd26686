//! `product_events`: the journal.

use super::{
    super::{draft::Draft, query::Query},
    rejected::headers,
};
use crate::domain::{Change, Event};
use millrace_postgres::{
    Client, Error, Preparing,
    types::{ToSql, Type},
};
use std::{borrow::Cow, time::Duration};

/// Also asks for every price whether it is a number to the database, whether or not it becomes that of the product:
/// what is refused must not depend on the order of arrival.
pub(in super::super) static ADD: Query = Query {
    sql: "INSERT INTO product_events (received_on, received_at, expires_at, topic, partition, event_id, event_type, product_id, \
              seller_id, event_at, record_offset, record_key, headers, payload, trace_id) \
          SELECT $1, $2, $3, $4, $5, event_id, event_type, product_id, seller_id, event_at, record_offset, record_key, \
              headers::jsonb, payload::json, trace_id \
          FROM unnest($6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) AS u (event_id, event_type, product_id, seller_id, \
              event_at, record_offset, record_key, headers, payload, trace_id, price) \
          WHERE price IS NULL OR price::numeric IS NOT NULL \
          ON CONFLICT DO NOTHING",
    types: &[
        Type::DATE,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::TEXT,
        Type::INT8,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::INT8_ARRAY,
        Type::BYTEA_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
    ],
};

/// Adds events; `keep` is how long they can be asked for.
pub(in super::super) async fn add(
    client: &Client,
    preparing: &Preparing,
    draft: &Draft<'_>,
    events: &[&Event],
    keep: Duration,
) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    let expires_at = draft.received_at.checked_add(keep).unwrap_or(draft.received_at);
    let (topic, partition) = (draft.topic(), draft.partition());
    let ids = texts(events, |event| Some(&event.id));
    let types: Vec<_> = events.iter().map(|event| event.event_type.as_str()).collect();
    let products = texts(events, |event| Some(&event.product_id));
    let sellers = texts(events, |event| event.seller_id.as_deref());
    let times: Vec<_> = events.iter().map(|event| event.at).collect();
    let offsets: Vec<_> = events.iter().map(|event| event.record.offset).collect();
    let keys: Vec<_> = events.iter().map(|event| event.record.key.as_deref()).collect();
    let headers: Vec<_> = events.iter().map(|event| headers(&event.record)).collect();
    let payloads: Vec<_> = events.iter().map(|event| payload(event)).collect();
    let traces = texts(events, |event| event.trace_id.as_deref());
    let prices = texts(events, price);
    let received_on = draft.received_on();
    let values: [&(dyn ToSql + Sync); 16] = [
        &received_on,
        &draft.received_at,
        &expires_at,
        &topic,
        &partition,
        &ids,
        &types,
        &products,
        &sellers,
        &times,
        &offsets,
        &keys,
        &headers,
        &payloads,
        &traces,
        &prices,
    ];
    ADD.execute(client, preparing, &values).await.map(drop)
}

fn texts<'e>(events: &[&'e Event], get: impl Fn(&'e Event) -> Option<&'e str>) -> Vec<Option<&'e str>> {
    events.iter().map(|event| get(event)).collect()
}

fn price(event: &Event) -> Option<&str> {
    match &event.change {
        Change::Values(values) => Some(&values.price),
        Change::LowStock { .. } | Change::Deleted => None,
    }
}

/// What was read as JSON is UTF-8.
fn payload(event: &Event) -> Cow<'_, str> {
    String::from_utf8_lossy(event.record.value.as_deref().unwrap_or_default())
}
