//! `product_stats`: what is counted in an hour. A partition has one writer, so no two writers add to one row.

use super::super::{
    draft::{Draft, hour},
    query::Query,
};
use crate::domain::Event;
use jiff::Timestamp;
use millrace_postgres::{
    Client, Error, Preparing,
    types::{ToSql, Type},
};
use std::collections::{BTreeMap, HashSet};

/// The type of what is no event.
const OTHER: &str = "other";

pub(in super::super) static COUNT: Query = Query {
    sql: "INSERT INTO product_stats AS s (topic, partition, hour, event_type, events, rejected, duplicates) \
          SELECT $1, $2, hour, event_type, events, rejected, duplicates \
          FROM unnest($3, $4, $5, $6, $7) AS u (hour, event_type, events, rejected, duplicates) \
          ON CONFLICT (hour, event_type, topic, partition) DO UPDATE SET events = s.events + excluded.events, \
              rejected = s.rejected + excluded.rejected, duplicates = s.duplicates + excluded.duplicates",
    types: &[
        Type::TEXT,
        Type::INT8,
        Type::TIMESTAMPTZ_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
    ],
};

#[derive(Clone, Copy, Default)]
struct Counts {
    events: i64,
    rejected: i64,
    duplicates: i64,
}

/// Counts events that are new, those that were there, and rejected records that are new.
pub(in super::super) async fn count(
    client: &Client,
    preparing: &Preparing,
    draft: &Draft<'_>,
    (new, again): (&[&Event], &[&Event]),
    rejected: &HashSet<i64>,
) -> Result<(), Error> {
    let counts = counted(draft, (new, again), rejected);
    if counts.is_empty() {
        return Ok(());
    }
    let (topic, partition) = (draft.topic(), draft.partition());
    let (hours, types): (Vec<_>, Vec<_>) = counts.keys().copied().unzip();
    let events: Vec<_> = counts.values().map(|of| of.events).collect();
    let refused: Vec<_> = counts.values().map(|of| of.rejected).collect();
    let duplicates: Vec<_> = counts.values().map(|of| of.duplicates).collect();
    let values: [&(dyn ToSql + Sync); 7] =
        [&topic, &partition, &hours, &types, &events, &refused, &duplicates];
    COUNT.execute(client, preparing, &values).await.map(drop)
}

fn counted(
    draft: &Draft<'_>,
    (new, again): (&[&Event], &[&Event]),
    rejected: &HashSet<i64>,
) -> BTreeMap<(Timestamp, &'static str), Counts> {
    let mut counts: BTreeMap<_, Counts> = BTreeMap::new();
    let key = |event: &Event| (hour(event.at), event.event_type.as_str());
    for event in new {
        counts.entry(key(event)).or_default().events += 1;
    }
    for event in again {
        counts.entry(key(event)).or_default().duplicates += 1;
    }
    for row in &draft.rejected {
        if rejected.contains(&row.record.offset) {
            counts.entry((hour(row.at), OTHER)).or_default().rejected += 1;
        }
    }
    counts
}
