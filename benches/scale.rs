//! What does another replica bring, and what does an item cost? The same load through 1, 2, 4 and 8 replicas, by
//! turns in one run, in two settings:
//!
//! - `full`: settings as they are by default, everything on this machine. One replica may fill the machine already;
//!   then the figure is what the others cost, and the processor time of an item is what a larger machine is sized by.
//! - `apart`: each replica takes one event at a time, some way from its servers, so it waits more than it works.
//!   That is what many machines look like from the queue and from the database.
//!
//! Ratios are to one replica of the same round. Postgres is durable here (`fsync` and full pages on): its log counts.

#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

#[path = "load/cpu.rs"]
mod cpu;
#[path = "load/mod.rs"]
#[expect(dead_code, reason = "one service alone is the load of the other benchmarks")]
mod load;

use cpu::Cpu;
use futures_util::{StreamExt, TryStreamExt};
use load::{count, median, publish};
use millrace_stack::{Options, Order, Proxies, Service, Stack, Tenant, wait_for};
use object_store::ObjectStoreExt as _;
use std::{cell::Cell, path::Path, time::Duration};
use tokio_postgres::Client;

const REPLICAS: [usize; 4] = [1, 2, 4, 8];
const PATIENCE: Duration = Duration::from_secs(600);
/// How long the servers are watched while nothing happens.
const IDLE: Duration = Duration::from_secs(2);

/// One setting.
struct Shape {
    name: &'static str,
    rounds: usize,
    items: usize,
    settings: &'static [(&'static str, &'static str)],
    /// To each server and back, each way.
    latency: Option<Duration>,
}

const SHAPES: [Shape; 2] = [
    Shape {
        name: "full",
        rounds: 5,
        items: 10_000,
        settings: &[],
        latency: None,
    },
    Shape {
        name: "apart",
        rounds: 3,
        items: 4_000,
        settings: &[("EVENT_PREFETCH_COUNT", "1"), ("MAX_WRITERS", "1")],
        latency: Some(Duration::from_millis(20)),
    },
];

/// One load through some replicas.
struct Run {
    items: f64,
    /// From the first delivery to the last commit.
    seconds: f64,
    /// While that went on, without what the servers use when nothing happens.
    cpu: Cpu,
    wal_bytes: f64,
    object_bytes: f64,
    rows: f64,
    /// The most of all replicas together.
    connections: i64,
    /// Of the replica that had the most.
    peak_mib: f64,
    /// What the replicas with the fewest and the most events had, by the even share.
    shares: (f64, f64),
}

#[tokio::main]
async fn main() {
    let durable = Options {
        durable_postgres: true,
        ..Options::default()
    };
    let stack = Stack::start_with(durable).await.unwrap();
    for shape in &SHAPES {
        let mut runs = [const { Vec::new() }; REPLICAS.len()];
        for round in 1..=shape.rounds {
            for (number, replicas) in REPLICAS.into_iter().enumerate() {
                let run = measure(&stack, shape, replicas, round).await;
                run.print(&format!("{} round {round}, {replicas} replicas", shape.name));
                runs[number].push(run);
            }
        }
        summarise(shape, &runs);
    }
}

