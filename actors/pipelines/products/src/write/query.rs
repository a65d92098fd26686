//! A statement and the types of its parameters.

use millrace_postgres::{
    Client, Error, Preparing, Row,
    types::{ToSql, Type},
};

/// A statement.
pub(super) struct Query {
    pub(super) sql: &'static str,
    pub(super) types: &'static [Type],
}

/// What a statement is run with.
pub(super) type Values<'a> = [&'a (dyn ToSql + Sync)];

// === impl Query ===

impl Query {
    /// Prepares it on this connection, where that pays.
    pub(super) async fn prepare(&self, client: &Client, preparing: &Preparing) -> Result<(), Error> {
        if preparing.pays() {
            client.prepare_typed_cached(self.sql, self.types).await?;
        }
        Ok(())
    }

    /// Runs it for its rows.
    pub(super) async fn rows(
        &self,
        client: &Client,
        preparing: &Preparing,
        values: &Values<'_>,
    ) -> Result<Vec<Row>, Error> {
        if preparing.pays() {
            let statement = client.prepare_typed_cached(self.sql, self.types).await?;
            client.query(&statement, values).await
        } else {
            client.query_typed(self.sql, &self.typed(values)).await
        }
    }

    /// Runs it, and says how many rows it changed.
    pub(super) async fn execute(
        &self,
        client: &Client,
        preparing: &Preparing,
        values: &Values<'_>,
    ) -> Result<u64, Error> {
        if preparing.pays() {
            let statement = client.prepare_typed_cached(self.sql, self.types).await?;
            client.execute(&statement, values).await
        } else {
            client.execute_typed(self.sql, &self.typed(values)).await
        }
    }

    fn typed<'v>(&self, values: &Values<'v>) -> Vec<(&'v (dyn ToSql + Sync), Type)> {
        values.iter().copied().zip(self.types.iter().cloned()).collect()
    }
}
