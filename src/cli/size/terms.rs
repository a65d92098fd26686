//! What goes into the arithmetic, and what comes out.

use serde::Serialize;

/// More would only wait for each other at the database.
pub(super) const MOST_REPLICAS: u64 = 1_000;

/// What has to be carried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// A second.
    pub(super) items: f64,
    pub(super) items_an_event: f64,
    /// Events at the worst moment.
    pub(super) backlog: f64,
    pub(super) drain_seconds: f64,
    /// Of an event, as stored.
    pub(super) object_bytes: f64,
    /// Of an event, unpacked.
    pub(super) json_bytes: f64,
    pub(super) fetch_seconds: f64,
}

/// What there is to carry it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// What one replica was seen to store in a second.
    pub(super) replica_items: Option<f64>,
    /// Events that it held meanwhile, where somebody looked.
    pub(super) held: Option<f64>,
    /// Of one replica.
    pub(super) cores: f64,
    /// Of one replica.
    pub(super) memory_mib: u64,
    /// Of Postgres, for all replicas.
    pub(super) connections: u32,
    /// Of the Postgres server.
    pub(super) postgres_cores: Option<f64>,
}

/// What to set, and why.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Plan {
    pub(super) settings: Settings,
    pub(super) replicas: Replicas,
    /// Messages for each replica, ready and unacknowledged, that KEDA aims at.
    pub(super) queue_length: u64,
    pub(super) resources: Resources,
    pub(super) arithmetic: Vec<Line>,
    pub(super) warnings: Vec<String>,
}

/// By the names of the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) struct Settings {
    pub(super) event_prefetch_count: u64,
    pub(super) max_concurrent_batch_processing: u64,
    pub(super) max_workers: u64,
    pub(super) database_pool_size: u64,
    pub(super) database_max_overflow: u64,
    pub(super) memory_budget_mb: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Replicas {
    pub(super) min: u64,
    pub(super) max: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Resources {
    pub(super) cpu_request: f64,
    pub(super) memory_request_mb: u64,
    pub(super) memory_limit_mb: u64,
}

/// One value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) because: String,
}

/// Why there is no plan.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum Impossible {
    #[error(
        "--json-bytes ({json:.0}) is less than --object-bytes ({object:.0}): objects do not shrink when they are unpacked"
    )]
    Shrinks { json: f64, object: f64 },
    #[error(
        "an event weighs {weight} MiB in flight (4 bytes a byte of JSON, and its object), and --memory-mb {memory} leaves {budget} MiB for events: give a replica {needed} MiB at least, or crawl smaller batches"
    )]
    Memory {
        weight: u64,
        memory: u64,
        budget: u64,
        needed: u64,
    },
    #[error(
        "the load needs {0:.0} replicas, and more than {most} on one queue and one database make no sense: give each more --cores, or see docs/scaling.md for several databases and queues",
        most = MOST_REPLICAS
    )]
    Replicas(f64),
    #[error("--max-connections is 0: nobody could write")]
    Connections,
}
