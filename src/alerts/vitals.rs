//! What the rules look at.

use crate::{
    dependencies::{DATABASE, STORE},
    http::{DependencyStatus, HealthView},
};
use millrace_actors::{
    ingress::IngressStatus,
    recent::{Happened, ItemCounts, Recent, WINDOW},
    writer::postgres::{Database, PoolStatus},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How things are at one moment. Plain values, so that a rule is a plain function.
#[derive(Clone, Debug)]
pub struct Vitals {
    /// Deliveries come from the broker; else why not.
    pub broker: Result<(), String>,
    /// The object store does its work; else why not.
    pub object_store: Result<(), String>,
    /// The database does its work; else why not.
    pub database: Result<(), String>,
    /// How full the database pool is.
    pub pool: PoolStatus,
    /// The last minute.
    pub minute: Happened,
    /// The last five minutes.
    pub five_minutes: Happened,
    /// Items of before: the quarter of an hour, without its last three minutes.
    pub before: ItemCounts,
    /// How much of that time this process has seen.
    pub before_seen: Duration,
}

/// Where vitals are taken.
#[derive(Clone)]
pub struct VitalSigns {
    /// What happened lately.
    pub recent: Recent,
    /// The dependencies as readiness sees them.
    pub health: Arc<dyn HealthView>,
    /// The broker.
    pub ingress: IngressStatus,
    /// The pool.
    pub database: Database,
    /// When the process began to look.
    pub started: Instant,
}

/// What is younger is not compared with: a spike that has begun must not hide itself.
pub(super) const BEFORE_ENDS: Duration = Duration::from_secs(3 * 60);

const MINUTE: Duration = Duration::from_secs(60);

// === impl VitalSigns ===

impl VitalSigns {
    /// How things are at `now`.
    pub fn take(&self, now: Instant) -> Vitals {
        let dependencies = self.health.dependencies();
        let [object_store, database] = [STORE, DATABASE].map(|name| state(&dependencies, name));
        let (all, late) = (
            self.recent.within(now, WINDOW).all_items(),
            self.recent.within(now, BEFORE_ENDS).all_items(),
        );
        let observed = now.saturating_duration_since(self.started).min(WINDOW);
        Vitals {
            broker: self.broker(object_store.is_ok() && database.is_ok()),
            object_store,
            database,
            pool: self.database.pool_status(),
            minute: self.recent.within(now, MINUTE),
            five_minutes: self.recent.within(now, 5 * MINUTE),
            before: difference(all, late),
            before_seen: observed.saturating_sub(BEFORE_ENDS),
        }
    }

    /// A broker that is connected and gives nothing is lost too: the queue is gone, or may not be read.
    /// While a dependency is down, or what it held is not settled yet, nothing is taken on purpose.
    fn broker(&self, others_serve: bool) -> Result<(), String> {
        let (connection, consuming) = (self.ingress.connection(), self.ingress.consuming());
        if !connection.yes {
            return Err(format!("not connected: {}", connection.why));
        }
        if !consuming.yes && others_serve && self.ingress.progress().in_flight == 0 {
            return Err(format!("connected, but no deliveries: {}", consuming.why));
        }
        Ok(())
    }
}

fn state(dependencies: &[DependencyStatus], name: &str) -> Result<(), String> {
    match dependencies.iter().find(|dependency| dependency.name == name) {
        Some(down) if !down.ok => Err(down.why.clone().unwrap_or_else(|| "no answer".to_owned())),
        _ => Ok(()),
    }
}

/// Slots are counted at two moments, so the later sum may hold an item more.
fn difference(all: ItemCounts, part: ItemCounts) -> ItemCounts {
    ItemCounts {
        success: all.success.saturating_sub(part.success),
        error: all.error.saturating_sub(part.error),
        rejected: all.rejected.saturating_sub(part.rejected),
    }
}
