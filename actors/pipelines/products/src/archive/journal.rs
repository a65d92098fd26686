//! Reads the members of a file from the journal, in the order in which they are archived, and never many at once.

use super::{PlannedFile, query};
use jiff::{Timestamp, civil::Date};
use millrace_engine::Fault;
use millrace_postgres::{Database, Row, types::Type};

/// An event, as the journal has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Archived {
    pub(super) id: String,
    pub(super) event_type: String,
    pub(super) at: Timestamp,
    pub(super) received_at: Timestamp,
    pub(super) product_id: String,
    pub(super) seller_id: Option<String>,
    pub(super) topic: String,
    pub(super) partition: i64,
    pub(super) offset: i64,
    pub(super) key: Option<Vec<u8>>,
    pub(super) payload: String,
}

/// The members of a file in their order, by pages.
pub(super) struct Members {
    received: (Date, Date),
    pages: std::vec::IntoIter<Vec<String>>,
}

/// Bytes of payloads that are read at once, at least one payload.
const PAGE_BYTES: i64 = 2 << 20;
/// Events that are read at once.
const PAGE_EVENTS: usize = 2_000;

/// A day is named as a whole, for the journal's key begins with it. Ids are in the order of their bytes, whatever the
/// collation of the database is.
macro_rules! of_members {
    ($columns:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM generate_series($1::timestamp, $2::timestamp, '1 day') AS day \
             CROSS JOIN unnest($3) AS member (event_id) \
             JOIN product_events AS e ON e.received_on = day::date AND e.event_id = member.event_id \
             ORDER BY e.event_at, e.event_id COLLATE \"C\""
        )
    };
}

const ORDER: &str = of_members!("e.event_id, octet_length(e.payload::text)::bigint");

const PAGE: &str = of_members!(
    "e.event_id, e.event_type, e.event_at, e.received_at, e.product_id, e.seller_id, e.topic, e.partition, \
     e.record_offset, e.record_key, e.payload::text"
);

// === impl Members ===

impl Members {
    /// Looks for the members of `file`.
    pub(super) async fn of(database: &Database, file: &PlannedFile) -> Result<Self, Fault> {
        let rows = select(database, ORDER, file.received, &file.members).await?;
        if rows.len() != file.members.len() {
            let detail = format!(
                "the journal has {} of the {} events of {}",
                rows.len(),
                file.members.len(),
                file.key
            );
            return Err(Fault::transient("members_missing", detail));
        }
        let mut pages: Vec<Vec<String>> = Vec::new();
        let mut bytes = 0;
        for row in &rows {
            let size: i64 = row.get(1);
            match pages.last_mut() {
                Some(page) if page.len() < PAGE_EVENTS && bytes + size <= PAGE_BYTES => {
                    bytes += size;
                    page.push(row.get(0));
                }
                _ => {
                    bytes = size;
                    pages.push(vec![row.get(0)]);
                }
            }
        }
        Ok(Self {
            received: file.received,
            pages: pages.into_iter(),
        })
    }

    /// The next of them; none at the end.
    pub(super) async fn next(&mut self, database: &Database) -> Result<Option<Vec<Archived>>, Fault> {
        let Some(page) = self.pages.next() else {
            return Ok(None);
        };
        let rows = select(database, PAGE, self.received, &page).await?;
        if rows.len() != page.len() {
            let detail = format!(
                "the journal has {} of {} events that it had just now",
                rows.len(),
                page.len()
            );
            return Err(Fault::transient("members_missing", detail));
        }
        Ok(Some(rows.iter().map(Archived::from).collect()))
    }
}

async fn select(
    database: &Database,
    sql: &str,
    (from, to): (Date, Date),
    members: &[String],
) -> Result<Vec<Row>, Fault> {
    let (from, to) = (from.at(0, 0, 0, 0), to.at(0, 0, 0, 0));
    let values: [query::Value<'_>; 3] = [
        (&from, Type::TIMESTAMP),
        (&to, Type::TIMESTAMP),
        (&members, Type::TEXT_ARRAY),
    ];
    query::rows(database, sql, &values).await
}

// === impl Archived ===

impl From<&Row> for Archived {
    fn from(row: &Row) -> Self {
        Self {
            id: row.get(0),
            event_type: row.get(1),
            at: row.get(2),
            received_at: row.get(3),
            product_id: row.get(4),
            seller_id: row.get(5),
            topic: row.get(6),
            partition: row.get(7),
            offset: row.get(8),
            key: row.get(9),
            payload: row.get(10),
        }
    }
}
