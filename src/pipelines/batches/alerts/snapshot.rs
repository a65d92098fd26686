//! What the rules look at.

use crate::{
    health::DependencyStatus,
    pipelines::batches::probes::{DATABASE, STORE},
};
use millrace_amqp::AmqpStatus;
use millrace_batches::recent::{Happened, ItemCounts, Recent, WINDOW};
use millrace_postgres::{Database, PoolStatus};
use std::time::{Duration, Instant};

/// How things are at one moment. Plain values, so that a rule is a plain function.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    /// Deliveries come from the broker; else why not.
    pub(super) broker: Result<(), String>,
    /// The object store does its work; else why not.
    pub(super) object_store: Result<(), String>,
    /// The database does its work; else why not.
    pub(super) database: Result<(), String>,
    /// How full the database pool is.
    pub(super) pool: PoolStatus,
    /// The last minute.
    pub(super) minute: Happened,
    /// The last five minutes.
    pub(super) five_minutes: Happened,
    /// Items of before: the quarter of an hour, without its last three minutes.
    pub(super) before: ItemCounts,
    /// How much of that time this process has seen.
    pub(super) before_seen: Duration,
}

/// Where snapshots are taken.
pub(in crate::pipelines::batches) struct SnapshotSource {
    /// What happened lately.
    pub(in crate::pipelines::batches) recent: Recent,
    /// The broker.
    pub(in crate::pipelines::batches) ingress: AmqpStatus,
    /// The pool.
    pub(in crate::pipelines::batches) database: Database,
    /// When the process began to look.
    pub(in crate::pipelines::batches) started: Instant,
}

/// The way in, at one moment.
struct Ingress {
    connected: Result<(), String>,
    consuming: Result<(), String>,
    in_flight: usize,
}

/// What is younger is not compared with: a spike that has begun must not hide itself.
const BEFORE_ENDS: Duration = Duration::from_secs(3 * 60);

const MINUTE: Duration = Duration::from_secs(60);

// === impl SnapshotSource ===

impl SnapshotSource {
    /// How things are at `now`, with the dependencies as readiness sees them.
    pub(super) fn take(&self, now: Instant, dependencies: &[DependencyStatus]) -> Snapshot {
        let [object_store, database] = [STORE, DATABASE].map(|name| state(dependencies, name));
        let (all, late) = (
            self.recent.within(now, WINDOW).all_items(),
            self.recent.within(now, BEFORE_ENDS).all_items(),
        );
        let observed = now.saturating_duration_since(self.started).min(WINDOW);
        Snapshot {
            broker: broker(
                &Ingress::of(&self.ingress),
                object_store.is_ok() && database.is_ok(),
            ),
            object_store,
            database,
            pool: self.database.pool_status(),
            minute: self.recent.within(now, MINUTE),
            five_minutes: self.recent.within(now, 5 * MINUTE),
            before: difference(all, late),
            before_seen: observed.saturating_sub(BEFORE_ENDS),
        }
    }
}

/// A broker that is connected and gives nothing is lost too: the queue is gone, or may not be read.
/// While a dependency is down, or what it held is not settled yet, nothing is taken on purpose.
fn broker(ingress: &Ingress, others_serve: bool) -> Result<(), String> {
    let Ingress {
        connected,
        consuming,
        in_flight,
    } = ingress;
    if let Err(why) = connected {
        return Err(format!("not connected: {why}"));
    }
    match consuming {
        Err(why) if others_serve && *in_flight == 0 => Err(format!("connected, but no deliveries: {why}")),
        _ => Ok(()),
    }
}

// === impl Ingress ===

impl Ingress {
    fn of(status: &AmqpStatus) -> Self {
        let (connection, consuming) = (status.connection(), status.consuming());
        Self {
            connected: if connection.yes {
                Ok(())
            } else {
                Err(connection.why)
            },
            consuming: if consuming.yes { Ok(()) } else { Err(consuming.why) },
            in_flight: status.progress().in_flight,
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use millrace_access::tls::TlsFiles;
    use millrace_postgres::PostgresSettings;
    use tokio::runtime::Handle;

    /// A service whose database is down.
    fn no_database() -> Vec<DependencyStatus> {
        let status = |name, ok, why: &str| DependencyStatus {
            needed: true,
            name,
            ok,
            why: Some(why.to_owned()),
            since: Timestamp::UNIX_EPOCH,
        };
        vec![
            status(STORE, true, "answers"),
            status(DATABASE, false, "disk full"),
        ]
    }

    fn signs(started: Instant) -> SnapshotSource {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let settings = PostgresSettings {
            url: "postgresql://nowhere/x".into(),
            tls: TlsFiles::default(),
            pool_size: 7,
            writers: 1,
            connect_timeout: Duration::from_secs(1),
            statement_timeout: Duration::from_secs(1),
            max_rows: 1,
            max_bytes: 1,
        };
        SnapshotSource {
            recent: Recent::new(started),
            ingress: AmqpStatus::default(),
            database: Database::new(&settings, &Handle::current()).unwrap(),
            started,
        }
    }

    #[tokio::test]
    async fn each_window_holds_what_happened_in_it() {
        let started = Instant::now();
        let after = |seconds| started + Duration::from_secs(seconds);
        let signs = signs(started);
        for (second, errors) in [(0, 1), (100, 10), (600, 100), (760, 1_000), (880, 10_000)] {
            signs.recent.note(after(second), |now| {
                now.items.entry("tiktok").or_default().error += errors;
            });
        }
        let snapshot = signs.take(after(899), &no_database());
        assert_eq!(snapshot.minute.all_items().error, 10_000);
        assert_eq!(snapshot.five_minutes.all_items().error, 11_100);
        assert_eq!(snapshot.before.error, 111);
        assert_eq!(snapshot.before_seen.as_secs(), 899 - 180);
        assert_eq!(signs.take(after(100), &no_database()).before_seen, Duration::ZERO);
        assert_eq!(
            signs.take(after(9_999), &no_database()).before_seen,
            WINDOW - BEFORE_ENDS
        );
    }

    #[tokio::test]
    async fn dependencies_are_seen_as_readiness_sees_them() {
        let started = Instant::now();
        let snapshot = signs(started).take(started, &no_database());
        assert_eq!(snapshot.object_store, Ok(()));
        assert_eq!(snapshot.database, Err("disk full".to_owned()));
        assert_eq!(
            snapshot.broker,
            Err("not connected: not connected yet".to_owned())
        );
        assert_eq!((snapshot.pool.max_size, snapshot.pool.waiting), (7, 0));
    }

    #[test]
    fn a_broker_is_lost_when_it_gives_nothing_without_need() {
        let why = |word: &str| Err(word.to_owned());
        for (connected, consuming, in_flight, others_serve, lost) in [
            (Ok(()), Ok(()), 9, true, None),
            (why("reset"), why("reset"), 0, true, Some("not connected: reset")),
            (why("reset"), why("reset"), 9, false, Some("not connected: reset")),
            (
                Ok(()),
                why("no queue"),
                0,
                true,
                Some("connected, but no deliveries: no queue"),
            ),
            (Ok(()), why("paused"), 0, false, None), // a dependency is down
            (Ok(()), why("paused"), 3, true, None),  // what was held is being settled
        ] {
            let ingress = Ingress {
                connected,
                consuming,
                in_flight,
            };
            let found = broker(&ingress, others_serve);
            assert_eq!(found.err().as_deref(), lost);
        }
    }
}
