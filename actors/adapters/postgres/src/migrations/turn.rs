//! Whose turn it is to migrate: an advisory lock.
//!
//! Behind a pooler in transaction mode a session belongs to no client, and a lock of a session stays with a connection of the
//! pooler when its client has gone. So the lock is a transaction's. What cannot run in a transaction runs beside one of
//! a second connection; only where there is no second is the lock the session's. One that is not used any more, of
//! whatever version of us, is taken away.

use super::{BEGIN, MigrateError};
use crate::PostgresSettings;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, Error, SimpleQueryMessage, types::Type};

/// How to wait for one's turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turns {
    /// A session that has the lock and has been idle for so long does not migrate.
    abandoned_after: Duration,
}

/// Our advisory lock: "millrace" in ASCII.
const LOCK: i64 = i64::from_be_bytes(*b"millrace");

/// How long a replica waits for another's migration: an index on a large table takes a while.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
const PAUSE: Duration = Duration::from_millis(200);
/// How long a wait lasts before it is worth a line.
const NEWS: Duration = Duration::from_secs(10);
/// How long the pooler's connection that has our lock may be busy with something else.
const CLEANING: Duration = Duration::from_secs(30);

/// Who has the lock. Roles without the right to see the sessions of others see no state.
const HOLDER: &str = "\
    SELECT a.pid, coalesce(a.application_name, ''), coalesce(a.state, 'unknown'), \
           coalesce(a.state = 'idle' AND a.state_change < clock_timestamp() - $1::float8 * interval '1 second', false) \
    FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
      AND l.classid::bigint = $2 >> 32 AND l.objid::bigint = $2 & 4294967295 AND a.datname = current_database()";

/// A session with the lock.
struct Holder {
    pid: i32,
    application: String,
    state: String,
    abandoned: bool,
}

// === impl Turns ===

impl Turns {
    pub(super) fn of(settings: &PostgresSettings) -> Self {
        Self {
            abandoned_after: settings.statement_timeout.max(Duration::from_secs(1)),
        }
    }

    /// Begins a transaction that has the lock.
    pub(super) async fn begin(self, client: &Client) -> Result<(), MigrateError> {
        self.wait(client, async || {
            client.batch_execute(BEGIN).await?;
            let mine = locks(client, "pg_try_advisory_xact_lock").await?;
            if !mine {
                client.batch_execute("ROLLBACK").await?;
            }
            Ok(mine)
        })
        .await
    }

    /// Takes the lock for the session.
    pub(super) async fn take(self, client: &Client) -> Result<(), MigrateError> {
        self.wait(client, async || locks(client, "pg_try_advisory_lock").await)
            .await
    }

    /// Gives the session's lock back, wherever it is.
    pub(super) async fn give_back(self, client: &Client) -> Result<(), Error> {
        if locks(client, "pg_advisory_unlock").await? {
            return Ok(());
        }
        tracing::warn!(
            "a pooler in transaction mode stands before the database and kept the lock of the migration; \
             closing its connection that has it"
        );
        let deadline = Instant::now() + CLEANING;
        while let Some(holder) = self.holder(client).await?
            && Instant::now() < deadline
        {
            if holder.state == "idle" {
                holder.end(client).await?;
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Asks again and again instead of waiting in the server: a statement that waits holds a snapshot,
    /// and CREATE INDEX CONCURRENTLY waits for every older snapshot to go, so the two would deadlock.
    async fn wait(
        self,
        client: &Client,
        ours: impl AsyncFn() -> Result<bool, Error>,
    ) -> Result<(), MigrateError> {
        let started = Instant::now();
        let mut told = false;
        loop {
            if ours().await? {
                return Ok(());
            }
            let holder = self.holder(client).await?;
            if let Some(holder) = holder.as_ref().filter(|holder| holder.abandoned) {
                tracing::warn!(
                    holder = holder.describe(),
                    "ending a session that keeps the lock of the migrations and does nothing"
                );
                holder.end(client).await?;
            }
            let waited = started.elapsed();
            if waited >= NEWS && !std::mem::replace(&mut told, true) {
                let holder = holder.as_ref().map(Holder::describe);
                tracing::info!(holder, "waiting for another process that migrates this database");
            }
            if waited >= PATIENCE {
                let holder =
                    holder.map_or_else(|| "which cannot be seen".to_owned(), |holder| holder.describe());
                return Err(MigrateError::Busy { waited, holder });
            }
            sleep(PAUSE).await;
        }
    }

    async fn holder(self, client: &Client) -> Result<Option<Holder>, Error> {
        let idle = self.abandoned_after.as_secs_f64();
        let rows = client
            .query_typed(HOLDER, &[(&idle, Type::FLOAT8), (&LOCK, Type::INT8)])
            .await?;
        Ok(rows.first().map(|row| Holder {
            pid: row.get(0),
            application: row.get(1),
            state: row.get(2),
            abandoned: row.get(3),
        }))
    }
}

/// By a simple query: one with parameters would keep its snapshot for as long as the transaction lasts.
async fn locks(client: &Client, function: &str) -> Result<bool, Error> {
    let answer = client.simple_query(&format!("SELECT {function}({LOCK})")).await?;
    Ok(answer
        .iter()
        .any(|message| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("t"))))
}

// === impl Holder ===

impl Holder {
    fn describe(&self) -> String {
        let Self {
            pid,
            application,
            state,
            ..
        } = self;
        format!("process {pid} of the server (application {application:?}, {state})")
    }

    /// Ends its session. That is allowed for sessions of one's own role; else it is left.
    async fn end(&self, client: &Client) -> Result<(), Error> {
        let ended = client
            .query_typed("SELECT pg_terminate_backend($1)", &[(&self.pid, Type::INT4)])
            .await;
        match ended {
            Err(error) if error.as_db_error().is_none() => Err(error),
            Err(error) => {
                tracing::debug!(%error, "that session is not ours to end");
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }
}
