//! The tail of the line: several batches, one transaction.

use super::{
    blame::Blame,
    database::{Database, Lease},
    rows::{Parameter, Rows, Version},
    table::Table,
    tables::{AUTHORS, COMMENTS, CRAWL_ERRORS, INGESTED_BATCHES, POST_ANALYTICS, REJECTED_ITEMS},
    upsert,
};
use crate::{
    domain::Items,
    faults::{self, Point},
    messages::ParsedBatch,
    supervision::{Fault, Load, Sink},
    trace::{self, Kind},
    writer::{
        WriterMetrics,
        outcome::{Outcome, TableRows},
    },
};
use deadpool_postgres::ClientWrapper;
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::{
    error::SqlState,
    types::{ToSql, Type},
};

/// Rows that one statement carries: its parameters are in memory several times over on their way out.
const ROWS_A_STATEMENT: usize = 4_000;

/// Bytes of values that one statement carries, for the same reason: a text of the event is sent with each of its posts.
const BYTES_A_STATEMENT: usize = 8 << 20;

/// Stores parsed batches. Cheap to clone; each clone takes one connection while it writes.
#[derive(Clone)]
pub struct Writer {
    database: Database,
    metrics: WriterMetrics,
    statements: Arc<Statements>,
}

/// The text of every statement, made once.
struct Statements {
    begin: String,
    /// Send statements without preparing them. Preparing saves planning, a fourth of the time of a
    /// small write, but a connection pooler may give each transaction another connection, where
    /// nothing was prepared. The first refusal for that reason sets this for good.
    unprepared: AtomicBool,
    ledger: Insert<()>,
    posts: Insert<crate::domain::Post>,
    authors: Insert<crate::domain::Author>,
    comments: Insert<crate::domain::Comment>,
    crawl_errors: Insert<crate::domain::CrawlError>,
    rejected_items: Insert<crate::domain::RejectedItem>,
}

/// A table and its insert statement.
struct Insert<T: 'static> {
    table: &'static Table<T>,
    sql: String,
}

/// Tries for a transaction that collided with another before the database counts as down.
const COLLISIONS: u32 = 4;

/// What a server says of prepared statements when a pooler swaps connections: unknown, or there already.
const SWAPPED: [SqlState; 2] = [
    SqlState::INVALID_SQL_STATEMENT_NAME,
    SqlState::DUPLICATE_PSTATEMENT,
];

// === impl Writer ===

impl Writer {
    /// A writer into `database`.
    pub fn new(database: Database, metrics: WriterMetrics) -> Self {
        let statements = Arc::new(Statements::new(database.limits().statement));
        Self {
            database,
            metrics,
            statements,
        }
    }

    async fn write_once<'a>(&self, batches: &[&'a ParsedBatch]) -> Result<Outcome<'a>, Blame> {
        let lease = self.database.lease().await?;
        // The server bounds each statement, and this bounds a server that is not there any more.
        let patience = self.database.limits().statement * 2 + self.database.limits().connect;
        let Ok(written) = timeout(patience, self.statements.transact(&lease, batches)).await else {
            let detail = format!("a transaction took longer than {patience:?}");
            return Err(Blame::Fault(self.database.outage(detail)));
        };
        match written {
            Ok(outcome) => {
                lease.give_back();
                Ok(outcome)
            }
            Err(error) => {
                self.statements.learn(&error);
                Err(self.abandon(lease, error.into()).await)
            }
        }
    }

    /// Ends a failed transaction. Whether a COMMIT without an answer took effect need not be known:
    /// the event comes again, and the ledger knows.
    async fn abandon(&self, lease: Lease, blame: Blame) -> Blame {
        if blame.leaves_connection_usable() {
            let rollback = lease.batch_execute("ROLLBACK");
            if let Ok(Ok(())) = timeout(self.database.limits().connect, rollback).await {
                lease.give_back();
            }
        }
        match blame {
            Blame::Fault(Fault::Outage { detail, .. }) => Blame::Fault(self.database.outage(detail)),
            blame => blame,
        }
    }
}

impl Sink for Writer {
    type In = ParsedBatch;

    const VERB: &'static str = "write";
    const KIND: Kind = Kind::Client;

    fn load(input: &ParsedBatch) -> Load {
        Load {
            rows: input.items.row_count(),
            bytes: input.bytes,
        }
    }

