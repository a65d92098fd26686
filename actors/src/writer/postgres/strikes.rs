//! The strikes of suspect events, in a table: the one durable place that every replica shares.

use super::{Database, blame::Blame};
use crate::{
    strikes::{Strike, StrikeBook},
    supervision::Fault,
};
use futures_util::{FutureExt, future::BoxFuture};
use tokio_postgres::{
    Row,
    types::{ToSql, Type},
};

/// A strike that was left over, by an acquittal that did not arrive, is forgotten after an hour.
const STRIKE: &str = "\
    INSERT INTO suspects AS s (event_id, strikes, first_struck_at, last_struck_at) \
    VALUES ($1, 1, now(), now()) \
    ON CONFLICT (event_id) DO UPDATE SET \
        strikes = CASE WHEN s.last_struck_at < now() - interval '1 hour' THEN 1 ELSE s.strikes + 1 END, \
        last_struck_at = now() \
    RETURNING strikes, EXISTS (SELECT FROM ingested_batches WHERE event_id = $1)";

const ACQUIT: &str = "DELETE FROM suspects WHERE event_id = $1";

/// A [`StrikeBook`] in Postgres.
#[derive(Clone, Debug)]
pub struct Strikes(Database);

// === impl Strikes ===

impl Strikes {
    /// The book that all replicas on this database share.
    pub fn new(database: Database) -> Self {
        Self(database)
    }

    /// Runs a statement about one event.
    async fn run(self, sql: &'static str, event_id: String) -> Result<Vec<Row>, Fault> {
        let answer = async {
            let lease = self.0.lease().await?;
            let event_id: (&(dyn ToSql + Sync), Type) = (&event_id, Type::TEXT);
            let rows = lease.query_typed(sql, &[event_id]).await?;
            lease.give_back();
            Ok(rows)
        };
        match tokio::time::timeout(self.0.limits().statement, answer).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(Blame::Fault(fault))) => Err(fault),
            Ok(Err(Blame::Collision(detail) | Blame::Doubt { detail, .. })) => Err(self.0.outage(detail)),
            Err(_) => Err(self.0.outage("no answer about a suspect event")),
        }
    }
}

impl StrikeBook for Strikes {
    fn strike(&self, event_id: String) -> BoxFuture<'static, Result<Strike, Fault>> {
        let rows = self.clone().run(STRIKE, event_id);
        let strike = |rows: Vec<Row>| Strike {
            strikes: rows
                .first()
                .map_or(0, |row| row.get::<_, i64>(0))
                .try_into()
                .unwrap_or(u32::MAX),
            stored: rows.first().is_some_and(|row| row.get(1)),
        };
        rows.map(move |rows| rows.map(strike)).boxed()
    }

    fn acquit(&self, event_id: String) -> BoxFuture<'static, Result<(), Fault>> {
        self.clone()
            .run(ACQUIT, event_id)
            .map(|rows| rows.map(drop))
            .boxed()
    }
}
