//! What goes into the arithmetic, and what comes out.

use serde::Serialize;
use std::time::Duration;

/// More would only wait for each other at the database.
pub const MOST_REPLICAS: u64 = 1_000;

/// What has to be carried.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// A second.
    pub items: f64,
    /// Of a batch, for an event is a batch.
    pub items_an_event: f64,
    /// Events at the worst moment.
    pub backlog: f64,
    /// How long that backlog may take, beside what goes on arriving.
    pub drain_seconds: f64,
    /// Of an event, as stored.
    pub object_bytes: f64,
    /// Of an event, unpacked.
    pub json_bytes: f64,
    /// What the store takes for an object.
    pub fetch_seconds: f64,
}

/// What there is to carry it.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    /// What one replica was seen to store in a second.
    pub replica_items: Option<f64>,
    /// Events that it held meanwhile, where that was looked at.
    pub held: Option<f64>,
    /// Of one replica.
    pub cores: f64,
    /// Of one replica.
    pub memory_mib: u64,
    /// Of Postgres, for all replicas.
    pub connections: u32,
    /// Of the Postgres server.
    pub postgres_cores: Option<f64>,
    /// Of one replica. The plan keeps their number, for more of them only wait for each other.
    pub writers: usize,
    /// How long a stop may take.
    pub shutdown_grace: Duration,
}

/// What to set, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// Of each replica.
    pub settings: Settings,
    /// How many there are.
    pub replicas: Replicas,
    /// Messages for each replica, ready and unacknowledged, that KEDA aims at.
    pub queue_length: u64,
    /// Of each replica, as Kubernetes wants them.
    pub resources: Resources,
    /// The values in the order in which they follow from each other.
    pub arithmetic: Vec<Line>,
    /// What binds, and what to do about it.
    pub warnings: Vec<String>,
}

/// By the names of the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Settings {
    /// Events in flight.
    pub event_prefetch_count: u64,
    /// Fetchers.
    pub max_concurrent_batch_processing: u64,
    /// Parsers.
    pub max_workers: u64,
    /// Connections that stay.
    pub database_pool_size: u64,
    /// Connections beside them; 0, for the bound is the sum.
    pub database_max_overflow: u64,
    /// MiB in flight.
    pub memory_budget_mb: u64,
}

/// Replicas that an autoscaler may choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Replicas {
    /// For what arrives.
    pub min: u64,
    /// For the backlog too.
    pub max: u64,
}

/// What a replica asks of its node.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Resources {
    /// Cores.
    pub cpu_request: f64,
    /// MiB that the planned load needs.
    pub memory_request_mb: u64,
    /// MiB that it never exceeds.
    pub memory_limit_mb: u64,
}

/// One value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The setting, or the quantity.
    pub name: &'static str,
    /// As it is printed.
    pub value: String,
    /// The formula with its numbers.
    pub because: String,
}

/// Why there is no plan.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Impossible {
    /// An object is larger than its own JSON.
    #[error(
        "--json-bytes ({json:.0}) is less than --object-bytes ({object:.0}): objects do not shrink when they are unpacked"
    )]
    Shrinks {
        /// Bytes of an event, unpacked.
        json: f64,
        /// Bytes of an event, as stored.
        object: f64,
    },
    /// A replica has no room for a single event. All in MiB.
    #[error(
        "an event weighs {weight} MiB in flight (4 bytes a byte of JSON, and its object), and --memory-mb {memory} leaves {budget} MiB for events: give a replica {needed} MiB at least, or crawl smaller batches"
    )]
    Memory {
        /// Of an event.
        weight: u64,
        /// Of a replica.
        memory: u64,
        /// What of that is left for events.
        budget: u64,
        /// The least a replica must have.
        needed: u64,
    },
    /// More than [`MOST_REPLICAS`].
    #[error(
        "the load needs {0:.0} replicas, and more than {most} on one queue and one database make no sense: give each more --cores, or see docs/scaling.md for several databases and queues",
        most = MOST_REPLICAS
    )]
    Replicas(f64),
    /// Postgres has none for us.
    #[error("--max-connections is 0: no replica could write")]
    Connections,
}