    async fn write(&mut self, batches: &[&ParsedBatch]) -> Result<(), Fault> {
        let started = Instant::now();
        self.database.note_place();
        trace::note("millrace.events", trace::count(batches.len()));
        let mut collisions = 0;
        let written = loop {
            match self.write_once(batches).await {
                Ok(outcome) => break Ok(outcome),
                Err(Blame::Fault(fault)) => break Err(fault),
                Err(Blame::Collision(detail)) if collisions + 1 < COLLISIONS => {
                    collisions += 1;
                    tracing::debug!(collisions, detail, "transaction collided, trying again");
                    sleep(pause_after(collisions)).await;
                }
                Err(Blame::Collision(detail)) => {
                    let detail = format!("gave up after {COLLISIONS} tries: {detail}");
                    break Err(self.database.outage(detail));
                }
            }
        };
        self.metrics.pool_size(self.database.pool_status().size);
        let outcome = written?;
        trace::note(
            "millrace.rows",
            i64::try_from(outcome.row_count()).unwrap_or(i64::MAX),
        );
        self.metrics
            .count(&outcome, started.elapsed(), Instant::now().into_std());
        outcome.log();
        Ok(())
    }
}

/// Some tens of milliseconds, doubling, of which half is chance: who collided once should not
/// come back together.
fn pause_after(collisions: u32) -> Duration {
    let longest = 20 << collisions.min(6);
    Duration::from_millis(rand::random_range(longest / 2..=longest))
}

// === impl Statements ===

impl Statements {
    fn new(statement_timeout: Duration) -> Self {
        let patience = statement_timeout.as_millis().max(1);
        // Local to the transaction, so that it also holds behind a connection pooler. Waiting for
        // a lock must end before the statement does, to be told apart from slow work.
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = {patience}; \
             SET LOCAL lock_timeout = {lock}; SET LOCAL idle_in_transaction_session_timeout = {patience}",
            lock = patience.div_ceil(2)
        );
        Self {
            begin,
            unprepared: AtomicBool::new(false),
            ledger: Insert::new(&INGESTED_BATCHES),
            posts: Insert::new(&POST_ANALYTICS),
            authors: Insert::new(&AUTHORS),
            comments: Insert::new(&COMMENTS),
            crawl_errors: Insert::new(&CRAWL_ERRORS),
            rejected_items: Insert::new(&REJECTED_ITEMS),
        }
    }

    /// The ledger first: it says which events are new, and only their rows follow.
    async fn transact<'a>(
        &self,
        client: &ClientWrapper,
        batches: &[&'a ParsedBatch],
    ) -> Result<Outcome<'a>, tokio_postgres::Error> {
        client.batch_execute(&self.begin).await?;
        reached(Point::WriteBegin, batches);
        self.prepare(client).await?;
        let mut unseen = self.enter(client, batches).await?;
        // An event that comes twice in one write is stored once.
        let (stored, repeated): (Vec<_>, Vec<_>) = batches
            .iter()
            .copied()
            .partition(|batch| unseen.remove(&batch.event.event_id));
        let rows = self.insert(client, &stored).await?;
        reached(Point::WriteEnd, batches);
        client.batch_execute("COMMIT").await?;
        reached(Point::WriteCommitted, batches);
        Ok(Outcome {
            stored,
            repeated,
            rows,
        })
    }

    /// Before the first of them runs, so that they run in the order in which they are sent.
    async fn prepare(&self, client: &ClientWrapper) -> Result<(), tokio_postgres::Error> {
        if self.unprepared.load(Ordering::Relaxed) {
            return Ok(());
        }
        for sql in [
            &self.ledger.sql,
            &self.posts.sql,
            &self.authors.sql,
            &self.comments.sql,
            &self.crawl_errors.sql,
            &self.rejected_items.sql,
        ] {
            client.prepare_cached(sql).await?;
        }
        Ok(())
    }

    fn learn(&self, error: &tokio_postgres::Error) {
        if error.code().is_some_and(|code| SWAPPED.contains(code))
            && !self.unprepared.swap(true, Ordering::Relaxed)
        {
            tracing::info!("a pooler swaps our database connections, so statements are no longer prepared");
        }
    }

    async fn enter(
        &self,
        client: &ClientWrapper,
        batches: &[&ParsedBatch],
    ) -> Result<HashSet<String>, tokio_postgres::Error> {
        let rows = Rows::new(self.ledger.table, batches.iter().map(|batch| (*batch, &())));
        let parameters = rows.parameters();
        let entered = if self.unprepared.load(Ordering::Relaxed) {
            client.query_typed(&self.ledger.sql, &typed(&parameters)).await?
        } else {
            let statement = client.prepare_cached(&self.ledger.sql).await?;
            client.query(&statement, &untyped(&parameters)).await?
        };
        entered.iter().map(|row| row.try_get(0)).collect()
    }

    /// Sends all statements at once and in this order, which every transaction keeps: writers that
    /// lock tables in different orders deadlock. What takes several statements is sent table by table.
    async fn insert(
        &self,
        client: &ClientWrapper,
        stored: &[&ParsedBatch],
    ) -> Result<Vec<TableRows>, tokio_postgres::Error> {
        let unprepared = self.unprepared.load(Ordering::Relaxed);
        let posts = self
            .posts
            .run(client, unprepared, each(stored, |items| &items.posts));
        let authors = self
            .authors
            .run(client, unprepared, each(stored, |items| &items.authors));
        let comments = self
            .comments
            .run(client, unprepared, each(stored, |items| &items.comments));
        let crawl_errors = self
            .crawl_errors
            .run(client, unprepared, each(stored, |items| &items.errors));
        let rejected_items =
            self.rejected_items
                .run(client, unprepared, each(stored, |items| &items.rejected));
        let rows: usize = stored.iter().map(|batch| batch.items.row_count()).sum();
        let bytes: usize = stored.iter().map(|batch| batch.bytes).sum();
        let is_small = rows <= ROWS_A_STATEMENT && bytes <= BYTES_A_STATEMENT / 2;
        let (posts, authors, comments, crawl_errors, rejected_items) = if is_small {
            tokio::try_join!(biased; posts, authors, comments, crawl_errors, rejected_items)?
        } else {
            (
                posts.await?,
                authors.await?,
                comments.await?,
                crawl_errors.await?,
                rejected_items.await?,
            )
        };
        let ledger = TableRows::new(self.ledger.table.name, stored.len() as u64);
        Ok(vec![
            ledger,
            posts,
            authors,
            comments,
            crawl_errors,
            rejected_items,
        ])
    }
}

