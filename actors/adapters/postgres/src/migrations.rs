//! Brings a schema up to date.

mod plan;
mod session;
mod turn;

use super::{BadConnectionString, Database, database::unfit_encoding, failure::reason_of};
use crate::PostgresSettings;
use jiff::Timestamp;
use plan::Plan;
use session::Sessions;
use std::time::Duration;
use tokio_postgres::{Client, types::Type};
use turn::Turns;

/// The migrations of a pipeline.
#[derive(Clone, Copy, Debug)]
pub struct Migrations {
    /// All of them, from those that are in the binary.
    pub all: fn() -> Vec<refinery::Migration>,
    /// Where those that are applied are recorded.
    pub history: &'static str,
}

/// One step of the schema.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Migration {
    /// Position, from 1.
    pub version: i32,
    /// What it does.
    pub name: String,
}

/// What was found and done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrationReport {
    /// Applied now, in this order.
    pub applied: Vec<Migration>,
    /// In the database and not in this binary: a newer version was here. That is no error, for
    /// going back must be possible, and migrations keep the version before them working.
    pub unknown: Vec<Migration>,
}

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The settings name no database.
    #[error(transparent)]
    Url(#[from] BadConnectionString),
    /// The database cannot be reached, or failed on the way.
    #[error("database: {}", reason_of(.0))]
    Database(#[from] tokio_postgres::Error),
    /// The database cannot be reached in time.
    #[error("database: no answer within {0:?}")]
    NoAnswer(Duration),
    /// The pool has no connection.
    #[error("database: {0}")]
    Pool(String),
    /// The database cannot hold all text.
    #[error("database: {0}")]
    Encoding(String),
    /// Another process migrates and does not finish.
    #[error(
        "another process has been migrating this database for {waited:?}, {holder}: end it or wait, and try again"
    )]
    Busy {
        /// How long that was waited for.
        waited: Duration,
        /// Who that is, as the server knows it.
        holder: String,
    },
    /// A migration failed; those before it stand.
    #[error("migration V{version} ({name}): {}", reason_of(.cause))]
    Failed {
        /// Its position.
        version: i32,
        /// What it does.
        name: String,
        /// What the database said.
        cause: tokio_postgres::Error,
    },
    /// A migration is missing below one that is there.
    #[error(
        "the database has migration {newest} but not {missing}: it was migrated by a version that is not an ancestor of this one"
    )]
    OutOfOrder {
        /// The newest that is there.
        newest: i32,
        /// The one that is not.
        missing: i32,
    },
    /// A migration is there that is not ours.
    #[error(
        "migration {0} of the database is not that of this version: it was migrated by a version that is not an ancestor of this one"
    )]
    Divergent(i32),
}

/// A migration of this name is run statement by statement outside a transaction.
pub const OUTSIDE_TRANSACTION: &str = "_concurrently";

/// Limits of a transaction that migrates: it may take long, but a lock that it waits for blocks all that wait behind it,
/// so it gives up before that hurts. Local, so that they hold behind a pooler and stay with no session.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 0; \
     SET LOCAL lock_timeout = '20s'; SET LOCAL idle_in_transaction_session_timeout = 0; \
     SET LOCAL client_min_messages = warning";

// === impl Migrations ===

impl Migrations {
    /// Applies what is missing, over connections of its own. Safe from several processes at once.
    ///
    /// # Errors
    /// The database is not available, or a migration failed.
    pub async fn migrate(self, settings: &PostgresSettings) -> Result<MigrationReport, MigrateError> {
        self.run(&Sessions::Own(settings)).await
    }

    /// The same over connections of the pool, which thus stays the bound on connections.
    ///
    /// # Errors
    /// The database is not available, or a migration failed.
    pub async fn migrate_over(self, pool: &Database) -> Result<MigrationReport, MigrateError> {
        self.run(&Sessions::Pool(pool)).await
    }

