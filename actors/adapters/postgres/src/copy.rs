//! Binary `COPY` of rows straight into their table, where none of them seems to be there.
//!
//! A few keys of the rows are looked for first. Where none is there all are copied, under a savepoint: a key that was
//! there after all, or that another writer brings in at the same time, ends the copy, and the upsert takes over. Rows
//! are copied in the order of their keys, as they are upserted, so writers of either kind do not deadlock.

use super::{
    insert::untyped,
    rows::Part,
    table::{Rule, Table, VALUE_AGES},
    upsert::unnested,
    wire,
};
use bytes::Bytes;
use deadpool_postgres::ClientWrapper;
use futures_util::{SinkExt, future::join};
use std::{
    mem,
    pin::pin,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};
use tokio_postgres::{CopyInSink, Error, error::SqlState};

/// The statements of a table.
pub(crate) struct Copy {
    table: &'static str,
    sql: String,
    /// Whether one of some keys is there, or anything is in the way.
    probe: String,
    /// It is no table that can be copied into.
    refused: AtomicBool,
    /// So many times it is not tried, because it has failed.
    resting: AtomicU32,
}

/// Fewer rows are not worth a question: copied or not, they cost as much.
const FEWEST: usize = 32;

/// Keys that are looked for.
const PROBED: usize = 64;

/// A copy that fails was for nothing. Where some rows are there, and samples do not show it, one in so many is tried.
const REST: u32 = 8;

/// Bytes that are sent at a time. Buffers of a connection grow to as much, whatever comes through.
const CHUNK: usize = 64 << 10;

// === impl Copy ===

impl Copy {
    pub(crate) fn of<B, T>(table: &'static Table<B, T>) -> Self {
        let ages = table.has_ages().then_some(VALUE_AGES);
        let columns = table.columns.iter().map(|column| column.name).chain(ages);
        let columns = columns.collect::<Vec<_>>().join(", ");
        Self {
            table: table.name,
            sql: format!("COPY {} ({columns}) FROM STDIN (FORMAT binary)", table.name),
            probe: probe(table),
            refused: AtomicBool::new(false),
            resting: AtomicU32::new(0),
        }
    }

    /// Whether so many rows may be copied.
    pub(crate) fn suits(&self, rows: usize) -> bool {
        rows >= FEWEST && !self.refused.load(Ordering::Relaxed)
    }

    /// Copies the rows, and says how many; none where that is not the way: nothing of them is there then.
    ///
    /// # Errors
    /// What ends the transaction.
    pub(crate) async fn run<B, T>(
        &self,
        client: &ClientWrapper,
        part: &Part<'_, '_, B, T>,
    ) -> Result<Option<u64>, Error> {
        if !self.suits(part.rows.len()) || self.rests() || self.meets(client, part).await? {
            return Ok(None);
        }
        let statement = client.prepare_cached(&self.sql).await?;
        // Polled in their order, and what is polled first is sent first.
        let (saved, sink) = join(client.batch_execute("SAVEPOINT copy"), client.copy_in(&statement)).await;
        saved?;
        // A connection on which a copy does not even begin is of no more use: see `roll_back` in `transactions`.
        let sink = sink.inspect_err(|error| self.learn(error))?;
        match send(sink, part).await {
            Ok(copied) => client.batch_execute("RELEASE copy").await.map(|()| Some(copied)),
            Err(error) if gives_way(&error) => {
                tracing::debug!(table = self.table, %error, "rows could not be copied, inserting them");
                self.resting.store(REST, Ordering::Relaxed);
                let back = client.batch_execute("ROLLBACK TO copy; RELEASE copy").await;
                back.map(|()| None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the last copy that failed was not long ago. Each counts once.
    fn rests(&self) -> bool {
        let fewer = |resting: u32| resting.checked_sub(1);
        self.resting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer)
            .is_ok()
    }

    /// Whether some of the rows are there.
    async fn meets<B, T>(&self, client: &ClientWrapper, part: &Part<'_, '_, B, T>) -> Result<bool, Error> {
        let statement = client.prepare_cached(&self.probe).await?;
        let sample = part.sample(PROBED);
        let found = client.query_one(&statement, &untyped(&sample.keys())).await?;
        found.try_get(0)
    }

    /// A table that cannot be copied into is not tried again.
    fn learn(&self, error: &Error) {
        let for_good = [SqlState::FEATURE_NOT_SUPPORTED, SqlState::WRONG_OBJECT_TYPE];
        if error.code().is_some_and(|code| for_good.contains(code))
            && !self.refused.swap(true, Ordering::Relaxed)
        {
            tracing::info!(table = self.table, %error, "this table cannot be copied into; its rows are inserted");
        }
    }
}

async fn send<B, T>(sink: CopyInSink<Bytes>, part: &Part<'_, '_, B, T>) -> Result<u64, Error> {
    let mut sink = pin!(sink);
    let buffer = || Vec::with_capacity(CHUNK * 2);
    let mut out = buffer();
    wire::begin(&mut out);
    for row in &part.rows {
        wire::put_row(part.table, row, &mut out);
        if out.len() < CHUNK {
            continue;
        }
        let mut chunk = Bytes::from(mem::replace(&mut out, buffer()));
        // Of a row that is longer than most.
        while chunk.len() > CHUNK * 2 {
            sink.feed(chunk.split_to(CHUNK)).await?;
        }
        sink.feed(chunk).await?;
    }
    wire::end(&mut out);
    sink.feed(out.into()).await?;
    sink.finish().await
}

/// Whether the upsert may do better, or has to say what is wrong with a row.
fn gives_way(error: &Error) -> bool {
    error
        .code()
        .is_some_and(|code| ["22", "23", "54"].contains(&&code.code()[..2]))
}

/// Looks for the keys one by one, each by the index, whatever the planner thinks of the table. `COPY` is not for tables
/// with row-level security, and goes partition by partition instead of in the order of the keys.
fn probe<B, T>(table: &Table<B, T>) -> String {
    let keys = || table.columns.iter().filter(|column| column.rule == Rule::Key);
    let rows = unnested(keys().map(|column| (column.name, column.get.wire_type())));
    let equal = keys().map(|column| format!("t.{0} = u.{0}", column.name));
    let equal = equal.collect::<Vec<_>>().join(" AND ");
    format!(
        "SELECT relkind <> 'r' OR row_security_active(oid) OR EXISTS ( \
             SELECT FROM (SELECT {rows}) AS u \
             CROSS JOIN LATERAL (SELECT FROM {name} AS t WHERE {equal} LIMIT 1) AS there) \
         FROM pg_class WHERE oid = '{name}'::regclass",
        name = table.name
    )
}
