//! The notes about redelivered events, in a table: the one durable place that every replica shares.

use super::{Database, Preparing, failure::Failure};
use futures_util::{FutureExt, TryFutureExt, future::BoxFuture};
use millrace_engine::Fault;
use millrace_engine::crashes::{CrashNotes, Found};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use tokio_postgres::{
    Row,
    types::{ToSql, Type},
};

/// A process that lives takes its notes back within this; no sooner do they count against an event.
macro_rules! fresh {
    () => {
        "last_struck_at > now() - interval '5 seconds'"
    };
}

/// What was not touched for so long no longer counts.
macro_rules! forgotten {
    () => {
        "last_struck_at < now() - interval '1 day'"
    };
}

/// Whether another process has a note in this row. One of a version before names none and only counts.
macro_rules! of_others {
    () => {
        "(array_remove(s.held_by, $2) <> '{}' OR array_remove(s.alone_by, $2) <> '{}' OR s.strikes > cardinality(s.alone_by))"
    };
}

/// Also of stored events, so that the answer about them waits for what a replicated commit waits for. In the order of
/// the keys, so that replicas that mark the same events do not deadlock.
const MARK: &str = concat!(
    "WITH known AS (SELECT DISTINCT event_id FROM unnest($1) AS event_id ORDER BY event_id) \
     INSERT INTO {notes} AS s (event_id, strikes, held_by, first_struck_at, last_struck_at) \
     SELECT event_id, 0, ARRAY[$2], now(), now() FROM known \
     ON CONFLICT (event_id) DO UPDATE SET \
         strikes = CASE WHEN s.",
    forgotten!(),
    " THEN 0 ELSE s.strikes END, \
         alone_by = CASE WHEN s.",
    forgotten!(),
    " THEN '{}' ELSE s.alone_by END, \
         held_by = CASE WHEN s.",
    forgotten!(),
    " OR NOT ",
    of_others!(),
    " THEN ARRAY[$2] ELSE s.held_by END, \
         last_struck_at = CASE WHEN s.",
    forgotten!(),
    " OR NOT ",
    of_others!(),
    " THEN now() ELSE s.last_struck_at END \
     RETURNING event_id, \
         EXISTS (SELECT FROM {ledger} AS b WHERE b.event_id = s.event_id), ",
    of_others!(),
    ", array_remove(s.alone_by, $2) <> '{}', s.",
    fresh!()
);

/// An event may be in the ledger of this server and of no standby yet: its commit may have been given up while it waited
/// for one. The message to the log gives this statement's own commit something to wait for. Without standbys to wait for
/// there is no message, and nothing to be flushed to the disk.
const STORED: &str = "\
    SELECT event_id, CASE WHEN current_setting('synchronous_standby_names') <> '' \
        THEN pg_logical_emit_message(true, 'millrace', ''::text) END \
    FROM {ledger} WHERE event_id = ANY ($1)";

const ATTEMPT: &str = concat!(
    "WITH known AS ( \
         SELECT event_id, array_remove(s.alone_by, $2) AS alone_by, s.",
    fresh!(),
    " AS fresh FROM {notes} AS s WHERE event_id = $1 AND NOT s.",
    forgotten!(),
    " AND ",
    of_others!(),
    " FOR UPDATE), \
     noted AS ( \
         UPDATE {notes} AS s SET strikes = s.strikes + (NOT $2 = ANY (s.alone_by))::int, \
             alone_by = known.alone_by || ARRAY[$2], last_struck_at = now() \
         FROM known WHERE s.event_id = known.event_id AND known.alone_by = '{}') \
     SELECT event_id, EXISTS (SELECT FROM {ledger} AS b WHERE b.event_id = known.event_id), \
         true, alone_by <> '{}', fresh FROM known"
);

const GIVE_BACK: &str = "\
    WITH left_over AS ( \
        SELECT event_id, array_remove(held_by, $2) AS held_by, array_remove(alone_by, $2) AS alone_by, \
            greatest(strikes - ($2 = ANY (alone_by))::int, 0) AS strikes \
        FROM {notes} WHERE event_id = ANY ($1) ORDER BY event_id FOR UPDATE), \
    gone AS ( \
        DELETE FROM {notes} AS s USING left_over AS o \
        WHERE s.event_id = o.event_id AND o.strikes = 0 AND o.held_by = '{}' AND o.alone_by = '{}') \
    UPDATE {notes} AS s SET held_by = o.held_by, alone_by = o.alone_by, strikes = o.strikes FROM left_over AS o \
    WHERE s.event_id = o.event_id AND NOT (o.strikes = 0 AND o.held_by = '{}' AND o.alone_by = '{}')";

const CLEAR: &str = "\
    DELETE FROM {notes} WHERE event_id IN \
    (SELECT event_id FROM {notes} WHERE event_id = ANY ($1) ORDER BY event_id FOR UPDATE)";

const TIDY: &str = concat!(
    "DELETE FROM {notes} AS s WHERE event_id IN (SELECT event_id FROM {notes} WHERE ",
    forgotten!(),
    " OR EXISTS (SELECT FROM {ledger} AS b WHERE b.event_id = {notes}.event_id) \
     ORDER BY event_id FOR UPDATE SKIP LOCKED)"
);

