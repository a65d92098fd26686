//! The statements of a write, and the order in which they are sent.

use super::{
    probe,
    tables::{AUTHORS, COMMENTS, CRAWL_ERRORS, INGESTED_BATCHES, POST_ANALYTICS, REJECTED_ITEMS},
    written::Written,
};
use crate::{domain::Items, failpoints, messages::ParsedBatch};
use futures_util::{
    FutureExt,
    future::{LocalBoxFuture, try_join_all},
};
use millrace_engine::failpoints::{Point, reached};
use millrace_postgres::{
    BYTES_A_STATEMENT, Client, Error, Insert, LEAVE_A_TRACE, Preparing, Table, TableRows, Write,
};
use std::{collections::HashSet, sync::Arc};

/// The text of every statement, made once. Cheap to clone.
#[derive(Clone)]
pub(super) struct Statements(Arc<Inserts>);

struct Inserts {
    preparing: Preparing,
    ledger: Insert<ParsedBatch, ()>,
    /// The others, in the order of every transaction.
    others: Vec<Box<dyn Filled>>,
}

/// A table that is filled from the items of batches.
trait Filled: Send + Sync {
    fn name(&self) -> &'static str;

    fn sql(&self) -> &str;

    /// Whether the rows of these batches are one statement.
    fn is_one_statement(&self, stored: &[&ParsedBatch]) -> bool;

    fn run<'a>(
        &'a self,
        client: &'a Client,
        preparing: &'a Preparing,
        stored: &'a [&ParsedBatch],
    ) -> LocalBoxFuture<'a, Result<TableRows, Error>>;
}

/// Its statement, and which items are its rows.
struct Of<T: 'static> {
    insert: Insert<ParsedBatch, T>,
    rows: Vec<fn(&Items) -> &Vec<T>>,
}

/// Every table but the ledger, each named here and nowhere else. Every transaction keeps this order: writers that lock
/// tables in different orders deadlock.
fn others() -> Vec<Box<dyn Filled>> {
    vec![
        copied(&POST_ANALYTICS, vec![|items| &items.posts]),
        copied(&COMMENTS, vec![|items| &items.comments]),
        of(&CRAWL_ERRORS, vec![|items| &items.errors]),
        // Beside the items that are no rows, what is said of those whose comments are not all rows.
        of(
            &REJECTED_ITEMS,
            vec![|items| &items.rejected, |items| &items.curtailed],
        ),
        // Rows that many batches share are locked until the commit, so the last are locked for the shortest time.
        of(&AUTHORS, vec![|items| &items.authors]),
    ]
}

fn of<T: Send + Sync + 'static>(
    table: &'static Table<ParsedBatch, T>,
    rows: Vec<fn(&Items) -> &Vec<T>>,
) -> Box<dyn Filled> {
    let insert = Insert::new(table);
    Box::new(Of { insert, rows })
}

/// The same of a table into which many new rows come at a time.
fn copied<T: Send + Sync + 'static>(
    table: &'static Table<ParsedBatch, T>,
    rows: Vec<fn(&Items) -> &Vec<T>>,
) -> Box<dyn Filled> {
    let insert = Insert::copying(table);
    Box::new(Of { insert, rows })
}

/// The names of all tables, as metric labels.
pub(super) fn names() -> Vec<&'static str> {
    let others = others();
    let others = others.iter().map(|table| table.name());
    std::iter::once(INGESTED_BATCHES.name).chain(others).collect()
}

/// What is sent to fill the tables, by their names.
pub fn statements() -> Vec<(&'static str, String)> {
    let ledger = Insert::new(&INGESTED_BATCHES);
    let others = others();
    let others = others.iter().map(|table| (table.name(), table.sql().to_owned()));
    std::iter::once((ledger.table(), ledger.sql().to_owned()))
        .chain(others)
        .collect()
}

// === impl Of ===

