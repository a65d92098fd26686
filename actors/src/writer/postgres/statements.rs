//! The statements of a write, and the order in which they are sent.

use super::{
    rows::{Parameter, Rows, Version},
    table::Table,
    tables::{AUTHORS, COMMENTS, CRAWL_ERRORS, INGESTED_BATCHES, POST_ANALYTICS, REJECTED_ITEMS},
    upsert,
};
use crate::{
    domain::Items,
    faults::{self, Point},
    messages::ParsedBatch,
    writer::outcome::{Outcome, TableRows},
};
use deadpool_postgres::ClientWrapper;
use std::{
    collections::HashSet,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio_postgres::{
    error::SqlState,
    types::{ToSql, Type},
};

/// Rows that one statement carries: its parameters are in memory several times over on their way out.
const ROWS_A_STATEMENT: usize = 4_000;

/// Bytes of values that one statement carries, for the same reason: a text of the event is sent with each of its posts.
pub(super) const BYTES_A_STATEMENT: usize = 4 << 20;

/// The text of every statement, made once.
pub(super) struct Statements {
    statement_timeout: Duration,
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

/// How long the server may wait in one transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) statement: Duration,
    pub(super) lock: Duration,
}

/// The transaction of an event that was stored before writes nothing, so its commit would wait for no standby,
/// though the event's first commit may not have reached one. With this it has something to wait for.
pub(super) const LEAVE_A_TRACE: &str = "SELECT pg_logical_emit_message(true, 'millrace', ''::text)";

/// What a server says of prepared statements when a pooler swaps connections: unknown, or there already.
const SWAPPED: [SqlState; 2] = [
    SqlState::INVALID_SQL_STATEMENT_NAME,
    SqlState::DUPLICATE_PSTATEMENT,
];

// === impl Statements ===

impl Statements {
    pub(super) fn new(statement_timeout: Duration) -> Self {
        Self {
            statement_timeout,
            unprepared: AtomicBool::new(false),
            ledger: Insert::new(&INGESTED_BATCHES),
            posts: Insert::new(&POST_ANALYTICS),
            authors: Insert::new(&AUTHORS),
            comments: Insert::new(&COMMENTS),
            crawl_errors: Insert::new(&CRAWL_ERRORS),
            rejected_items: Insert::new(&REJECTED_ITEMS),
        }
    }

    /// What may be waited for in the write of these batches.
    pub(super) fn patience(&self, batches: &[&ParsedBatch]) -> Patience {
        // A row that was locked at the first attempt is either free again or still locked.
        let waited_before = batches.iter().any(|batch| batch.event.delivery.attempt > 1);
        let share = if waited_before { 8 } else { 2 };
        Patience {
            statement: self.statement_timeout,
            lock: self.statement_timeout / share,
        }
    }

    /// Everything but the commit. The ledger first: it says which events are new, and only their rows follow.
    pub(super) async fn fill<'a>(
        &self,
        client: &ClientWrapper,
        batches: &[&'a ParsedBatch],
        patience: Patience,
    ) -> Result<Outcome<'a>, tokio_postgres::Error> {
        client.batch_execute(&patience.begin()).await?;
        reached(Point::WriteBegin, batches);
        self.prepare(client).await?;
        let mut unseen = self.enter(client, batches).await?;
        // An event that comes twice in one write is stored once.
        let (stored, repeated): (Vec<_>, Vec<_>) = batches
            .iter()
            .copied()
            .partition(|batch| unseen.remove(&batch.event.event_id));
        let rows = self.insert(client, &stored).await?;
        if stored.is_empty() {
            client.batch_execute(LEAVE_A_TRACE).await?;
        }
        reached(Point::WriteEnd, batches);
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

    /// Notes what an error says of poolers.
    pub(super) fn learn(&self, error: &tokio_postgres::Error) {
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
        let rejections = each(stored, |items| &items.rejected).chain(each(stored, |items| &items.curtailed));
        let rejected_items = self.rejected_items.run(client, unprepared, rejections);
        let rows: usize = stored.iter().map(|batch| batch.items.row_count()).sum();
        let bytes: usize = stored.iter().map(|batch| batch.bytes).sum();
        let is_small = rows <= ROWS_A_STATEMENT && bytes <= BYTES_A_STATEMENT;
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

pub(super) fn reached(point: Point, batches: &[&ParsedBatch]) {
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

// === impl Patience ===

impl Patience {
    /// Begins a transaction. All settings are local to it, so that they also hold behind a connection pooler. What
    /// the server or the role has for defaults must not change what is stored: notes on the age of values hold times.
    pub(super) fn begin(self) -> String {
        let millis = |time: Duration| time.as_millis().max(1);
        let statement = millis(self.statement);
        // A wait for a lock must end before the statement does, to be told apart from slow work.
        format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = {statement}; \
             SET LOCAL lock_timeout = {lock}; SET LOCAL idle_in_transaction_session_timeout = {statement}; \
             SET LOCAL TimeZone = 'UTC'",
            lock = millis(self.lock),
        )
    }
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