/// [`CrashNotes`] in Postgres, of one process.
#[derive(Clone, Debug)]
pub struct Quarantine {
    database: Database,
    process: Arc<str>,
    tables: QuarantineTables,
    /// Of the question that is asked all the time.
    preparing: Arc<Preparing>,
}

/// Where a pipeline keeps its notes, and its ledger.
#[derive(Clone, Copy, Debug)]
pub struct QuarantineTables {
    /// Of the notes: columns as in `suspects`.
    pub notes: &'static str,
    /// Of messages that are stored, by `event_id`.
    pub ledger: &'static str,
}

type Value<'a> = (&'a (dyn ToSql + Sync), Type);

// === impl QuarantineTables ===

impl QuarantineTables {
    fn named_in(self, sql: &str) -> String {
        sql.replace("{notes}", self.notes)
            .replace("{ledger}", self.ledger)
    }
}

// === impl Quarantine ===

impl Quarantine {
    /// The notes of the process that is called so for its operators. Another process of that name is another one:
    /// in a container the number of a process is always the same.
    pub fn new(database: Database, process: &str, tables: QuarantineTables) -> Self {
        let process = format!("{process}/{:016x}", rand::random::<u64>()).into();
        Self {
            database,
            process,
            tables,
            preparing: Arc::default(),
        }
    }

    async fn run(&self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, Fault> {
        let answer = async {
            let lease = self.database.lease().await?;
            let rows = lease.query_typed(&self.tables.named_in(sql), values).await?;
            lease.give_back();
            Ok::<_, Failure>(rows)
        };
        match tokio::time::timeout(self.database.limits().statement, answer).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(blame)) => Err(blame.of_database()),
            Err(_) => Err(self.database.outage("no answer about redelivered events")),
        }
    }

    /// Beside writers that want every connection it says of none that it is stored. Unlike a note it may be missed, so
    /// what goes wrong is no outage.
    async fn look(self, event_ids: Vec<String>) -> Result<Vec<bool>, Fault> {
        if self.database.pool_status().is_exhausted() {
            return Ok(vec![false; event_ids.len()]);
        }
        let sql = self.tables.named_in(STORED);
        let lease = self.database.lease().await.map_err(Failure::of_database)?;
        let asked = async {
            if self.preparing.pays() {
                let statement = lease.prepare_cached(&sql).await?;
                lease.query(&statement, &[&event_ids]).await
            } else {
                lease.query_typed(&sql, &[(&event_ids, Type::TEXT_ARRAY)]).await
            }
        };
        let Ok(answer) = tokio::time::timeout(self.database.limits().statement, asked).await else {
            self.database.cancel(lease).await;
            return Err(Fault::deferred("ledger_slow", "no answer about stored events"));
        };
        let rows = answer
            .inspect_err(|error| self.preparing.learn(error))
            .map_err(|error| Failure::from(error).of_database())?;
        lease.give_back();
        let stored: HashSet<&str> = rows.iter().map(|row| row.get(0)).collect();
        Ok(event_ids.iter().map(|id| stored.contains(&**id)).collect())
    }

    async fn about(self, sql: &'static str, event_ids: Vec<String>) -> Result<Vec<Row>, Fault> {
        let process = &*self.process;
        let mut values: Vec<Value<'_>> = vec![(&event_ids, Type::TEXT_ARRAY)];
        if sql.contains("$2") {
            values.push((&process, Type::TEXT));
        }
        self.run(sql, &values).await
    }
}

impl CrashNotes for Quarantine {
    fn mark(&self, event_ids: Vec<String>) -> BoxFuture<'static, Result<Vec<Found>, Fault>> {
        let marking = self.clone().about(MARK, event_ids.clone());
        let in_order = move |rows: Vec<Row>| {
            let found: HashMap<String, Found> = rows.iter().map(|row| (row.get(0), found(row))).collect();
            let of = |id: &String| found.get(id).copied().unwrap_or_default();
            event_ids.iter().map(of).collect()
        };
        marking.map_ok(in_order).boxed()
    }

    fn attempt(&self, event_id: String) -> BoxFuture<'static, Result<Option<Found>, Fault>> {
        let this = self.clone();
        async move {
            let values: [Value<'_>; 2] = [(&event_id, Type::TEXT), (&&*this.process, Type::TEXT)];
            let rows = this.run(ATTEMPT, &values).await?;
            Ok(rows.first().map(found))
        }
        .boxed()
    }

    fn give_back(&self, event_ids: Vec<String>) -> BoxFuture<'static, Result<(), Fault>> {
        self.clone().about(GIVE_BACK, event_ids).map_ok(drop).boxed()
    }

    fn clear(&self, event_ids: Vec<String>) -> BoxFuture<'static, Result<(), Fault>> {
        self.clone().about(CLEAR, event_ids).map_ok(drop).boxed()
    }

    fn stored(&self, event_ids: Vec<String>) -> BoxFuture<'static, Result<Vec<bool>, Fault>> {
        self.clone().look(event_ids).boxed()
    }

    fn tidy(&self) -> BoxFuture<'static, Result<(), Fault>> {
        let this = self.clone();
        async move { this.run(TIDY, &[]).await.map(drop) }.boxed()
    }
}

/// The columns after the id.
fn found(row: &Row) -> Found {
    Found {
        stored: row.get(1),
        at_hand: row.get(2),
        alone: row.get(3),
        fresh: row.get(4),
    }
}
