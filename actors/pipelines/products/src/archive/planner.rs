//! Which events become which file, and when. By the clock, which is an argument, and not by the next event.

use super::{
    ArchiveSettings, layout,
    query::{self, Value},
};
use jiff::{SignedDuration, Timestamp};
use millrace_engine::Fault;
use millrace_postgres::{Database, Failure, TimeLimits, types::Type};
use uuid::Uuid;

/// Plans files. Any number of replicas may do so at once: one at a time does.
#[derive(Clone, Debug)]
pub struct Planner {
    database: Database,
    settings: ArchiveSettings,
}

/// What a round came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Files that were planned.
    pub files: u64,
    /// Events that are in them.
    pub events: u64,
    /// Events that wait for their time.
    pub waiting: u64,
    /// Since when the oldest waits that is in no file yet, or whose file is not stored.
    pub oldest: Option<Timestamp>,
}

/// Events of an hour that are in no file yet.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    hour: Timestamp,
    late: bool,
    events: i64,
    bytes: i64,
    since: Timestamp,
}

/// Who plans and who closes has this lock; both look at an hour as a whole.
pub(super) const TURN: &str =
    "SELECT pg_try_advisory_xact_lock(hashtextextended('millrace products archive', 0))";

const WAITING: &str = "\
    SELECT hour, late, count(*), sum(bytes)::bigint, min(since) FROM archive_pending GROUP BY hour, late ORDER BY hour, late";

const OLDEST: &str = "\
    SELECT least((SELECT min(since) FROM archive_pending), \
                 (SELECT min(planned_at) FROM archive_files WHERE state = 'planned'))";

const NEXT_SEQ: &str = "SELECT coalesce(max(seq), 0) + 1 FROM archive_files WHERE hour = $1";

/// So many events as one file may have; one of them is in it however large it is.
const PLAN: &str = "\
    WITH first AS MATERIALIZED ( \
        SELECT event_id, bytes FROM archive_pending WHERE hour = $1 AND late = $2 ORDER BY event_id LIMIT $3 FOR UPDATE), \
    chosen AS ( \
        SELECT event_id FROM (SELECT event_id, bytes, sum(bytes) OVER (ORDER BY event_id) AS up_to FROM first) AS f \
        WHERE up_to <= $4 OR up_to = bytes), \
    taken AS ( \
        DELETE FROM archive_pending AS p USING chosen WHERE p.hour = $1 AND p.event_id = chosen.event_id \
        RETURNING p.event_id, p.received_on, p.bytes) \
    INSERT INTO archive_files (file_id, hour, seq, late, state, key, members, received_from, received_to, events, bytes, planned_at) \
    SELECT $5, $1, $6, $2, 'planned', $7, array_agg(event_id ORDER BY event_id), min(received_on), max(received_on), \
        count(*), sum(bytes)::bigint, $8 \
    FROM taken HAVING count(*) > 0 RETURNING events, bytes";

// === impl Planner ===

impl Planner {
    /// Plans what waits in `database`.
    pub fn new(database: Database, settings: ArchiveSettings) -> Self {
        Self { database, settings }
    }

    /// Plans all files whose time has come.
    ///
    /// # Errors
    /// An outage of the database. What was planned stays planned.
    pub async fn plan(&self, now: Timestamp) -> Result<Round, Fault> {
        let mut round = Round::default();
        for waiting in self.waiting().await? {
            let mut left = waiting;
            while left.events > 0 && left.is_due(&self.settings, now) {
                let Some((events, bytes)) = self.plan_one(&left, now).await? else {
                    // Another replica plans; or it took these.
                    break;
                };
                round.files += 1;
                round.events += events.unsigned_abs();
                left.events -= events;
                left.bytes -= bytes;
            }
            round.waiting += left.events.unsigned_abs();
        }
        let oldest = query::rows(&self.database, OLDEST, &[]).await?;
        round.oldest = oldest.first().and_then(|row| row.get(0));
        Ok(round)
    }

    /// Whether the tables are there.
    pub(super) async fn has_tables(&self) -> Result<bool, Fault> {
        let sql =
            "SELECT to_regclass('archive_pending') IS NOT NULL AND to_regclass('archive_hours') IS NOT NULL";
        let rows = query::rows(&self.database, sql, &[]).await?;
        Ok(rows.first().is_some_and(|row| row.get(0)))
    }

    async fn waiting(&self) -> Result<Vec<Waiting>, Fault> {
        let rows = query::rows(&self.database, WAITING, &[]).await?;
        let waiting = rows.iter().map(|row| Waiting {
            hour: row.get(0),
            late: row.get(1),
            events: row.get(2),
            bytes: row.get(3),
            since: row.get(4),
        });
        Ok(waiting.collect())
    }

    /// One file, in one transaction: its events leave the table of those that wait, and are members of it. Says how many
    /// they are, and of how many bytes. None where
    /// another replica is at it, or there are none left.
    async fn plan_one(&self, waiting: &Waiting, now: Timestamp) -> Result<Option<(i64, i64)>, Fault> {
        let limits = TimeLimits::of(self.database.limits().statement, false);
        let planning = async {
            let lease = self.database.lease().await?;
            lease.batch_execute(&limits.begin()).await?;
            let is_ours = lease.query_typed(TURN, &[]).await?;
            if !is_ours.first().is_some_and(|row| row.get(0)) {
                lease.batch_execute("ROLLBACK").await?;
                lease.give_back();
                return Ok(None);
            }
            let seqs = lease
                .query_typed(NEXT_SEQ, &[(&waiting.hour, Type::TIMESTAMPTZ)])
                .await?;
            let seq: i64 = seqs.first().map_or(1, |row| row.get(0));
            let file = Uuid::now_v7();
            let folder = layout::folder(&self.settings.prefix, waiting.hour);
            let key = layout::file_key(self.settings.layout, &folder, seq, waiting.late, file);
            let most = i64::try_from(self.settings.file_events).unwrap_or(i64::MAX);
            let bytes = i64::try_from(self.settings.file_bytes).unwrap_or(i64::MAX);
            let values: [Value<'_>; 8] = [
                (&waiting.hour, Type::TIMESTAMPTZ),
                (&waiting.late, Type::BOOL),
                (&most, Type::INT8),
                (&bytes, Type::INT8),
                (&file, Type::UUID),
                (&seq, Type::INT8),
                (&key, Type::TEXT),
                (&now, Type::TIMESTAMPTZ),
            ];
            let planned = lease.query_typed(PLAN, &values).await?;
            lease.batch_execute("COMMIT").await?;
            lease.give_back();
            let planned = planned.first().map(|row| (row.get(0), row.get(1)));
            if let Some((events, _)) = planned {
                tracing::info!(
                    file.key = key,
                    file.events = events,
                    "planned a file of the archive"
                );
            }
            Ok::<_, Failure>(planned)
        };
        query::in_time(&self.database, planning).await
    }
}

// === impl Waiting ===

impl Waiting {
    fn is_due(&self, settings: &ArchiveSettings, now: Timestamp) -> bool {
        let is_full = self.bytes.unsigned_abs() >= settings.file_bytes
            || self.events.unsigned_abs() >= settings.file_events;
        let due = match self.late {
            true => self.since.checked_add(settings.late),
            false => flushed_at(self.hour, settings),
        };
        is_full || due.is_ok_and(|due| now >= due)
    }
}

/// When an hour is flushed: its end, and the grace.
fn flushed_at(hour: Timestamp, settings: &ArchiveSettings) -> Result<Timestamp, jiff::Error> {
    hour.checked_add(SignedDuration::from_hours(1))?
        .checked_add(settings.grace)
}
