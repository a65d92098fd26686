//! What the recent store does not have yet, and what it refuses: the database's side of the projection.

use super::{RecentEvent, RefusedEvent, journal};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use millrace_engine::Fault;
use millrace_postgres::{Client, Database, Failure, types::Type};

const EVENTS: &str = "\
    SELECT e.event_id, e.event_type, e.product_id, e.seller_id, e.event_at, e.received_at, e.expires_at, \
           e.payload::text AS payload \
    FROM unnest($1::date[], $2::text[]) AS asked (received_on, event_id) \
    JOIN product_events e ON e.received_on = asked.received_on AND e.event_id = asked.event_id";

const REFUSED: &str = "\
    INSERT INTO projection_failures (event_id, received_on, detail) \
    SELECT * FROM unnest($1::text[], $2::date[], $3::text[]) \
    ON CONFLICT (event_id) DO UPDATE SET detail = excluded.detail, failed_at = now()";

/// How many wait, and since when the oldest does. A queue that is longer than people need to know is not counted to its
/// end.
const WAITING: &str = "\
    SELECT count(*), min(q.queued_at), (SELECT count(*) FROM projection_failures) \
    FROM (SELECT queued_at FROM projection_queue LIMIT 1000000) AS q";

/// A day at a time, so that no transaction is long.
const AGAIN: &str = "\
    INSERT INTO projection_queue (event_id, received_on) \
    SELECT event_id, received_on FROM product_events \
    WHERE received_on = $1 AND received_at >= $2 AND expires_at > now() \
    ON CONFLICT (event_id) DO NOTHING";

const HOW_MANY: &str = "\
    SELECT count(*) FROM product_events WHERE received_on = $1 AND received_at >= $2 AND expires_at > now()";

/// The queue of the projection.
#[derive(Clone, Debug)]
pub struct ProjectionQueue(Database);

/// What waits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Waiting {
    /// Events that are not in the store yet.
    pub events: i64,
    /// Since when the oldest of them waits.
    pub oldest: Option<Timestamp>,
    /// Events that the store refuses.
    pub failures: i64,
}

// === impl ProjectionQueue ===

impl ProjectionQueue {
    /// Of this database.
    pub fn new(database: Database) -> Self {
        Self(database)
    }

    /// These events, by the day of the journal and the id; one that is not in the journal any more is left out.
    ///
    /// # Errors
    /// The database is away.
    pub async fn events(&self, wanted: &[(Date, &str)]) -> Result<Vec<RecentEvent>, Fault> {
        let (days, ids): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
        let lease = self.0.lease().await.map_err(Failure::of_database)?;
        let rows = lease
            .query_typed(EVENTS, &[(&days, Type::DATE_ARRAY), (&ids, Type::TEXT_ARRAY)])
            .await
            .map_err(of_database)?;
        lease.give_back();
        let events: Result<_, _> = rows.iter().map(journal::event).collect();
        events.map_err(of_database)
    }

    /// Notes what the store refuses, for people.
    ///
    /// # Errors
    /// The database is away.
    pub async fn note_refused(&self, refused: &[(Date, RefusedEvent)]) -> Result<(), Fault> {
        let ids: Vec<_> = refused.iter().map(|(_, refused)| refused.id.as_str()).collect();
        let days: Vec<_> = refused.iter().map(|(day, _)| *day).collect();
        let whys: Vec<_> = refused.iter().map(|(_, refused)| refused.why.as_str()).collect();
        let lease = self.0.lease().await.map_err(Failure::of_database)?;
        lease
            .execute_typed(
                REFUSED,
                &[
                    (&ids, Type::TEXT_ARRAY),
                    (&days, Type::DATE_ARRAY),
                    (&whys, Type::TEXT_ARRAY),
                ],
            )
            .await
            .map_err(of_database)?;
        lease.give_back();
        Ok(())
    }

    /// What waits now.
    ///
    /// # Errors
    /// The database is away.
    pub async fn waiting(&self) -> Result<Waiting, Fault> {
        let lease = self.0.lease().await.map_err(Failure::of_database)?;
        let rows = lease.query_typed(WAITING, &[]).await.map_err(of_database)?;
        lease.give_back();
        let Some(row) = rows.first() else {
            return Ok(Waiting::default());
        };
        Ok(Waiting {
            events: row.try_get(0).map_err(of_database)?,
            oldest: row.try_get(1).map_err(of_database)?,
            failures: row.try_get(2).map_err(of_database)?,
        })
    }

    /// Puts events back into the queue that were taken in since then, a day at a time; `told` hears of each day and how many
    /// events it added. With `dry_run` it only counts. Returns how many there are.
    ///
    /// # Errors
    /// The database is away; what was put back so far stays.
    pub async fn again(
        &self,
        since: Timestamp,
        dry_run: bool,
        mut told: impl FnMut(Date, u64),
    ) -> Result<u64, Fault> {
        let mut day = since.to_zoned(TimeZone::UTC).date();
        let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
        let lease = self.0.lease().await.map_err(Failure::of_database)?;
        let mut all = 0;
        while day <= today {
            let added = again_of_day(&lease, day, since, dry_run)
                .await
                .map_err(of_database)?;
            all += added;
            if added > 0 {
                told(day, added);
            }
            let Ok(next) = day.tomorrow() else { break };
            day = next;
        }
        lease.give_back();
        Ok(all)
    }
}

async fn again_of_day(
    client: &Client,
    day: Date,
    since: Timestamp,
    dry_run: bool,
) -> Result<u64, millrace_postgres::Error> {
    let values: [(&(dyn millrace_postgres::types::ToSql + Sync), Type); 2] =
        [(&day, Type::DATE), (&since, Type::TIMESTAMPTZ)];
    if dry_run {
        let rows = client.query_typed(HOW_MANY, &values).await?;
        let counted: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
        return Ok(u64::try_from(counted).unwrap_or_default());
    }
    client.execute_typed(AGAIN, &values).await
}

fn of_database(error: millrace_postgres::Error) -> Fault {
    Failure::from(error).of_database()
}
