//! What a write costs: parsed batches of 50 posts from memory into a real Postgres with `fsync`, against binary `COPY`
//! of the very same rows over as many connections. Processor time of both sides and WAL belong to the figures: the
//! machine's mood shows in them least.
//!
//! `cargo bench --bench writer -- [case …]`; `ROUNDS`, `ITEMS`, `WRITERS` and `BATCHES` (in a write) are variables.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

#[path = "writer/copy.rs"]
mod copy;
#[path = "writer/cost.rs"]
mod cost;
#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../tests/writer_postgres/fixtures.rs"]
mod fixtures;
#[path = "writer/load.rs"]
mod load;

use cost::{Cost, Meter};
use futures_util::future::join_all;
use load::{Case, Load};
use millrace_access::tls::TlsFiles;
use millrace_batches::{
    messages::ParsedBatch,
    recent::Recent,
    write::{MIGRATIONS, Writer, WriterMetrics},
};
use millrace_engine::Sink;
use millrace_postgres::{Database, PostgresSettings};
use millrace_stack::{Options, Postgres, Stack};
use prometheus_client::registry::Registry;
use std::{cell::RefCell, env, time::Duration};
use tokio::runtime::Handle;

/// How large a run is.
#[derive(Clone, Copy)]
struct Size {
    rounds: usize,
    items: u64,
    writers: usize,
    batches: usize,
}

#[tokio::main]
async fn main() {
    let size = Size {
        rounds: number("ROUNDS", 3),
        items: number("ITEMS", 10_000) as u64,
        writers: number("WRITERS", 2),
        batches: number("BATCHES", 4),
    };
    let options = Options {
        durable_postgres: true,
        ..Options::default()
    };
    let stack = Stack::start_with(options).await.unwrap();
    stack.rabbitmq.stop().await.unwrap();
    let wanted: Vec<_> = env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    println!(
        "case     by        items/s  process µs  Postgres µs  WAL KiB  (medians of {}, an item)",
        size.rounds
    );
    for case in Case::ALL
        .into_iter()
        .filter(|case| wanted.is_empty() || wanted.contains(&case.name().to_owned()))
    {
        let (mut writes, mut copies) = (Vec::new(), Vec::new());
        for round in 0..size.rounds {
            let name = format!("{}_{round}", case.name());
            writes.push(write(&stack.postgres, &name, case, size).await);
            copies.push(copy::again(&stack.postgres, &name, size.writers, size.items).await);
        }
        println!("{:<8} writer  {}", case.name(), Cost::median(&writes));
        println!("{:<8} COPY    {}", case.name(), Cost::median(&copies));
    }
}

fn number(name: &str, otherwise: usize) -> usize {
    env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// Writes the load of a case into a database of this name.
async fn write(server: &Postgres, name: &str, case: Case, size: Size) -> Cost {
    server.create_database(name).await.unwrap();
    let settings = settings(server, name, size.writers);
    MIGRATIONS.migrate(&settings).await.unwrap();
    let database = Database::new(&settings, &Handle::current()).unwrap();
    let writer = Writer::new(
        database,
        WriterMetrics::register(&mut Registry::default(), Recent::default()),
    );
    let load = Load::new(case, size.items);
    feed(&writer, load.before, size).await;
    let client = server.connect(name).await.unwrap();
    client.batch_execute("VACUUM ANALYZE").await.unwrap();
    client.batch_execute("CHECKPOINT").await.unwrap();
    let meter = Meter::start(server, &client).await;
    feed(&writer, load.measured, size).await;
    meter.stop(server, &client, size.items).await
}

/// Lets as many writers as there are take what is left, a write at a time.
async fn feed(writer: &Writer, batches: Vec<ParsedBatch>, size: Size) {
    let rest = RefCell::new(batches.into_iter());
    let writers = (0..size.writers).map(async |_| {
        let mut writer = writer.clone();
        loop {
            let batches: Vec<_> = rest.borrow_mut().by_ref().take(size.batches).collect();
            if batches.is_empty() {
                return;
            }
            writer.write(&batches.iter().collect::<Vec<_>>()).await.unwrap();
        }
    });
    join_all(writers).await;
}

fn settings(server: &Postgres, name: &str, writers: usize) -> PostgresSettings {
    PostgresSettings {
        url: server.url(name).into(),
        tls: TlsFiles::default(),
        pool_size: writers + 2,
        connect_timeout: Duration::from_secs(10),
        statement_timeout: Duration::from_secs(30),
        writers,
        max_rows: 5_000,
        max_bytes: 64 << 20,
    }
}
