//! `archive_pending` and `projection_queue`: what is to be done with new events.

use super::super::{
    draft::{Draft, hour},
    query::Query,
};
use crate::domain::Event;
use millrace_postgres::{Client, Error, Preparing, types::Type};

pub(in super::super) static ARCHIVE: Query = Query {
    sql: "INSERT INTO archive_pending (received_on, hour, event_id, bytes, late) \
          SELECT $1, hour, event_id, bytes, late FROM unnest($2, $3, $4, $5) AS u (hour, event_id, bytes, late) \
          ON CONFLICT DO NOTHING",
    types: &[
        Type::DATE,
        Type::TIMESTAMPTZ_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::BOOL_ARRAY,
    ],
};

static PROJECT: Query = Query {
    sql: "INSERT INTO projection_queue (received_on, event_id) SELECT $1, event_id FROM unnest($2) AS event_id \
          ON CONFLICT DO NOTHING",
    types: &[Type::DATE, Type::TEXT_ARRAY],
};

/// Notes that these are to be archived; `is_late` says for each whether its hour was flushed already.
pub(in super::super) async fn archive(
    client: &Client,
    preparing: &Preparing,
    draft: &Draft<'_>,
    events: &[&Event],
    is_late: &[bool],
) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    let day = draft.received_on();
    let hours: Vec<_> = events.iter().map(|event| hour(event.at)).collect();
    let ids: Vec<_> = events.iter().map(|event| event.id.as_str()).collect();
    let bytes: Vec<_> = events.iter().map(|event| bytes(event)).collect();
    let noted = ARCHIVE
        .execute(client, preparing, &[&day, &hours, &ids, &bytes, &is_late])
        .await;
    noted.map(drop)
}

/// Notes that these are to be put into the recent store.
pub(in super::super) async fn project(
    client: &Client,
    preparing: &Preparing,
    draft: &Draft<'_>,
    events: &[&Event],
) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    let day = draft.received_on();
    let ids: Vec<_> = events.iter().map(|event| event.id.as_str()).collect();
    PROJECT.execute(client, preparing, &[&day, &ids]).await.map(drop)
}

/// Of the record, by which a file of the archive is measured.
fn bytes(event: &Event) -> i64 {
    let record = &event.record;
    let values = [record.value.as_deref(), record.key.as_deref()];
    let bytes: usize = values.into_iter().flatten().map(<[u8]>::len).sum();
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
