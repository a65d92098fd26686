//! What the tables do hold.

use anyhow::Context;
use std::collections::BTreeMap;

/// Column → value as text; times are microseconds since 1970, bytes are hex.
pub type TextRow = BTreeMap<&'static str, Option<String>>;

/// The rows of every table that is computed.
#[derive(Clone, Debug, Default)]
pub struct Actual {
    pub(super) tables: BTreeMap<&'static str, Vec<TextRow>>,
}

/// How a column is read as text.
#[derive(Clone, Copy)]
enum As {
    Text,
    Micros,
    Hex,
}

struct Table {
    name: &'static str,
    columns: &'static [(&'static str, As)],
}

use As::{Hex, Micros, Text};

const TABLES: &[Table] = &[
    Table {
        name: "kafka_positions",
        columns: &[("topic", Text), ("partition", Text), ("next_offset", Text)],
    },
    Table {
        name: "product_events",
        columns: &[
            ("received_on", Text),
            ("event_id", Text),
            ("event_type", Text),
            ("product_id", Text),
            ("seller_id", Text),
            ("event_at", Micros),
            ("received_at", Micros),
            ("topic", Text),
            ("partition", Text),
            ("record_offset", Text),
            ("record_key", Hex),
            ("headers", Text),
            ("payload", Text),
            ("trace_id", Text),
        ],
    },
    Table {
        name: "product_event_ids",
        columns: &[("event_id", Text), ("received_on", Text)],
    },
    Table {
        name: "rejected_events",
        columns: &[
            ("topic", Text),
            ("partition", Text),
            ("record_offset", Text),
            ("event_id", Text),
            ("reason", Text),
            ("detail", Text),
            ("record_key", Hex),
            ("headers", Text),
            ("raw", Hex),
            ("raw_bytes", Text),
        ],
    },
    Table {
        name: "product_state",
        columns: &[
            ("product_id", Text),
            ("seller_id", Text),
            ("name", Text),
            ("price", Text),
            ("stock", Text),
            ("category", Text),
            ("status", Text),
            ("low_stock", Text),
            ("threshold", Text),
            ("first_seen_at", Micros),
            ("last_event_at", Micros),
            ("last_event_id", Text),
            ("deleted_at", Micros),
        ],
    },
    Table {
        name: "product_stats",
        columns: &[
            ("hour", Micros),
            ("event_type", Text),
            ("topic", Text),
            ("partition", Text),
            ("events", Text),
            ("rejected", Text),
            ("duplicates", Text),
        ],
    },
];

// === impl Actual ===

impl Actual {
    /// Reads every table.
    ///
    /// # Errors
    /// A table cannot be read.
    pub async fn read(client: &tokio_postgres::Client) -> anyhow::Result<Self> {
        let mut actual = Self::default();
        for Table { name, columns } in TABLES {
            let select = columns.iter().map(|(column, how)| how.expression(column));
            let query = format!("SELECT {} FROM {name}", select.collect::<Vec<_>>().join(", "));
            let rows = client
                .query(&query, &[])
                .await
                .with_context(|| format!("cannot read {name}"))?;
            let read = |row: tokio_postgres::Row| {
                let value = |(at, (column, _)): (usize, &(&'static str, As))| (*column, row.get(at));
                columns.iter().enumerate().map(value).collect::<TextRow>()
            };
            actual.tables.insert(name, rows.into_iter().map(read).collect());
        }
        Ok(actual)
    }

    /// Rows of a table.
    pub fn rows(&self, table: &str) -> &[TextRow] {
        self.tables.get(table).map(Vec::as_slice).unwrap_or_default()
    }

    /// Rows that did not come from a database.
    #[cfg(test)]
    pub(super) fn of(tables: impl IntoIterator<Item = (&'static str, Vec<TextRow>)>) -> Self {
        Self {
            tables: tables.into_iter().collect(),
        }
    }
}

// === impl As ===

impl As {
    fn expression(self, column: &str) -> String {
        match self {
            Self::Text => format!("{column}::text"),
            Self::Micros => format!("(extract(epoch FROM {column}) * 1000000)::bigint::text"),
            Self::Hex => format!("encode({column}, 'hex')"),
        }
    }
}
