//! The days of the journal that are known to be there.

use jiff::civil::Date;
use millrace_engine::Fault;
use millrace_postgres::{Database, Failure, types::Type};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

/// How many days are made at once: the one that is asked for and a week ahead.
const AHEAD: i64 = 8;

/// Cheap to clone, and shared by its clones.
#[derive(Clone, Debug, Default)]
pub(super) struct Days(Arc<Mutex<BTreeSet<Date>>>);

// === impl Days ===

impl Days {
    /// Makes a day and those that follow, unless it is known to be there.
    pub(super) async fn ensure(&self, database: &Database, day: Date) -> Result<(), Fault> {
        if self.known(|days| days.contains(&day)) {
            return Ok(());
        }
        make(database, day).await?;
        self.known(|days| days.insert(day));
        Ok(())
    }

    /// It may be gone.
    pub(super) fn forget(&self, day: Date) {
        self.known(|days| days.remove(&day));
    }

    fn known<T>(&self, with: impl FnOnce(&mut BTreeSet<Date>) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Makes a day of the journal and the week that follows.
pub(super) async fn make(database: &Database, day: Date) -> Result<(), Fault> {
    let sql = "SELECT product_events_make($1, $2)";
    let making = async {
        let lease = database.lease().await?;
        lease
            .query_typed(sql, &[(&day, Type::DATE), (&AHEAD, Type::INT8)])
            .await?;
        lease.give_back();
        Ok::<_, Failure>(())
    };
    match tokio::time::timeout(database.limits().statement, making).await {
        Ok(made) => made.map_err(Failure::of_database),
        Err(_) => Err(database.outage("no answer about the days of the journal")),
    }
}
