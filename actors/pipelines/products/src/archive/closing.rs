//! Which hours are complete: every partition has been read as far as it went when the hour was flushed, and nothing of
//! the hour waits. What a broker says of times is what producers have written into records, so its ends are noted.

use super::{
    ArchiveSettings, ArchiveStore, layout,
    planner::TURN,
    query::{self, Value},
};
use bytes::Bytes;
use jiff::Timestamp;
use millrace_engine::Fault;
use millrace_kafka::{KafkaSettings, TopicPartition};
use millrace_postgres::{Database, Failure, TimeLimits, types::Type};
use std::{collections::BTreeMap, sync::Arc};

/// How far partitions go now, as the broker knows it.
pub trait LogEnds {
    /// For each partition of the topics the offset that its next record will have.
    fn ends(&self) -> impl Future<Output = Result<Ends, Fault>> + Send;
}

/// The end of each partition.
pub type Ends = BTreeMap<TopicPartition, i64>;

/// Closes hours. Any number of replicas may do so at once.
#[derive(Debug)]
pub struct Closer {
    database: Database,
    store: ArchiveStore,
    settings: ArchiveSettings,
    group: String,
    /// How far partitions went when an hour was first looked at after it was flushed. After a restart that is later, so
    /// more is waited for and never less.
    ends: BTreeMap<Timestamp, Arc<Ends>>,
}

/// Hours that are looked at in one round; the others have their turn in the next.
const HOURS: i64 = 200;

/// Hours of which nothing waits: those that have files, and those since the first file was planned, up to two days back: an hour of which there was
/// nothing is complete as well.
const OPEN: &str = "\
    SELECT hour FROM ( \
        SELECT DISTINCT hour FROM archive_files WHERE hour <= $1 \
        UNION SELECT generate_series(greatest($1 - interval '2 days', first), $1, '1 hour') \
        FROM (SELECT date_trunc('hour', min(planned_at), 'UTC') AS first FROM archive_files) AS f WHERE first IS NOT NULL \
    ) AS h \
    WHERE NOT EXISTS (SELECT FROM archive_hours AS c WHERE c.hour = h.hour) \
        AND NOT EXISTS (SELECT FROM archive_pending AS p WHERE p.hour = h.hour) \
        AND NOT EXISTS (SELECT FROM archive_files AS f WHERE f.hour = h.hour AND f.state = 'planned') \
    ORDER BY hour LIMIT $2";

const POSITIONS: &str = "SELECT topic, partition, next_offset FROM kafka_positions WHERE group_id = $1";

const CLOSE: &str = "\
    INSERT INTO archive_hours (hour, closed_at, files, events) \
    SELECT $1, $2, count(*), coalesce(sum(events), 0)::bigint FROM archive_files WHERE hour = $1 \
    HAVING NOT EXISTS (SELECT FROM archive_pending WHERE hour = $1) \
        AND NOT EXISTS (SELECT FROM archive_files WHERE hour = $1 AND state = 'planned') \
    ON CONFLICT DO NOTHING RETURNING files, events";

const UNMARKED: &str = "\
    SELECT hour, files, events FROM archive_hours WHERE marked_at IS NULL ORDER BY hour LIMIT $1";

const MARK: &str = "UPDATE archive_hours SET marked_at = now() WHERE hour = $1";

// === impl Closer ===

impl LogEnds for KafkaSettings {
    async fn ends(&self) -> Result<Ends, Fault> {
        millrace_kafka::ends(self).await
    }
}

impl Closer {
    /// Closes hours of what the consumer group reads.
    pub fn new(database: Database, store: ArchiveStore, settings: ArchiveSettings, group: &str) -> Self {
        Self {
            database,
            store,
            settings,
            group: group.to_owned(),
            ends: BTreeMap::new(),
        }
    }

