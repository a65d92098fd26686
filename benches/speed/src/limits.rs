//! What bounds a load: `COPY` of the same rows, the same objects fetched and dropped, the same bytes parsed.

use crate::{arena::Arena, batch::Batch, cpu::Cpu, report::Limit, shape::Case, throughput};
use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt, stream};
use millrace_batches::{
    domain::{CrawlEvent, Platform},
    parse::{ParserSettings, parse_body},
};
use millrace_engine::Delivery;
use object_store::ObjectStoreExt as _;
use std::time::Instant;
use tokio_postgres::Client;

const CONNECTIONS: i32 = 2;
const TABLES: [(&str, &str); 4] = [
    ("ingested_batches", "event_id"),
    ("post_analytics", "id"),
    ("authors", "author_key"),
    ("comments", "comment_id"),
];
const GETS: usize = 16;

/// Copies the rows of the last run into empty twins of its tables, with their keys and indexes, over two connections.
pub(crate) async fn copy(arena: &Arena<'_>, case: Case, round: usize, items: usize) -> anyhow::Result<Limit> {
    prepare(arena).await?;
    let folder = folder(arena).await?;
    let stack = arena.tenant.stack();
    let connections = (
        arena.tenant.connect_postgres().await?,
        arena.tenant.connect_postgres().await?,
    );
    let look = || Cpu::now(&[], stack.postgres.pid().unwrap_or_default(), 0);
    let (wal, before, started) = (throughput::wal(arena).await?, look(), Instant::now());
    tokio::try_join!(fill(&connections.0, &folder, 0), fill(&connections.1, &folder, 1))?;
    let seconds = started.elapsed().as_secs_f64();
    let cpu = look() - before;
    for part in 0..CONNECTIONS {
        for (table, _) in TABLES {
            std::fs::remove_file(file(&folder, table, part))?;
        }
    }
    let items = items as f64;
    Ok(Limit {
        case,
        round,
        name: "COPY".to_owned(),
        items_per_second: items / seconds,
        cpu_us_per_item: Some(cpu.postgres * 1e6 / items),
        wal_bytes_per_item: Some((throughput::wal(arena).await? - wal) / items),
    })
}

fn file(folder: &str, table: &str, part: i32) -> String {
    format!("{folder}-{table}-{part}")
}

/// The beginning of the names of files in the server's own folder.
async fn folder(arena: &Arena<'_>) -> anyhow::Result<String> {
    let data: String = arena.value("SELECT current_setting('data_directory')").await?;
    Ok(format!("{data}/{}", arena.tenant.vhost()))
}

async fn prepare(arena: &Arena<'_>) -> anyhow::Result<()> {
    let folder = folder(arena).await?;
    let database = &arena.database;
    database.batch_execute("CREATE SCHEMA twin").await?;
    for (table, key) in TABLES {
        database
            .batch_execute(&format!("CREATE TABLE twin.{table} (LIKE {table} INCLUDING ALL)"))
            .await?;
        for part in 0..CONNECTIONS {
            // In the order in which they came, as a pipeline would have them.
            let rows = format!(
                "SELECT * FROM {table} WHERE abs(hashtext({key})) % {CONNECTIONS} = {part} ORDER BY ctid"
            );
            let copy = format!(
                "COPY ({rows}) TO '{}' (FORMAT binary)",
                file(&folder, table, part)
            );
            database.batch_execute(&copy).await?;
        }
    }
    database.batch_execute("CHECKPOINT").await?;
    Ok(())
}

async fn fill(database: &Client, folder: &str, part: i32) -> anyhow::Result<()> {
    let copies = TABLES.map(|(table, _)| {
        format!(
            "COPY twin.{table} FROM '{}' (FORMAT binary);",
            file(folder, table, part)
        )
    });
    let all = format!("BEGIN; {} COMMIT", copies.concat());
    database.batch_execute(&all).await?;
    Ok(())
}

/// Fetches every object and drops it. Store and client are both this process: there is no processor time to tell apart.
pub(crate) async fn get(
    arena: &Arena<'_>,
    case: Case,
    round: usize,
    batches: &[Batch],
) -> anyhow::Result<Limit> {
    let store = arena.tenant.objects()?;
    let started = Instant::now();
    stream::iter(batches)
        .map(|batch| {
            let store = &store;
            async move { store.get(&batch.key.as_str().into()).await?.bytes().await }
        })
        .buffer_unordered(GETS)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    let items: usize = batches.iter().map(|batch| batch.items).sum();
    Ok(Limit {
        case,
        round,
        name: "GET".to_owned(),
        items_per_second: items as f64 / started.elapsed().as_secs_f64(),
        cpu_us_per_item: None,
        wal_bytes_per_item: None,
    })
}

/// Parses every object on this thread: what a core can do.
pub(crate) fn parse(case: Case, round: usize, batches: &[Batch]) -> anyhow::Result<Limit> {
    let delivery = Delivery::first(jiff::Timestamp::UNIX_EPOCH);
    let platform = Platform::new(case.shape().platform);
    let event = CrawlEvent::new("evt", "proj_0001-brand-0", platform, delivery);
    let settings = ParserSettings::default();
    let before = thread_seconds()?;
    let mut items = 0;
    for batch in batches {
        let parsed = parse_body(&batch.body, true, &event, &settings)
            .ok()
            .context("a batch of ours is refused")?;
        items += parsed.items.posts.len();
    }
    let seconds = thread_seconds()? - before;
    Ok(Limit {
        case,
        round,
        name: "parse".to_owned(),
        items_per_second: items as f64 / seconds,
        cpu_us_per_item: Some(seconds * 1e6 / items as f64),
        wal_bytes_per_item: None,
    })
}

/// Processor time of this thread: whatever else the machine does.
fn thread_seconds() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split_whitespace().next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1e9)
}