impl<T: Send + Sync + 'static> Filled for Of<T> {
    fn name(&self) -> &'static str {
        self.insert.table()
    }

    fn sql(&self) -> &str {
        self.insert.sql()
    }

    fn is_one_statement(&self, stored: &[&ParsedBatch]) -> bool {
        let lists = self
            .rows
            .iter()
            .flat_map(|rows| stored.iter().map(|batch| rows(&batch.items)));
        self.insert.is_one_statement(lists.map(Vec::len).sum())
    }

    fn run<'a>(
        &'a self,
        client: &'a Client,
        preparing: &'a Preparing,
        stored: &'a [&ParsedBatch],
    ) -> LocalBoxFuture<'a, Result<TableRows, Error>> {
        let lists = self
            .rows
            .iter()
            .flat_map(move |rows| stored.iter().map(move |batch| (*batch, rows)));
        let versions =
            lists.flat_map(|(batch, rows)| rows(&batch.items).iter().map(move |item| (batch, item)));
        self.insert.run(client, preparing, versions).boxed_local()
    }
}

// === impl Statements ===

impl Default for Statements {
    fn default() -> Self {
        Self(Arc::new(Inserts {
            preparing: Preparing::default(),
            ledger: Insert::new(&INGESTED_BATCHES),
            others: others(),
        }))
    }
}

impl Write for Statements {
    type In = ParsedBatch;
    type Written<'a> = Written<'a>;

    fn id(batch: &ParsedBatch) -> &str {
        &batch.event.event_id
    }

    fn was_tried(batch: &ParsedBatch) -> bool {
        batch.event.delivery.attempt > 1
    }

    fn bytes(batch: &ParsedBatch) -> usize {
        batch.bytes
    }

    fn probe(name: String) -> ParsedBatch {
        probe::batch(&name)
    }

    /// The ledger first: it says which events are new, and only their rows follow.
    async fn fill<'a>(&'a self, client: &Client, batches: &[&'a ParsedBatch]) -> Result<Written<'a>, Error> {
        all_reached(failpoints::WRITE_BEGIN, batches);
        self.0.prepare(client).await?;
        let mut unseen = self.0.enter(client, batches).await?;
        // An event that comes twice in one write is stored once.
        let (stored, repeated): (Vec<_>, Vec<_>) = batches
            .iter()
            .copied()
            .partition(|batch| unseen.remove(&batch.event.event_id));
        let rows = self.0.insert(client, &stored).await?;
        if stored.is_empty() {
            client.batch_execute(LEAVE_A_TRACE).await?;
        }
        all_reached(failpoints::WRITE_END, batches);
        Ok(Written {
            stored,
            repeated,
            rows,
        })
    }

    fn failed(&self, error: &Error) {
        self.0.preparing.learn(error);
    }

    fn committed(batches: &[&ParsedBatch]) {
        all_reached(failpoints::WRITE_COMMITTED, batches);
    }
}

fn all_reached(point: Point, batches: &[&ParsedBatch]) {
    for batch in batches {
        reached(point, &batch.event.event_id);
    }
}

// === impl Inserts ===

impl Inserts {
    async fn prepare(&self, client: &Client) -> Result<(), Error> {
        let others = self.others.iter().map(|table| table.sql());
        let statements = std::iter::once(self.ledger.sql()).chain(others);
        self.preparing.prepare(client, statements).await
    }

    async fn enter(&self, client: &Client, batches: &[&ParsedBatch]) -> Result<HashSet<String>, Error> {
        let entries = batches.iter().map(|batch| (*batch, &()));
        let entered = self.ledger.keys(client, &self.preparing, entries).await?;
        entered.iter().map(|row| row.try_get(0)).collect()
    }

    /// Sends the statements in their order, and at once those that need not wait for one another.
    async fn insert(&self, client: &Client, stored: &[&ParsedBatch]) -> Result<Vec<TableRows>, Error> {
        let ledger = TableRows {
            table: self.ledger.table(),
            rows: stored.len() as u64,
        };
        let mut written = vec![ledger];
        let bytes: usize = stored.iter().map(|batch| batch.bytes).sum();
        let at_once = |table: &dyn Filled| bytes <= BYTES_A_STATEMENT && table.is_one_statement(stored);
        for tables in self
            .others
            .chunk_by(|one, next| at_once(&**one) && at_once(&**next))
        {
            // It polls them in their order, and what is polled first is sent first.
            let running = tables
                .iter()
                .map(|table| table.run(client, &self.preparing, stored));
            written.extend(try_join_all(running).await?);
        }
        Ok(written)
    }
}