async fn measure(stack: &Stack, shape: &Shape, replicas: usize, round: usize) -> Run {
    let tenant = stack
        .tenant(&format!("{}-{round}-{replicas}", shape.name))
        .await
        .unwrap();
    let proxies = Proxies::start(stack).await.unwrap();
    let services = start(&tenant, &proxies, shape, replicas).await;
    let published = publish(&tenant, shape.items, round).await;
    let events = published["events"].as_i64().unwrap();
    let items = published["items"].as_f64().unwrap();
    let database = tenant.connect_postgres().await.unwrap();
    database.batch_execute("CHECKPOINT").await.unwrap();

    let pids: Vec<u32> = services.iter().map(|service| service.pid().unwrap()).collect();
    let cpu = || {
        Cpu::now(
            &pids,
            stack.postgres.pid().unwrap(),
            stack.rabbitmq.pid().unwrap(),
        )
    };
    let before = cpu();
    tokio::time::sleep(IDLE).await;
    let idle = (cpu() - before).times(1.0 / IDLE.as_secs_f64());

    let (before, started, wal) = (cpu(), std::time::Instant::now(), position(&database).await);
    for service in &services {
        service.resume().unwrap();
    }
    let connections = stored(&database, events).await;
    let wal_bytes = position(&database).await - wal;
    let cpu = cpu() - before - idle.times(started.elapsed().as_secs_f64());

    let took =
        "SELECT extract(epoch FROM max(committed_at) - min(received_at))::float8 FROM ingested_batches";
    let run = Run {
        items,
        seconds: database.query_one(took, &[]).await.unwrap().get(0),
        cpu,
        wal_bytes,
        object_bytes: published["bytes"].as_f64().unwrap(),
        rows: rows(&database).await,
        connections,
        peak_mib: peak_mib(&services),
        shares: shares(&services, events).await,
    };
    if round == 1 && replicas == 1 {
        describe(&tenant, &database, items).await;
    }
    for service in &services {
        assert_eq!(service.terminate().await.unwrap(), Some(0));
    }
    run
}

/// Replicas that are ready and frozen, so that all begin with the whole load before them.
async fn start(tenant: &Tenant<'_>, proxies: &Proxies, shape: &Shape, replicas: usize) -> Vec<Service> {
    // The broker must not give up on who is frozen.
    let common = [("LOG_LEVEL", "warn"), ("RABBITMQ_HEARTBEAT_SECONDS", "300")];
    let settings: Vec<_> = shape.settings.iter().copied().chain(common).collect();
    let millrace = Path::new(env!("CARGO_BIN_EXE_millrace"));
    let start = |_| match shape.latency {
        Some(_) => tenant.service_through(proxies, millrace, &settings).unwrap(),
        None => tenant.service(millrace, &settings).unwrap(),
    };
    let services: Vec<_> = (0..replicas).map(start).collect();
    for service in &services {
        service.wait_ready(PATIENCE).await.unwrap();
    }
    for service in &services {
        service.pause().unwrap();
    }
    if let Some(latency) = shape.latency {
        for proxy in [&proxies.rabbitmq, &proxies.postgres, &proxies.objects] {
            proxy.order(Order::Latency(latency));
        }
    }
    services
}