    /// What would be applied. Changes nothing.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn pending(self, settings: &PostgresSettings) -> Result<Vec<Migration>, MigrateError> {
        let client = Sessions::Own(settings).open().await?;
        check_encoding(&client).await?;
        let plan = Plan::read(&(self.all)(), self.history, &client).await?;
        Ok(plan.pending.iter().map(Migration::from).collect())
    }

    async fn run(self, sessions: &Sessions<'_>) -> Result<MigrationReport, MigrateError> {
        let client = sessions.open().await?;
        check_encoding(&client).await?;
        // A database that is up to date is not locked, so a start next to a long migration is quick.
        let plan = Plan::read(&(self.all)(), self.history, &client).await?;
        if !plan.unknown.is_empty() {
            tracing::warn!(unknown = ?plan.unknown, "the database is newer than this binary; going on with it as it is");
        }
        let turns = sessions.turns();
        let mut applied = Vec::new();
        for migration in &plan.pending {
            let mine = if migration.name().ends_with(OUTSIDE_TRANSACTION) {
                let second = sessions.second().await;
                self.apply_outside(&client, second.as_deref(), migration, turns)
                    .await?
            } else {
                self.apply(&client, migration, turns).await?
            };
            if mine {
                tracing::info!(
                    version = migration.version(),
                    name = migration.name(),
                    "applied migration"
                );
                applied.push(Migration::from(migration));
            }
        }
        client.give_back();
        Ok(MigrationReport {
            applied,
            unknown: plan.unknown,
        })
    }

    /// Applies a migration in a transaction that holds the lock; false where another process has done so.
    async fn apply(
        self,
        client: &Client,
        migration: &refinery::Migration,
        turns: Turns,
    ) -> Result<bool, MigrateError> {
        turns.begin(client).await?;
        let applying = async {
            if self.is_applied(client, migration).await? {
                return Ok(false);
            }
            client.batch_execute(migration.sql().unwrap_or_default()).await?;
            self.record(client, migration).await?;
            client.batch_execute("COMMIT").await?;
            Ok(true)
        };
        let applied = applying.await;
        if !matches!(applied, Ok(true)) {
            // Where that fails the connection has, and the transaction with it.
            let _ = client.batch_execute("ROLLBACK").await;
        }
        applied.map_err(|cause| failed(migration, cause))
    }

    /// The same for what cannot run in a transaction: that of the `second` connection has the lock meanwhile.
    async fn apply_outside(
        self,
        client: &Client,
        second: Option<&Client>,
        migration: &refinery::Migration,
        turns: Turns,
    ) -> Result<bool, MigrateError> {
        let sql = migration.sql().unwrap_or_default();
        match second {
            Some(second) => turns.begin(second).await?,
            None => turns.take(client).await?,
        }
        let applying = async {
            if self.is_applied(client, migration).await? {
                return Ok(false);
            }
            let limited = has_time_limit(client).await?;
            if limited {
                client.batch_execute("SET statement_timeout = 0").await?;
            }
            for statement in statements(sql) {
                client.batch_execute(statement).await?;
            }
            if limited {
                client.batch_execute("RESET statement_timeout").await?;
            }
            self.record(client, migration).await?;
            Ok(true)
        };
        let applied = applying.await;
        let ended = match second {
            Some(second) => second.batch_execute("ROLLBACK").await,
            None => turns.give_back(client).await,
        };
        let applied = applied.map_err(|cause| failed(migration, cause))?;
        ended?;
        Ok(applied)
    }

    async fn is_applied(
        self,
        client: &Client,
        migration: &refinery::Migration,
    ) -> Result<bool, tokio_postgres::Error> {
        let history = self.history;
        let table = format!(
            "CREATE TABLE IF NOT EXISTS {history} \
             (version int4 PRIMARY KEY, name varchar(255), applied_on varchar(255), checksum varchar(255))"
        );
        client.batch_execute(&table).await?;
        let sql = format!("SELECT FROM {history} WHERE version = $1");
        let found = client
            .query_typed(&sql, &[(&migration.version(), Type::INT4)])
            .await?;
        Ok(!found.is_empty())
    }

    async fn record(
        self,
        client: &Client,
        migration: &refinery::Migration,
    ) -> Result<(), tokio_postgres::Error> {
        let history = self.history;
        let sql =
            format!("INSERT INTO {history} (version, name, applied_on, checksum) VALUES ($1, $2, $3, $4)");
        let (now, checksum) = (Timestamp::now().to_string(), migration.checksum().to_string());
        client
            .execute_typed(
                &sql,
                &[
                    (&migration.version(), Type::INT4),
                    (&migration.name(), Type::VARCHAR),
                    (&now, Type::VARCHAR),
                    (&checksum, Type::VARCHAR),
                ],
            )
            .await?;
        Ok(())
    }
}

async fn check_encoding(client: &Client) -> Result<(), MigrateError> {
    let rows = client.query_typed("SHOW server_encoding", &[]).await?;
    match rows.first().and_then(|row| unfit_encoding(row.get(0))) {
        Some(why) => Err(MigrateError::Encoding(why)),
        None => Ok(()),
    }
}

/// Building an index takes its time. The limit is lifted only where there is one, for behind a pooler what is set for
/// a session stays with others.
async fn has_time_limit(client: &Client) -> Result<bool, tokio_postgres::Error> {
    let sql = "SELECT current_setting('statement_timeout') <> '0'";
    let rows = client.query_typed(sql, &[]).await?;
    Ok(rows.iter().any(|row| row.get(0)))
}

fn failed(migration: &refinery::Migration, cause: tokio_postgres::Error) -> MigrateError {
    MigrateError::Failed {
        version: migration.version(),
        name: migration.name().to_owned(),
        cause,
    }
}

/// A `;` at the end of a line ends a statement.
fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(";\n").map(str::trim).filter(|statement| {
        let mut lines = statement.lines().map(str::trim);
        lines.any(|line| !line.is_empty() && !line.starts_with("--"))
    })
}

// === impl Migration ===

impl From<&refinery::Migration> for Migration {
    fn from(migration: &refinery::Migration) -> Self {
        Self {
            version: migration.version(),
            name: migration.name().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_semicolon_at_the_end_of_a_line_ends_a_statement() {
        let sql = "-- why; and how\nDROP INDEX a;\n\nCREATE INDEX a ON t (b)\n    WHERE c = ';';\n-- done;\n";
        let found = statements(sql).collect::<Vec<_>>();
        assert_eq!(
            found,
            [
                "-- why; and how\nDROP INDEX a",
                "CREATE INDEX a ON t (b)\n    WHERE c = ';'"
            ]
        );
    }
}