fn reached(point: Point, batches: &[&ParsedBatch]) {
    for batch in batches {
        faults::reached(point, &batch.event.event_id);
    }
}

fn each<'a, T>(
    batches: &[&'a ParsedBatch],
    of: fn(&'a Items) -> &'a Vec<T>,
) -> impl Iterator<Item = Version<'a, T>> {
    batches
        .iter()
        .flat_map(move |batch| of(&batch.items).iter().map(move |item| (*batch, item)))
}

fn typed<'p>(parameters: &'p [Parameter<'_>]) -> Vec<(&'p (dyn ToSql + Sync), Type)> {
    untyped(parameters)
        .into_iter()
        .zip(parameters)
        .map(|(value, (_, of))| (value, of.clone()))
        .collect()
}

fn untyped<'p>(parameters: &'p [Parameter<'_>]) -> Vec<&'p (dyn ToSql + Sync)> {
    let value = |(value, _): &'p Parameter<'_>| value.as_ref() as &(dyn ToSql + Sync);
    parameters.iter().map(value).collect()
}

// === impl Insert ===

impl<T> Insert<T> {
    fn new(table: &'static Table<T>) -> Self {
        Self {
            table,
            sql: upsert::statement(table),
        }
    }

    /// Writes the items; says how many rows were new or changed.
    async fn run<'a>(
        &self,
        client: &ClientWrapper,
        unprepared: bool,
        versions: impl Iterator<Item = Version<'a, T>>,
    ) -> Result<TableRows, tokio_postgres::Error> {
        let mut written = TableRows::new(self.table.name, 0);
        for rows in Rows::new(self.table, versions).in_chunks(ROWS_A_STATEMENT, BYTES_A_STATEMENT) {
            let parameters = rows.parameters();
            written.rows += if unprepared {
                client.execute_typed(&self.sql, &typed(&parameters)).await?
            } else {
                let statement = client.prepare_cached(&self.sql).await?;
                client.execute(&statement, &untyped(&parameters)).await?
            };
        }
        Ok(written)
    }
}
