//! The strikes of suspect events, in a table: the one durable place that every replica shares.

use super::{Database, blame::Blame};
use crate::{strikes::StrikeBook, supervision::Fault};
use futures_util::{FutureExt, future::BoxFuture};
use tokio_postgres::types::{ToSql, Type};

/// A strike that was left over, by an acquittal that did not arrive, is forgotten after an hour.
const STRIKE: &str = "\
    INSERT INTO suspects AS s (event_id, strikes, first_struck_at, last_struck_at) \
    VALUES ($1, 1, now(), now()) \
    ON CONFLICT (event_id) DO UPDATE SET \
        strikes = CASE WHEN s.last_struck_at < now() - interval '1 hour' THEN 1 ELSE s.strikes + 1 END, \
        last_struck_at = now() \
    RETURNING strikes";

const ACQUIT: &str = "DELETE FROM suspects WHERE event_id = $1 RETURNING strikes";

/// A [`StrikeBook`] in Postgres.
#[derive(Clone, Debug)]
pub struct Strikes(Database);

// === impl Strikes ===

impl Strikes {
    /// The book that all replicas on this database share.
    pub fn new(database: Database) -> Self {
        Self(database)
    }

    /// Runs a statement that returns the strikes of an event, if it has any.
    async fn run(self, sql: &'static str, event_id: String) -> Result<u32, Fault> {
        let answer = async {
            let lease = self.0.lease().await?;
            let event_id: (&(dyn ToSql + Sync), Type) = (&event_id, Type::TEXT);
            let rows = lease.query_typed(sql, &[event_id]).await?;
            lease.give_back();
            Ok(rows.first().map_or(0, |row| row.get::<_, i64>(0)))
        };
        match tokio::time::timeout(self.0.limits().statement, answer).await {
            Ok(Ok(strikes)) => Ok(u32::try_from(strikes).unwrap_or(u32::MAX)),
            Ok(Err(Blame::Fault(fault))) => Err(fault),
            Ok(Err(Blame::Collision(detail))) => Err(self.0.outage(detail)),
            Err(_) => Err(self.0.outage("no answer about a suspect event")),
        }
    }
}

impl StrikeBook for Strikes {
    fn strike(&self, event_id: String) -> BoxFuture<'static, Result<u32, Fault>> {
        self.clone().run(STRIKE, event_id).boxed()
    }

    fn acquit(&self, event_id: String) -> BoxFuture<'static, Result<(), Fault>> {
        let acquitted = self.clone().run(ACQUIT, event_id);
        acquitted.map(|strikes| strikes.map(drop)).boxed()
    }
}
