//! What the tables do hold.

use crate::row::Row;
use anyhow::Context;
use std::collections::BTreeMap;

/// The rows of every table that the service fills.
#[derive(Clone, Debug, Default)]
pub struct Actual {
    pub(crate) tables: BTreeMap<&'static str, Vec<Row>>,
}

/// Tables and the columns of their keys.
pub(crate) const TABLES: [(&str, &[&str]); 6] = [
    ("post_analytics", &["scope", "platform", "id"]),
    ("authors", &["platform", "author_key"]),
    ("comments", &["platform", "comment_id"]),
    ("crawl_errors", &["scope", "platform", "content_id", "error_code"]),
    ("rejected_items", &["object_path", "item_index"]),
    ("ingested_batches", &["event_id"]),
];

// === impl Actual ===

impl Actual {
    /// Reads every table.
    ///
    /// # Errors
    /// A table cannot be read.
    pub async fn read(client: &tokio_postgres::Client) -> anyhow::Result<Self> {
        let mut actual = Self::default();
        for (table, _) in TABLES {
            let query = format!("SELECT row_to_json(t)::text FROM {table} t");
            let rows = client
                .query(&query, &[])
                .await
                .with_context(|| format!("cannot read {table}"))?;
            let parse = |row: tokio_postgres::Row| {
                let text: String = row.get(0);
                serde_json::from_str(&text).with_context(|| format!("unreadable row of {table}: {text}"))
            };
            actual
                .tables
                .insert(table, rows.into_iter().map(parse).collect::<anyhow::Result<_>>()?);
        }
        Ok(actual)
    }

    /// Adds rows that did not come from a database.
    ///
    /// # Panics
    /// The service has no such table.
    pub fn add(&mut self, table: &str, rows: impl IntoIterator<Item = Row>) {
        let known = TABLES.iter().find(|(name, _)| *name == table);
        let (table, _) = known.unwrap_or_else(|| panic!("no table {table}"));
        self.tables.entry(table).or_default().extend(rows);
    }

    /// Rows of a table.
    pub fn rows(&self, table: &str) -> &[Row] {
        self.tables.get(table).map(Vec::as_slice).unwrap_or_default()
    }
}
