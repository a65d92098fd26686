//! Brings the schema up to date. The migrations are in the binary.

use super::{BadConnectionString, blame::reason_of, database::configure, tls::Connector};
use crate::writer::PostgresSettings;
use refinery::{Runner, Target};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::{Client, types::Type};

mod embedded {
    refinery::embed_migrations!("../schema/migrations");
}

/// One step of the schema.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Migration {
    /// Position, from 1.
    pub version: i32,
    /// What it does.
    pub name: String,
}

/// What [`migrate`] found and did.
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
    /// Somebody else migrates and does not finish.
    #[error(
        "another process has been migrating this database for {0:?}: look for it in pg_stat_activity, end it or wait, and try again"
    )]
    Busy(Duration),
    /// A migration failed; those before it stand.
    #[error("{0}{cause}", cause = cause_of(.0))]
    Failed(#[from] refinery::Error),
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
}

/// Where applied migrations are recorded.
const HISTORY: &str = "millrace_schema_history";

/// Our advisory lock: "millrace" in ASCII.
const LOCK: i64 = i64::from_be_bytes(*b"millrace");

/// How long a replica waits for another's migration: an index on a large table takes a while.
const LOCK_PATIENCE: Duration = Duration::from_secs(30 * 60);

/// A migration of this name is run statement by statement outside a transaction.
const OUTSIDE_TRANSACTION: &str = "_concurrently";

/// Applies what is missing. Safe from several processes at once.
///
/// Where something is missing it needs a connection of its own for as long as it takes: not one through a
/// pooler in transaction mode. To find that nothing is, any connection will do.
pub async fn migrate(settings: &PostgresSettings) -> Result<MigrationReport, MigrateError> {
    migrate_with(settings, embedded::migrations::runner()).await
}

/// What [`migrate`] would apply. Changes nothing.
pub async fn pending(settings: &PostgresSettings) -> Result<Vec<Migration>, MigrateError> {
    let runner = embedded::migrations::runner();
    let mut client = connect(settings).await?;
    Ok(Plan::read(&runner, &mut client).await?.pending)
}

async fn migrate_with(settings: &PostgresSettings, runner: Runner) -> Result<MigrationReport, MigrateError> {
    let mut client = connect(settings).await?;
    let plan = Plan::read(&runner, &mut client).await?;
    // A database that is up to date is not locked, so a start next to a long migration is quick.
    let plan = if plan.pending.is_empty() {
        plan
    } else {
        limit(&client).await?;
        lock(&client).await?;
        Plan::read(&runner, &mut client).await?
    };
    if !plan.unknown.is_empty() {
        tracing::warn!(unknown = ?plan.unknown, "the database is newer than this binary; going on with it as it is");
    }
    for migration in &plan.pending {
        apply(&runner, &mut client, migration).await?;
        tracing::info!(
            version = migration.version,
            name = migration.name,
            "applied migration"
        );
    }
    // The lock ends with the connection.
    Ok(MigrationReport {
        applied: plan.pending,
        unknown: plan.unknown,
    })
}

async fn connect(settings: &PostgresSettings) -> Result<Client, MigrateError> {
    let address = configure(settings)?;
    let connecting = address.config.connect(Connector::to(&address));
    let Ok(connected) = timeout(settings.connect_timeout, connecting).await else {
        return Err(MigrateError::NoAnswer(settings.connect_timeout));
    };
    let (client, connection) = connected?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "migration connection closed");
        }
    });
    Ok(client)
}

async fn limit(client: &Client) -> Result<(), tokio_postgres::Error> {
    // A lock that a migration waits for blocks everybody behind it: give up before that hurts.
    let limits = "SET statement_timeout = 0; SET lock_timeout = '20s'; SET client_min_messages = warning";
    client.batch_execute(limits).await
}

