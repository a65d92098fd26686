//! `product_state`: rows are read and locked, events taken in, and what has changed is written.

use super::super::{
    draft::Draft,
    query::Query,
    state::{Ages, State, StateRow, StoredState},
};
use crate::domain::Event;
use millrace_postgres::{
    Client, Error, Preparing, Row,
    types::{ToSql, Type},
};
use std::collections::{BTreeMap, BTreeSet};

/// In the order of the keys, as all rows of this table are locked.
pub(in super::super) static LOCK: Query = Query {
    sql: "SELECT product_id, seller_id, name, price::text, stock, category, threshold, first_seen_at, last_event_at, \
              last_event_id, value_ages::text \
          FROM product_state WHERE product_id = ANY ($1) ORDER BY product_id COLLATE \"C\" FOR UPDATE",
    types: &[Type::TEXT_ARRAY],
};

static ADD: Query = Query {
    sql: "INSERT INTO product_state (product_id, seller_id, name, price, stock, category, status, low_stock, threshold, \
              first_seen_at, last_event_at, last_event_id, deleted_at, value_ages) \
          SELECT product_id, seller_id, name, price::numeric, stock, category, status, low_stock, threshold, \
              first_seen_at, last_event_at, last_event_id, deleted_at, value_ages::jsonb \
          FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) AS u (product_id, seller_id, name, price, \
              stock, category, status, low_stock, threshold, first_seen_at, last_event_at, last_event_id, deleted_at, value_ages) \
          ON CONFLICT DO NOTHING RETURNING product_id",
    types: TYPES,
};

static CHANGE: Query = Query {
    sql: "UPDATE product_state AS s SET seller_id = u.seller_id, name = u.name, price = u.price::numeric, stock = u.stock, \
              category = u.category, status = u.status, low_stock = u.low_stock, threshold = u.threshold, \
              first_seen_at = u.first_seen_at, last_event_at = u.last_event_at, last_event_id = u.last_event_id, \
              deleted_at = u.deleted_at, value_ages = u.value_ages::jsonb \
          FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) AS u (product_id, seller_id, name, price, \
              stock, category, status, low_stock, threshold, first_seen_at, last_event_at, last_event_id, deleted_at, value_ages) \
          WHERE s.product_id = u.product_id",
    types: TYPES,
};

const TYPES: &[Type] = &[
    Type::TEXT_ARRAY,
    Type::TEXT_ARRAY,
    Type::TEXT_ARRAY,
    Type::TEXT_ARRAY,
    Type::INT8_ARRAY,
    Type::TEXT_ARRAY,
    Type::TEXT_ARRAY,
    Type::BOOL_ARRAY,
    Type::INT8_ARRAY,
    Type::TIMESTAMPTZ_ARRAY,
    Type::TIMESTAMPTZ_ARRAY,
    Type::TEXT_ARRAY,
    Type::TIMESTAMPTZ_ARRAY,
    Type::TEXT_ARRAY,
];

/// How often another writer may bring a product in between our look and our insert. Rows are never deleted, so the
/// second look finds it.
const TRIES: usize = 3;

/// Locks the rows of the draft's products that are there.
pub(in super::super) async fn lock(
    client: &Client,
    preparing: &Preparing,
    draft: &Draft<'_>,
) -> Result<Vec<Row>, Error> {
    let products: BTreeSet<&str> = draft
        .events
        .iter()
        .map(|event| event.product_id.as_str())
        .collect();
    lock_these(client, preparing, Vec::from_iter(products)).await
}

async fn lock_these(client: &Client, preparing: &Preparing, products: Vec<&str>) -> Result<Vec<Row>, Error> {
    if products.is_empty() {
        return Ok(Vec::new());
    }
    LOCK.rows(client, preparing, &[&products]).await
}