    /// Closes the hours that are complete; says which.
    ///
    /// # Errors
    /// An outage of the database, the store or the broker. What was closed stays so.
    pub async fn close(&mut self, now: Timestamp, broker: &impl LogEnds) -> Result<Vec<Timestamp>, Fault> {
        let open = self.open(now).await?;
        self.note_ends(&open, broker).await?;
        let mut closed = Vec::new();
        for hour in open {
            let ends = self.ends.get(&hour).cloned().unwrap_or_default();
            // Positions before what waits: an event moves both in one transaction.
            if self.has_read(&ends).await? && self.close_hour(hour, now).await? {
                self.ends.remove(&hour);
                closed.push(hour);
            }
        }
        if self.settings.close_marker {
            self.mark().await?;
        }
        Ok(closed)
    }

    async fn note_ends(&mut self, open: &[Timestamp], broker: &impl LogEnds) -> Result<(), Fault> {
        self.ends.retain(|hour, _| open.contains(hour));
        if open.iter().all(|hour| self.ends.contains_key(hour)) {
            return Ok(());
        }
        let ends = Arc::new(broker.ends().await?);
        for hour in open {
            self.ends.entry(*hour).or_insert_with(|| ends.clone());
        }
        Ok(())
    }

    async fn open(&self, now: Timestamp) -> Result<Vec<Timestamp>, Fault> {
        let last = now
            .checked_sub(self.settings.grace)
            .and_then(|end| end.checked_sub(jiff::SignedDuration::from_hours(1)));
        let Ok(last) = last.map(start_of_hour) else {
            return Ok(Vec::new());
        };
        let values: [Value<'_>; 2] = [(&last, Type::TIMESTAMPTZ), (&HOURS, Type::INT8)];
        let rows = query::rows(&self.database, OPEN, &values).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Whether every partition has been read to these ends.
    async fn has_read(&self, ends: &Ends) -> Result<bool, Fault> {
        let rows = query::rows(&self.database, POSITIONS, &[(&self.group, Type::TEXT)]).await?;
        let positions: BTreeMap<(&str, i64), i64> = rows
            .iter()
            .map(|row| ((row.get(0), row.get(1)), row.get(2)))
            .collect();
        let is_read = |(partition, end): (&TopicPartition, &i64)| {
            let key = (&*partition.topic, i64::from(partition.partition));
            positions.get(&key).copied().unwrap_or_default() >= *end
        };
        Ok(ends.iter().all(is_read))
    }

    async fn close_hour(&self, hour: Timestamp, now: Timestamp) -> Result<bool, Fault> {
        let limits = TimeLimits::of(self.database.limits().statement, false);
        let closing = async {
            let lease = self.database.lease().await?;
            lease.batch_execute(&limits.begin()).await?;
            let is_ours = lease.query_typed(TURN, &[]).await?;
            if !is_ours.first().is_some_and(|row| row.get(0)) {
                lease.batch_execute("ROLLBACK").await?;
                lease.give_back();
                return Ok(false);
            }
            let values: [Value<'_>; 2] = [(&hour, Type::TIMESTAMPTZ), (&now, Type::TIMESTAMPTZ)];
            let closed = lease.query_typed(CLOSE, &values).await?;
            lease.batch_execute("COMMIT").await?;
            lease.give_back();
            if let Some(row) = closed.first() {
                let (files, events): (i64, i64) = (row.get(0), row.get(1));
                tracing::info!(%hour, files, events, "an hour of the archive is complete");
            }
            Ok::<_, Failure>(!closed.is_empty())
        };
        query::in_time(&self.database, closing).await
    }

    /// A marker says what was there when the hour was closed. One that was not written is written in a later round.
    async fn mark(&self) -> Result<(), Fault> {
        for row in query::rows(&self.database, UNMARKED, &[(&HOURS, Type::INT8)]).await? {
            let (hour, files, events): (Timestamp, i64, i64) = (row.get(0), row.get(1), row.get(2));
            let key = layout::marker_key(&layout::folder(&self.settings.prefix, hour));
            let body = serde_json::json!({"hour": hour.to_string(), "files": files, "events": events});
            let body = Bytes::from(body.to_string());
            self.store.objects().put(&key, body, &[]).await?;
            query::rows(&self.database, MARK, &[(&hour, Type::TIMESTAMPTZ)]).await?;
        }
        Ok(())
    }
}

fn start_of_hour(at: Timestamp) -> Timestamp {
    let second = at.as_second();
    Timestamp::from_second(second - second.rem_euclid(3_600)).unwrap_or(at)
}