/// Waits until so many events are stored; the most connections that were open at one look.
async fn stored(database: &Client, events: i64) -> i64 {
    let most = Cell::new(0);
    wait_for("all events in the ledger", PATIENCE, async || {
        let open = count(
            database,
            "pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
        most.set(most.get().max(open));
        count(database, "ingested_batches").await == events
    })
    .await
    .unwrap();
    most.get()
}

/// Bytes of the log since ever.
async fn position(database: &Client) -> f64 {
    let sql = "SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::float8";
    database.query_one(sql, &[]).await.unwrap().get(0)
}

async fn rows(database: &Client) -> f64 {
    let mut rows = 0;
    for table in [
        "post_analytics",
        "authors",
        "comments",
        "crawl_errors",
        "ingested_batches",
    ] {
        rows += count(database, table).await;
    }
    rows as f64
}

fn peak_mib(services: &[Service]) -> f64 {
    let peaks = services.iter().filter_map(|service| service.memory_kib("VmHWM"));
    peaks.max().unwrap_or_default() as f64 / 1_024.0
}

/// Acknowledgements come after commits, so they are waited for.
async fn shares(services: &[Service], events: i64) -> (f64, f64) {
    let even = events as f64 / services.len() as f64;
    wait_for("all events to be acknowledged", PATIENCE, async || {
        let mut processed = Vec::new();
        for service in services {
            let metrics = service.metrics().await.map_err(|error| format!("{error:#}"))?;
            processed.push(
                metrics
                    .sum("analytics_events_processed_total", &[])
                    .unwrap_or_default(),
            );
        }
        let sum: f64 = processed.iter().sum();
        if sum < events as f64 {
            return Err(format!("{sum} of {events}"));
        }
        let least = processed.iter().copied().fold(f64::INFINITY, f64::min);
        let most = processed.iter().copied().fold(0.0, f64::max);
        Ok((least / even, most / even))
    })
    .await
    .unwrap()
}

/// What an item weighs: unpacked in the store, and at rest in the database with its indexes.
async fn describe(tenant: &Tenant<'_>, database: &Client, items: f64) {
    let store = tenant.objects().unwrap();
    let objects: Vec<_> = store.list(None).try_collect().await.unwrap();
    let unpacked = futures_util::stream::iter(objects)
        .then(async |object| {
            let body = store.get(&object.location).await.unwrap().bytes().await.unwrap();
            let unpacked = zstd::decode_all(&body[..]);
            unpacked.map_or(body.len(), |unpacked| unpacked.len()) as f64
        })
        .fold(0.0, async |sum, length| sum + length)
        .await;
    let at_rest: i64 = database
        .query_one(
            "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
            &[],
        )
        .await
        .unwrap()
        .get(0);
    println!(
        "an item: {:.0} bytes of JSON, {:.0} bytes at rest in Postgres with indexes",
        unpacked / items,
        at_rest as f64 / items
    );
}

// === impl Run ===

impl Run {
    fn rate(&self) -> f64 {
        self.items / self.seconds
    }

    /// Processor seconds of 1,000 items.
    fn costs(&self) -> Cpu {
        self.cpu.times(1_000.0 / self.items)
    }

    fn print(&self, what: &str) {
        let costs = self.costs();
        println!(
            "{what}: {:.0} items/s, CPU s per 1,000 items: millrace {:.3}, Postgres {:.3}, RabbitMQ {:.3}, store {:.3}; \
             per item: {:.1} rows, {:.0} B WAL, {:.0} B object; {} connections, {:.0} MiB, shares {:.2} to {:.2}",
            self.rate(),
            costs.millrace,
            costs.postgres,
            costs.rabbitmq,
            costs.store,
            self.rows / self.items,
            self.wal_bytes / self.items,
            self.object_bytes / self.items,
            self.connections,
            self.peak_mib,
            self.shares.0,
            self.shares.1,
        );
    }
}

fn summarise(shape: &Shape, runs: &[Vec<Run>; REPLICAS.len()]) {
    println!(
        "{}, medians of {} rounds; CPU s per 1,000 items\n\
         | replicas | items/s | to one replica | millrace | Postgres | RabbitMQ | store | WAL B/item | connections | MiB a replica | shares |\n\
         |---|---|---|---|---|---|---|---|---|---|---|",
        shape.name, shape.rounds
    );
    for (replicas, these) in REPLICAS.iter().zip(runs) {
        let of = |figure: &dyn Fn(&Run) -> f64| median(these.iter().map(figure));
        let ratio = median(
            these
                .iter()
                .zip(&runs[0])
                .map(|(run, one)| run.rate() / one.rate()),
        );
        println!(
            "| {replicas} | {:.0} | {ratio:.2} | {:.3} | {:.3} | {:.3} | {:.3} | {:.0} | {:.0} | {:.0} | {:.2} to {:.2} |",
            of(&Run::rate),
            of(&|run| run.costs().millrace),
            of(&|run| run.costs().postgres),
            of(&|run| run.costs().rabbitmq),
            of(&|run| run.costs().store),
            of(&|run| run.wal_bytes / run.items),
            of(&|run| run.connections as f64),
            of(&|run| run.peak_mib),
            of(&|run| run.shares.0),
            of(&|run| run.shares.1),
        );
    }
}