/// Asks again and again instead of waiting in the server: a statement that waits holds a snapshot,
/// and CREATE INDEX CONCURRENTLY waits for every older snapshot to go, so the two would deadlock.
async fn lock(client: &Client) -> Result<(), MigrateError> {
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        let row = client
            .query_one("SELECT pg_try_advisory_lock($1)", &[&LOCK])
            .await?;
        if row.get(0) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(MigrateError::Busy(LOCK_PATIENCE));
        }
        sleep(Duration::from_millis(200)).await;
    }
}

async fn apply(runner: &Runner, client: &mut Client, migration: &Migration) -> Result<(), MigrateError> {
    let all = runner.get_migrations();
    let version = migration.version;
    let mut target = Target::Version(version);
    if migration.name.ends_with(OUTSIDE_TRANSACTION) {
        let sql = all
            .iter()
            .find(|known| known.version() == version)
            .and_then(|known| known.sql());
        for statement in statements(sql.unwrap_or_default()) {
            client.batch_execute(statement).await?;
        }
        target = Target::FakeVersion(version);
    }
    // The plan has checked what is missing on either side.
    let mut step = Runner::new(all).set_abort_missing(false).set_target(target);
    step.set_migration_table_name(HISTORY);
    step.run_async(client).await?;
    Ok(())
}

fn cause_of(error: &refinery::Error) -> String {
    match error.kind() {
        refinery::error::Kind::Connection(_, cause) => cause
            .downcast_ref::<tokio_postgres::Error>()
            .map_or_else(|| format!(": {cause}"), |cause| format!(": {}", reason_of(cause))),
        _ => String::new(),
    }
}

/// A `;` at the end of a line ends a statement.
fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(";\n").map(str::trim).filter(|statement| {
        let mut lines = statement.lines().map(str::trim);
        lines.any(|line| !line.is_empty() && !line.starts_with("--"))
    })
}

/// What a database has and lacks.
struct Plan {
    pending: Vec<Migration>,
    unknown: Vec<Migration>,
}

// === impl Plan ===

impl Plan {
    async fn read(runner: &Runner, client: &mut Client) -> Result<Self, MigrateError> {
        let known = runner.get_migrations();
        let applied = applied(client).await?;
        let mut pending = known
            .iter()
            .filter(|migration| !applied.iter().any(|there| there.version == migration.version()))
            .map(Migration::from)
            .collect::<Vec<_>>();
        pending.sort_by_key(|migration| migration.version);
        let newest = applied
            .iter()
            .map(|there| there.version)
            .max()
            .unwrap_or_default();
        if let Some(missing) = pending
            .iter()
            .map(|migration| migration.version)
            .find(|version| *version < newest)
        {
            return Err(MigrateError::OutOfOrder { newest, missing });
        }
        let unknown = applied
            .into_iter()
            .filter(|there| !known.iter().any(|migration| migration.version() == there.version))
            .collect();
        Ok(Self { pending, unknown })
    }
}

/// Prepares nothing and sets nothing, so that a pooler may stand between.
async fn applied(client: &Client) -> Result<Vec<Migration>, MigrateError> {
    let exists = client
        .query_typed("SELECT to_regclass($1) IS NOT NULL", &[(&HISTORY, Type::TEXT)])
        .await?;
    if !exists.iter().all(|row| row.get(0)) {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT version, name FROM {HISTORY} ORDER BY version");
    let rows = client.query_typed(&sql, &[]).await?;
    let migration = |row: &tokio_postgres::Row| Migration {
        version: row.get(0),
        name: row.get(1),
    };
    Ok(rows.iter().map(migration).collect())
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

    #[test]
    fn versions_are_gapless_and_what_builds_concurrently_says_so_in_its_name() {
        let runner = embedded::migrations::runner();
        let mut migrations = runner.get_migrations().iter().collect::<Vec<_>>();
        migrations.sort();
        for (index, migration) in migrations.into_iter().enumerate() {
            assert_eq!(migration.version() as usize, index + 1, "{migration}");
            let concurrent = migration.sql().unwrap().contains(" CONCURRENTLY ");
            assert_eq!(
                migration.name().ends_with(OUTSIDE_TRANSACTION),
                concurrent,
                "{migration}"
            );
        }
    }
}
