//! `rejected_events`, and `event_outbox` where copies of them are wanted.

use super::super::{
    draft::{Draft, RejectedRow},
    query::Query,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use millrace_kafka::Record;
use millrace_postgres::{
    Client, Error, Preparing,
    types::{ToSql, Type},
};
use serde_json::{Value, json};
use std::collections::HashSet;

/// A record that is read again, after a seek back, is the same row and is not counted again.
pub(in super::super) static ADD: Query = Query {
    sql: "INSERT INTO rejected_events AS r (topic, partition, record_offset, event_id, reason, detail, record_key, headers, raw, raw_bytes) \
          SELECT $1, $2, record_offset, event_id, reason, detail, record_key, headers::jsonb, raw, raw_bytes \
          FROM unnest($3, $4, $5, $6, $7, $8, $9, $10) AS u (record_offset, event_id, reason, detail, record_key, headers, raw, raw_bytes) \
          ON CONFLICT (topic, partition, record_offset) DO UPDATE SET event_id = excluded.event_id, reason = excluded.reason, \
              detail = excluded.detail, record_key = excluded.record_key, headers = excluded.headers, raw = excluded.raw, \
              raw_bytes = excluded.raw_bytes, created_at = excluded.created_at \
          WHERE (r.raw, r.raw_bytes, r.record_key) IS DISTINCT FROM (excluded.raw, excluded.raw_bytes, excluded.record_key) \
          RETURNING record_offset",
    types: &[
        Type::TEXT,
        Type::INT8,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::BYTEA_ARRAY,
        Type::TEXT_ARRAY,
        Type::BYTEA_ARRAY,
        Type::INT8_ARRAY,
    ],
};

static COPY: Query = Query {
    sql: "INSERT INTO event_outbox (topic, partition, record_offset, reason, detail, record_key, headers, value) \
          SELECT $1, $2, record_offset, reason, detail, record_key, headers::jsonb, value \
          FROM unnest($3, $4, $5, $6, $7, $8) AS u (record_offset, reason, detail, record_key, headers, value) \
          ON CONFLICT DO NOTHING",
    types: &[
        Type::TEXT,
        Type::INT8,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::BYTEA_ARRAY,
        Type::TEXT_ARRAY,
        Type::BYTEA_ARRAY,
    ],
};

/// Bytes of a record that are kept.
const RAW_BYTES: usize = 1 << 20;

/// Adds the rejected records; gives the offsets of those that are new.
pub(in super::super) async fn add(
    client: &Client,
    preparing: &Preparing,
    draft: &Draft<'_>,
) -> Result<HashSet<i64>, Error> {
    let rows = &draft.rejected;
    if rows.is_empty() {
        return Ok(HashSet::new());
    }
    let (topic, partition) = (draft.topic(), draft.partition());
    let offsets: Vec<_> = rows.iter().map(|row| row.record.offset).collect();
    let ids: Vec<_> = rows.iter().map(|row| row.event_id).collect();
    let reasons: Vec<_> = rows.iter().map(|row| row.reason.as_str()).collect();
    let details: Vec<_> = rows.iter().map(detail).collect();
    let keys: Vec<_> = rows.iter().map(|row| row.record.key.as_deref()).collect();
    let headers: Vec<_> = rows.iter().map(|row| headers(row.record)).collect();
    let values: Vec<_> = rows.iter().map(|row| row.record.value.as_deref()).collect();
    let raws: Vec<_> = values
        .iter()
        .map(|raw| raw.map(|raw| &raw[..raw.len().min(RAW_BYTES)]))
        .collect();
    let lengths: Vec<_> = values.iter().map(|raw| length(raw.unwrap_or_default())).collect();
    let added = ADD
        .rows(
            client,
            preparing,
            &[
                &topic, &partition, &offsets, &ids, &reasons, &details, &keys, &headers, &raws, &lengths,
            ],
        )
        .await?;
    added.iter().map(|row| row.try_get(0)).collect()
}

/// Notes that copies of these are to be sent.
pub(in super::super) async fn copy(
    client: &Client,
    preparing: &Preparing,
    draft: &Draft<'_>,
    new: &HashSet<i64>,
) -> Result<(), Error> {
    let is_new = |row: &&RejectedRow<'_>| new.contains(&row.record.offset);
    let rows: Vec<_> = draft.rejected.iter().filter(is_new).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let (topic, partition) = (draft.topic(), draft.partition());
    let offsets: Vec<_> = rows.iter().map(|row| row.record.offset).collect();
    let reasons: Vec<_> = rows.iter().map(|row| row.reason.as_str()).collect();
    let details: Vec<_> = rows.iter().map(|row| detail(row)).collect();
    let keys: Vec<_> = rows.iter().map(|row| row.record.key.as_deref()).collect();
    let headers: Vec<_> = rows.iter().map(|row| headers(row.record)).collect();
    let values: Vec<_> = rows.iter().map(|row| row.record.value.as_deref()).collect();
    let values: [&(dyn ToSql + Sync); 8] = [
        &topic, &partition, &offsets, &reasons, &details, &keys, &headers, &values,
    ];
    COPY.execute(client, preparing, &values).await.map(drop)
}

/// No text of the database may have a U+0000.
fn detail(row: &RejectedRow<'_>) -> String {
    row.detail.replace('\0', "")
}

fn length(of: &[u8]) -> i64 {
    i64::try_from(of.len()).unwrap_or(i64::MAX)
}

/// The headers as JSON; none where there are none.
pub(super) fn headers(record: &Record) -> Option<String> {
    if record.headers.is_empty() {
        return None;
    }
    let value = |value: &[u8]| match std::str::from_utf8(value) {
        Ok(text) if !text.contains('\0') => Value::from(text),
        _ => json!({ "base64": STANDARD.encode(value) }),
    };
    let pair = |(name, of): &(String, Option<_>)| {
        let of: Option<&[u8]> = of.as_ref().map(|of: &Bytes| &of[..]);
        json!([name.replace('\0', ""), of.map(value)])
    };
    Some(Value::from_iter(record.headers.iter().map(pair)).to_string())
}
