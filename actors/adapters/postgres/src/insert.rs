//! The insert statement of a table, sent with any number of rows.

use super::{
    arrays::Parameter,
    copy::Copy,
    rows::{Part, Rows, Version},
    table::Table,
    upsert,
};
use deadpool_postgres::ClientWrapper;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_postgres::{
    Row,
    error::SqlState,
    types::{ToSql, Type},
};

/// Rows that one statement carries: its parameters are in memory several times over on their way out.
const ROWS_A_STATEMENT: usize = 4_000;

/// Bytes of values that one statement carries, for the same reason: a text of a message is sent with each of its rows.
pub const BYTES_A_STATEMENT: usize = 4 << 20;

/// A table and its insert statement.
pub struct Insert<B: 'static, T: 'static> {
    table: &'static Table<B, T>,
    sql: String,
    copy: Option<Copy>,
}

/// Whether statements are prepared. Preparing saves planning, a fourth of the time of a small write, but a connection
/// pooler may give each transaction another connection, where nothing was prepared. The first refusal for that reason
/// ends it for good.
#[derive(Debug, Default)]
pub struct Preparing {
    swapped: AtomicBool,
}

/// Rows that are new or changed in one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableRows {
    /// The table's name.
    pub table: &'static str,
    /// How many.
    pub rows: u64,
}

/// What a server says of prepared statements when a pooler swaps connections: unknown, or there already.
pub(crate) const SWAPPED: [SqlState; 2] = [
    SqlState::INVALID_SQL_STATEMENT_NAME,
    SqlState::DUPLICATE_PSTATEMENT,
];

// === impl Preparing ===

impl Preparing {
    /// Whether it is worth while.
    pub fn pays(&self) -> bool {
        !self.swapped.load(Ordering::Relaxed)
    }

    /// Notes what an error says of poolers.
    pub fn learn(&self, error: &tokio_postgres::Error) {
        if error.code().is_some_and(|code| SWAPPED.contains(code))
            && !self.swapped.swap(true, Ordering::Relaxed)
        {
            tracing::info!("a pooler swaps our database connections, so statements are no longer prepared");
        }
    }

    /// Prepares statements before the first of them runs, so that they run in the order in which they are sent.
    ///
    /// # Errors
    /// What the database said.
    pub async fn prepare(
        &self,
        client: &ClientWrapper,
        statements: impl IntoIterator<Item = &str>,
    ) -> Result<(), tokio_postgres::Error> {
        if self.pays() {
            for sql in statements {
                client.prepare_cached(sql).await?;
            }
        }
        Ok(())
    }
}

// === impl Insert ===

impl<B, T> Insert<B, T> {
    /// The statement of this table.
    pub fn new(table: &'static Table<B, T>) -> Self {
        Self {
            table,
            sql: upsert::statement(table),
            copy: None,
        }
    }

    /// The same of a table whose rows are usually new and many: they are copied in, where none of them seems to be
    /// there. What `COPY` refuses goes the way of the others, which alone says what is wrong with a row.
    pub fn copying(table: &'static Table<B, T>) -> Self {
        Self {
            copy: Some(Copy::of(table)),
            ..Self::new(table)
        }
    }

    /// The table's name.
    pub fn table(&self) -> &'static str {
        self.table.name
    }

    /// The statement.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// Whether so many rows are one statement, and not several that wait for one another.
    pub fn is_one_statement(&self, rows: usize) -> bool {
        rows <= ROWS_A_STATEMENT && self.copy.as_ref().is_none_or(|copy| !copy.suits(rows))
    }

    /// Writes the items; says how many rows were new or changed.
    ///
    /// # Errors
    /// What the database said.
    pub async fn run<'a>(
        &self,
        client: &ClientWrapper,
        preparing: &Preparing,
        versions: impl Iterator<Item = Version<'a, B, T>>,
    ) -> Result<TableRows, tokio_postgres::Error> {
        let mut written = TableRows {
            table: self.table.name,
            rows: 0,
        };
        let rows = Rows::new(self.table, versions);
        for part in rows.in_parts(ROWS_A_STATEMENT, BYTES_A_STATEMENT) {
            let copied = match &self.copy {
                Some(copy) if preparing.pays() => copy.run(client, &part).await?,
                _ => None,
            };
            written.rows += match copied {
                Some(copied) => copied,
                None => self.upsert(client, preparing, &part).await?,
            };
        }
        Ok(written)
    }

    async fn upsert(
        &self,
        client: &ClientWrapper,
        preparing: &Preparing,
        part: &Part<'_, '_, B, T>,
    ) -> Result<u64, tokio_postgres::Error> {
        let parameters = part.parameters();
        if preparing.pays() {
            let statement = client.prepare_cached(&self.sql).await?;
            client.execute(&statement, &untyped(&parameters)).await
        } else {
            client.execute_typed(&self.sql, &typed(&parameters)).await
        }
    }

    /// Writes the items in one statement; gives the keys of those that are new, for a table without a clock.
    ///
    /// # Errors
    /// What the database said.
    pub async fn keys<'a>(
        &self,
        client: &ClientWrapper,
        preparing: &Preparing,
        versions: impl Iterator<Item = Version<'a, B, T>>,
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let rows = Rows::new(self.table, versions);
        let part = rows.whole();
        let parameters = part.parameters();
        if preparing.pays() {
            let statement = client.prepare_cached(&self.sql).await?;
            client.query(&statement, &untyped(&parameters)).await
        } else {
            client.query_typed(&self.sql, &typed(&parameters)).await
        }
    }
}

pub(crate) fn typed<'p>(parameters: &'p [Parameter<'_>]) -> Vec<(&'p (dyn ToSql + Sync), Type)> {
    untyped(parameters)
        .into_iter()
        .zip(parameters)
        .map(|(value, (_, of))| (value, of.clone()))
        .collect()
}

pub(crate) fn untyped<'p>(parameters: &'p [Parameter<'_>]) -> Vec<&'p (dyn ToSql + Sync)> {
    let value = |(value, _): &'p Parameter<'_>| value.as_ref() as &(dyn ToSql + Sync);
    parameters.iter().map(value).collect()
}