/// Takes events in; `locked` are the rows of their products that are there.
pub(in super::super) async fn take_in(
    client: &Client,
    preparing: &Preparing,
    events: &[&Event],
    mut locked: Vec<Row>,
) -> Result<(), Error> {
    let mut left: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events {
        left.entry(&event.product_id).or_default().push(event);
    }
    for _ in 0..TRIES {
        let there = taken_in(locked, &left)?;
        change(client, preparing, &there.changed).await?;
        left.retain(|product, _| !there.known.contains(*product));
        let added = add(client, preparing, &left).await?;
        left.retain(|product, _| !added.contains(*product));
        if left.is_empty() {
            return Ok(());
        }
        locked = lock_these(client, preparing, left.keys().copied().collect()).await?;
    }
    Ok(())
}

/// What becomes of rows that are there.
struct TakenIn {
    known: BTreeSet<String>,
    changed: Vec<StateRow>,
}

fn taken_in(locked: Vec<Row>, events: &BTreeMap<&str, Vec<&Event>>) -> Result<TakenIn, Error> {
    let mut taken = TakenIn {
        known: BTreeSet::new(),
        changed: Vec::new(),
    };
    for row in &locked {
        let before = State::from(stored(row)?);
        let mut state = before.clone();
        for event in events.get(state.product_id.as_str()).into_iter().flatten() {
            state.learn(event);
        }
        taken.known.insert(state.product_id.clone());
        if state != before {
            taken.changed.push(state.row());
        }
    }
    Ok(taken)
}

fn stored(row: &Row) -> Result<StoredState, Error> {
    let ages: String = row.try_get(10)?;
    Ok(StoredState {
        product_id: row.try_get(0)?,
        seller_id: row.try_get(1)?,
        name: row.try_get(2)?,
        price: row.try_get(3)?,
        stock: row.try_get(4)?,
        category: row.try_get(5)?,
        threshold: row.try_get(6)?,
        first_seen_at: row.try_get(7)?,
        last_event_at: row.try_get(8)?,
        last_event_id: row.try_get(9)?,
        // What is not ours says nothing: its values are of the last event then.
        ages: serde_json::from_str::<Ages>(&ages).unwrap_or_default(),
    })
}

async fn add(
    client: &Client,
    preparing: &Preparing,
    events: &BTreeMap<&str, Vec<&Event>>,
) -> Result<BTreeSet<String>, Error> {
    let made = events.values().filter_map(|events| {
        let (first, others) = events.split_first()?;
        let mut state = State::new(first);
        others.iter().for_each(|event| state.learn(event));
        Some(state.row())
    });
    let made: Vec<_> = made.collect();
    if made.is_empty() {
        return Ok(BTreeSet::new());
    }
    let columns = Columns::of(&made);
    let added = ADD.rows(client, preparing, &columns.values()).await?;
    added.iter().map(|row| row.try_get(0)).collect()
}

async fn change(client: &Client, preparing: &Preparing, rows: &[StateRow]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let columns = Columns::of(rows);
    CHANGE
        .execute(client, preparing, &columns.values())
        .await
        .map(drop)
}

/// Rows as arrays, in the order of the statements.
struct Columns<'r>(Vec<Box<dyn ToSql + Sync + Send + 'r>>);

// === impl Columns ===

impl<'r> Columns<'r> {
    fn of(rows: &'r [StateRow]) -> Self {
        fn column<'r, T: ToSql + Sync + Send + 'r>(
            rows: &'r [StateRow],
            get: impl Fn(&'r StateRow) -> T,
        ) -> Box<dyn ToSql + Sync + Send + 'r> {
            Box::new(rows.iter().map(get).collect::<Vec<_>>())
        }
        Self(vec![
            column(rows, |row| row.product_id.as_str()),
            column(rows, |row| row.seller_id.as_deref()),
            column(rows, |row| row.name.as_deref()),
            column(rows, |row| row.price.as_deref()),
            column(rows, |row| row.stock),
            column(rows, |row| row.category.as_deref()),
            column(rows, |row| row.status),
            column(rows, |row| row.low_stock),
            column(rows, |row| row.threshold),
            column(rows, |row| row.first_seen_at),
            column(rows, |row| row.last_event_at),
            column(rows, |row| row.last_event_id.as_str()),
            column(rows, |row| row.deleted_at),
            column(rows, |row| row.value_ages.as_str()),
        ])
    }

    fn values(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.0
            .iter()
            .map(|column| &**column as &(dyn ToSql + Sync))
            .collect()
    }
}
