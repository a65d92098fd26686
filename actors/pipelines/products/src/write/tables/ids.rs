//! `product_event_ids`: each id is stored once, and the first record with it wins.

use super::super::{draft::Draft, query::Query};
use crate::domain::Event;
use millrace_postgres::{Client, Error, Preparing, types::Type};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// In the order of the ids, so that writers that bring the same ones do not deadlock.
pub(in super::super) static ENTER: Query = Query {
    sql: "INSERT INTO product_event_ids (event_id, received_on) SELECT event_id, $2 FROM unnest($1) AS event_id \
          ON CONFLICT DO NOTHING RETURNING event_id",
    types: &[Type::TEXT_ARRAY, Type::DATE],
};

static CAME_AGAIN: Query = Query {
    sql: "WITH known AS (SELECT event_id FROM product_event_ids WHERE event_id = ANY ($1) ORDER BY event_id FOR UPDATE) \
          UPDATE product_event_ids AS i SET duplicates = i.duplicates + u.times \
          FROM known JOIN unnest($1, $2) AS u (event_id, times) USING (event_id) WHERE i.event_id = known.event_id",
    types: &[Type::TEXT_ARRAY, Type::INT8_ARRAY],
};

/// Enters the ids; gives those that are new.
pub(in super::super) async fn enter(
    client: &Client,
    preparing: &Preparing,
    draft: &Draft<'_>,
) -> Result<HashSet<String>, Error> {
    let ids: BTreeSet<&str> = draft.events.iter().map(|event| event.id.as_str()).collect();
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let ids = Vec::from_iter(ids);
    let day = draft.received_on();
    let rows = ENTER.rows(client, preparing, &[&ids, &day]).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// Counts the events whose id was there before.
pub(in super::super) async fn count_again(
    client: &Client,
    preparing: &Preparing,
    again: &[&Event],
) -> Result<(), Error> {
    let mut times: BTreeMap<&str, i64> = BTreeMap::new();
    for event in again {
        *times.entry(&event.id).or_default() += 1;
    }
    if times.is_empty() {
        return Ok(());
    }
    let (ids, times): (Vec<&str>, Vec<i64>) = times.into_iter().unzip();
    let counted = CAME_AGAIN.execute(client, preparing, &[&ids, &times]).await;
    counted.map(drop)
}
