//! Keeps the sums of the ledger in step with it, so that page and API do not read all of it (see `V7__rollups.sql`; the
//! function is that of `V12__rollup_fold_in_linear_time.sql`). One replica does it at a time; the others leave it to that.

use millrace_engine::Fault;
use millrace_postgres::{Database, Failure, types::Type};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info, warn};

/// Pause between two looks for changes,
const PAUSE: Duration = Duration::from_secs(2);
/// or so many times as long as the last took, so that it costs a hundredth of a core at most.
const SHARE: u32 = 100;
/// So many failures are nothing to talk of: the schema may be about to be migrated.
const QUIET: u32 = 2;
/// Bound on one look: after a long outage there may be much to add.
const PATIENCE: Duration = Duration::from_secs(60);
/// Our advisory lock: "sums" beside the "millrace" of migrations, in ASCII.
const LOCK: i64 = i64::from_be_bytes(*b"millsums");

/// The sums of one database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Rollups(Arc<Database>);

// === impl Rollups ===

impl Rollups {
    /// The sums in this database.
    pub fn new(database: Database) -> Self {
        Self(Arc::new(database))
    }

    /// Adds what changed, again and again. What fails is said once, and once when it works again: the sums are
    /// late then, and the answers say as of when they are; no event waits for them.
    pub async fn keep(self) {
        let mut failures = 0;
        loop {
            let began = Instant::now();
            match self.refresh().await {
                Ok(changes) => {
                    if failures > QUIET {
                        info!("the sums for page and API are kept up to date again");
                    }
                    failures = 0;
                    debug!(changes, "sums refreshed");
                }
                Err(error) => {
                    failures += 1;
                    if failures == QUIET + 1 {
                        warn!(%error, "the sums for page and API cannot be kept up to date; after a migration, was schema/batches/grants.sql run again?");
                    } else {
                        debug!(%error, "the sums cannot be kept up to date");
                    }
                }
            }
            sleep(PAUSE.max(began.elapsed() * SHARE)).await;
        }
    }

    /// Adds what changed since the last time; says how many changes of the ledger there were, 0 also where another
    /// replica is at it.
    ///
    /// # Errors
    /// An outage of the database, or the schema is older than this version.
    pub async fn refresh(&self) -> Result<i64, Fault> {
        match timeout(PATIENCE + self.0.limits().connect, self.fold()).await {
            Ok(Ok(changes)) => Ok(changes),
            Ok(Err(blame)) => Err(blame.of_database()),
            Err(_) => Err(Fault::outage("database", "no answer about the sums")),
        }
    }

    async fn fold(&self) -> Result<i64, Failure> {
        let lease = self.0.lease().await?;
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = {}",
            PATIENCE.as_millis()
        );
        lease.batch_execute(&begin).await?;
        // Before the first batch is stored there is nothing to lock for.
        let sql = "SELECT filled AND EXISTS (SELECT FROM rollup_changes) AND pg_try_advisory_xact_lock($1) FROM rollup_state";
        let mine = lease.query_typed(sql, &[(&LOCK, Type::INT8)]).await?;
        let mut changes = 0;
        if mine.first().is_some_and(|row| row.get(0)) {
            let folded = lease.query_typed("SELECT rollup_fold()", &[]).await?;
            changes = folded.first().map_or(0, |row| row.get(0));
        }
        lease.batch_execute("COMMIT").await?;
        lease.give_back();
        Ok(changes)
    }
}
