//! What has had its time goes: days of the journal whole, ids and counts in bounded steps. And the days to come are made.

use super::{Keeping, days, draft::day};
use jiff::Timestamp;
use millrace_engine::{Fault, jitter};
use millrace_postgres::{
    Database, Failure, Row,
    types::{ToSql, Type},
};
use std::time::Duration;
use tokio::time::sleep;

/// Looks after the tables of product events. Any number of replicas may do so at once.
#[derive(Clone, Debug)]
pub struct Retention {
    database: Database,
    keeping: Keeping,
}

/// What went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Days of the journal.
    pub days: u64,
    /// Ids.
    pub ids: u64,
    /// Counts of hours.
    pub stats: u64,
}

/// Between two rounds; a part of it is chance, so that replicas do not do the same at once.
const PAUSE: Duration = Duration::from_secs(60 * 60);

/// Pages of the table of ids that one statement looks at: 16 MiB.
const PAGES: i64 = 2_000;

const DROP_DAY: &str = "SELECT product_events_drop($1)";

const PAGES_OF_IDS: &str =
    "SELECT pg_relation_size('product_event_ids') / current_setting('block_size')::bigint";

/// By place, so that a pass reads the table once and no index is needed for it. The id of an event that is still in the
/// journal stays: it is how the archive finds its event.
const FORGET_IDS: &str = "\
    DELETE FROM product_event_ids \
    WHERE ctid >= format('(%s,0)', $1)::tid AND ctid < format('(%s,0)', $2)::tid AND seen_at < $3 \
      AND received_on < (SELECT coalesce(min(to_date(right(c.relname, 8), 'YYYYMMDD')), 'infinity') \
                         FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'product_events'::regclass)";

const FORGET_STATS: &str = "\
    DELETE FROM product_stats WHERE (hour, event_type, topic, partition) IN \
        (SELECT hour, event_type, topic, partition FROM product_stats WHERE hour < $1 ORDER BY 1, 2, 3, 4 LIMIT 10000)";

type Value<'a> = (&'a (dyn ToSql + Sync), Type);

// === impl Retention ===

impl Retention {
    /// Of the tables in `database`.
    pub fn new(database: Database, keeping: Keeping) -> Self {
        Self { database, keeping }
    }

    /// Goes on for ever. What fails is tried again in the next round.
    pub async fn keep(self) {
        loop {
            sleep(PAUSE.mul_f64(jitter(0.5))).await;
            match self.tidy(Timestamp::now()).await {
                Ok(tidied) if tidied == Tidied::default() => {}
                Ok(Tidied { days, ids, stats }) => {
                    tracing::info!(
                        days,
                        ids,
                        stats,
                        "old days of the journal, ids and counts are gone"
                    );
                }
                Err(fault) => {
                    tracing::warn!(%fault, "old rows of product events could not be removed, trying later")
                }
            }
        }
    }

    /// One round, as of `now`.
    ///
    /// # Errors
    /// What the database said. What went is gone.
    pub async fn tidy(&self, now: Timestamp) -> Result<Tidied, Fault> {
        days::make(&self.database, day(now)).await?;
        Ok(Tidied {
            days: self.drop_days(now).await?,
            ids: self.forget_ids(now).await?,
            stats: self.forget_stats(now).await?,
        })
    }

    async fn drop_days(&self, now: Timestamp) -> Result<u64, Fault> {
        let keep_from = day(before(now, self.keeping.journal));
        let mut dropped = 0;
        loop {
            let rows = self.run(DROP_DAY, &[(&keep_from, Type::DATE)]).await?;
            let day: Option<jiff::civil::Date> = rows.first().and_then(|row| row.get(0));
            let Some(day) = day else {
                return Ok(dropped);
            };
            tracing::info!(%day, "dropped a day of the journal");
            dropped += 1;
        }
    }

    async fn forget_ids(&self, now: Timestamp) -> Result<u64, Fault> {
        let seen_before = before(now, self.keeping.ids);
        let rows = self.run(PAGES_OF_IDS, &[]).await?;
        let pages: i64 = rows.first().map_or(0, |row| row.get(0));
        let mut forgotten = 0;
        for first in (0..pages).step_by(PAGES as usize) {
            let next = first + PAGES;
            let values: [Value<'_>; 3] = [
                (&first, Type::INT8),
                (&next, Type::INT8),
                (&seen_before, Type::TIMESTAMPTZ),
            ];
            forgotten += self.delete(FORGET_IDS, &values).await?;
        }
        Ok(forgotten)
    }

    async fn forget_stats(&self, now: Timestamp) -> Result<u64, Fault> {
        let older_than = before(now, self.keeping.stats);
        let mut forgotten = 0;
        loop {
            let gone = self
                .delete(FORGET_STATS, &[(&older_than, Type::TIMESTAMPTZ)])
                .await?;
            forgotten += gone;
            if gone == 0 {
                return Ok(forgotten);
            }
        }
    }

    async fn run(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, Fault> {
        let running = async {
            let lease = self.database.lease().await?;
            let rows = lease.query_typed(sql, values).await?;
            lease.give_back();
            Ok::<_, Failure>(rows)
        };
        self.bounded(running).await
    }

    async fn delete(&self, sql: &str, values: &[Value<'_>]) -> Result<u64, Fault> {
        let running = async {
            let lease = self.database.lease().await?;
            let gone = lease.execute_typed(sql, values).await?;
            lease.give_back();
            Ok::<_, Failure>(gone)
        };
        self.bounded(running).await
    }

    async fn bounded<T>(&self, running: impl Future<Output = Result<T, Failure>>) -> Result<T, Fault> {
        match tokio::time::timeout(self.database.limits().statement, running).await {
            Ok(answer) => answer.map_err(Failure::of_database),
            Err(_) => Err(self.database.outage("no answer about what has had its time")),
        }
    }
}

fn before(now: Timestamp, time: Duration) -> Timestamp {
    now.checked_sub(time).unwrap_or(Timestamp::UNIX_EPOCH)
}
